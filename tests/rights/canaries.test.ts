// The leak test: one record full of values that stand nowhere else, and every route that the program says it has, asked by
// everybody about it. A route that is new is asked as well, without a line here: nobody may find a value in any answer that
// his line in the contract does not give him.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, Item, Reply } from "../lib/client.ts";
import { createCustomer, creditCode, idNo, phone } from "../lib/demo.ts";
import { makePerson, makeRole, matrixOf, ownKey, setGrants } from "../lib/rights.ts";
import { document, routesOf } from "../lib/routes.ts";
import { login } from "../lib/shared.ts";

const PATH = "/forms/customer/records";
const number = String(10_000_000 + Math.floor(Math.random() * 89_999_999));
const CANARIES: Record<string, string> = {
  name: `金丝雀${number}有限公司`, phone: phone(), id_no: idNo(), legal_person: `法人${number}`, notes: `Kanarie ${number}`,
  credit_code: creditCode(), registered_capital: `${number}.17`, credit_line: `${number}.93`,
};
const ALL = Object.keys(CANARIES);
const without = (...some: string[]): string[] => ALL.filter((key) => !some.includes(key));
/** What each may find, and what each must find somewhere, so that the search can fail. */
const FINDS: Record<string, { may: string[]; must: string[] }> = {
  clerk: { may: without("credit_line"), must: without("credit_line") },
  colleague: { may: without("credit_line", "phone", "id_no"), must: ["name", "notes"] },
  clerk2: { may: [], must: [] },
  clerk3: { may: [], must: [] },
  risk: { may: ["name", "credit_code", "credit_line"], must: ["name", "credit_line"] },
  masked: { may: ["notes"], must: ["notes"] },
  president: { may: ALL, must: ALL },
  // The log shows values of fields that have no mask.
  auditor: { may: ["notes", "credit_code"], must: ["notes"] },
  admin: { may: [], must: [] },
  security: { may: [], must: [] },
};
/** Bodies that get further than a missing member. */
const BODIES: Record<string, unknown> = {
  "POST /api/v1/forms/{form}/records": { fields: { name: "x", kind: "company", credit_code: CANARIES["credit_code"], phone: CANARIES["phone"], stage: "lead" } },
  "PATCH /api/v1/forms/{form}/records/{id}": { fields: { stage: "nothing", notes: 5, credit_line: "x" } },
  "POST /api/v1/forms/{form}/records/{id}/reveal": { field: "name", reason: " " },
  "POST /api/v1/forms/{form}/records:batch": {
    create: [{ fields: { name: "x", kind: "company", credit_code: CANARIES["credit_code"], stage: "lead" } }],
    update: [{ id: "@@", version: "never", fields: { stage: "nothing", notes: 5, credit_line: "x" } }],
  },
};
/** These end or begin sessions, and say nothing of records. */
const SESSIONS = ["POST /api/v1/session", "DELETE /api/v1/session", "PUT /api/v1/session/password"];

/** Each value that is found, with what stands around it. */
function finds(replies: Reply[]): Map<string, string> {
  const text = replies.map((reply) => reply.text).join("\n");
  const found = ALL.map((key) => [key, text.indexOf(CANARIES[key] as string)] as const).filter(([, at]) => at >= 0);
  return new Map(found.map(([key, at]) => [key, text.slice(Math.max(0, at - 400), at + 60)]));
}

async function everything(client: Client, item: Item, person: string): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const route of routesOf(await document())) {
    if (SESSIONS.includes(route.name)) continue;
    for (const id of route.path.includes("{id}") && route.method === "get" ? [item.id, person] : [item.id]) {
      let path = (route.path.startsWith("/api/v1") ? route.path.slice("/api/v1".length) : `/${route.path}`).replace("{form}", "customer").replace("{id}", id);
      assert.ok(!path.includes("{"), `${route.name}: what stands in its braces is not known here`);
      if (route.path.endsWith("/rights/view") || route.path.endsWith("/rights/why")) path += `?person=${person}&${route.path.endsWith("why") ? `record=${item.id}&field=phone` : ""}`.replace(/&$/, "");
      const body = JSON.parse(JSON.stringify(route.name.endsWith("rights:preview") ? { roles: [] } : (BODIES[route.name] ?? {})).replaceAll("@@", item.id)) as unknown;
      const headers = { "if-match": "never" };
      const options = route.method === "get" ? {} : route.method === "delete" || route.name.endsWith("/restore") ? { headers } : { body, headers };
      replies.push(await client.request(route.method.toUpperCase(), path, options));
    }
  }
  const filter = (tree: unknown) => client.get(`${PATH}?filter=${encodeURIComponent(JSON.stringify(tree))}`);
  for (const [key, value] of Object.entries(CANARIES)) {
    replies.push(await filter({ field: key, op: "eq", value }), await filter({ not: { field: key, op: "eq", value: "0" } }));
    replies.push(await client.get(`${PATH}?q=${encodeURIComponent(value)}&count=1`), await client.get(`${PATH}?sort=-${key}&fields=${key}&limit=200`));
  }
  replies.push(await client.post(`${PATH}:batch`, { update: [{ id: item.id, version: item.version, fields: { name: "x", phone: "13800000000", credit_line: "1.00" } }] }));
  replies.push(await client.get(`/audit?record=${item.id}`), await client.get(`/audit?form=customer&action=update`));
  // A version of another state: what was changed since is told, if it may be.
  replies.push(await client.patch(`${PATH}/${item.id}`, { fields: { name: "x", phone: "13800000000", credit_line: "1.00" } }, item.version));
  return replies;
}

test("nobody finds in any answer of any route what his line does not give him", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const { credit_line: line, ...fields } = CANARIES;
  const item = await createCustomer(clerk, fields as Record<string, string>);
  manager.expect(200, await manager.patch(`${PATH}/${item.id}`, { fields: { credit_line: line as string } }, "*"));
  const role = await makeRole(ownKey("canary"));
  const masked = Object.fromEntries(without("notes").map((key) => [key, "masked" as const]));
  await setGrants({ [role.key]: [{ rule: "subtree", actions: ["list", "read", "history"], fields: { "*": "hidden", ...masked, notes: "read" } }] });
  assert.equal((await matrixOf()).roles.find((one) => one.key === role.key)?.grants.length, 1);
  const people: Record<string, Client> = { colleague: await makePerson(ownKey("canary"), "outlet11", ["clerk"]), masked: await makePerson(ownKey("canary"), "branch1", [role.key]) };
  const inBin = async (client: Client): Promise<Reply[]> => {
    manager.expect(200, await manager.delete(`${PATH}/${item.id}`));
    const replies = [await client.get(`${PATH}?deleted=1&limit=200&count=1`), await client.get(`${PATH}?deleted=1&q=${encodeURIComponent(CANARIES["phone"] as string)}`), await client.get(`${PATH}/${item.id}`)];
    const back = await client.request("POST", `${PATH}/${item.id}/restore`);
    if (back.status !== 200) manager.expect(200, await manager.request("POST", `${PATH}/${item.id}/restore`));
    return [...replies, back];
  };
  for (const name of Object.keys(FINDS)) {
    const client = people[name] ?? (await login(name));
    const found = finds([...(await everything(client, item, clerk.session?.user.id as string)), ...(await inBin(client))]);
    const { may, must } = FINDS[name] as { may: string[]; must: string[] };
    assert.deepEqual([...found].filter(([key]) => !may.includes(key)), [], `${name} finds what is not his`);
    assert.deepEqual(must.filter((key) => !found.has(key)), [], `${name} does not find what is his`);
  }
});

test("nobody finds a customer that he may not see in what names it", async () => {
  const [clerk, clerk2, manager] = [await login("clerk"), await login("clerk2"), await login("manager")];
  const title = `金丝雀${number}引用有限公司`;
  const customer = await createCustomer(clerk, { name: title });
  const place = { owner: clerk2.session?.user.id as string, department: clerk2.session?.user.department.id as string };
  const lead = manager.expect<Item>(201, await manager.post("/forms/opportunity/records", { fields: { customer: customer.id, name: `商机${number}`, stage: "lead", amount: "1.00", expected_on: "2026-12-31", ...place } }));
  const deal = manager.expect<Item>(201, await manager.post("/forms/contract/records", { fields: { customer: customer.id, opportunity: lead.id, amount: "1.00", status: "draft", ...place } }));
  const filter = encodeURIComponent(JSON.stringify({ field: "customer", op: "eq", value: customer.id }));
  const security = await login("security");
  for (const [name, client, may] of [["clerk2", clerk2, false], ["clerk3", await login("clerk3"), false], ["security", security, false], ["admin", await login("admin"), false], ["manager", manager, true]] as [string, Client, boolean][]) {
    const replies: Reply[] = [];
    for (const [form, id] of [["opportunity", lead.id], ["contract", deal.id]] as const) {
      const path = `/forms/${form}/records`;
      for (const rest of ["?limit=200", "?limit=200&sort=-customer&fields=customer", `?filter=${filter}&count=1`, `?q=${encodeURIComponent(title)}&count=1`, `/${id}`, `/${id}/history`]) replies.push(await client.get(`${path}${rest}`));
      replies.push(await client.get(`/forms/${form}/rights/why?person=${clerk2.session?.user.id}&record=${id}&field=customer`), await client.get(`/forms/${form}/rights/view?person=${clerk2.session?.user.id}`));
      replies.push(await client.patch(`${path}/${id}`, { fields: { customer: customer.id, amount: "x" } }, "never"), await client.post(path, { fields: { customer: customer.id } }));
    }
    replies.push(await client.get(`/audit?record=${deal.id}`), await client.get("/forms"));
    const text = replies.map((reply) => reply.text).join("\n");
    assert.deepEqual([text.includes(title), text.includes(customer.id)], [may, may], name);
  }
});
