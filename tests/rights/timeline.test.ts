// The time line of a record tells what the histories of its rows tell one by one, and nothing else: what is expected is put
// together from those histories, of the rows that the same person finds by a list, never from the time line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json, type List } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

type Ref = { id: string | null; title: string | null };
interface Event {
  at: string;
  actor: Ref | null;
  action: string;
  changes: { field: string; before: Json; after: Json }[];
}
interface Line {
  items: (Event & { form: string; record: Ref })[];
  next: string | null;
  whole: boolean;
  stages?: { field: string; spans: { value: string; from: string | null; until: string | null }[] } | null;
}
const CUSTOMER = "/forms/customer/records";
const READS = ["list", "read", "history"];
const lineOf = async (client: Client, id: string, extra = ""): Promise<Line> => client.expect<Line>(200, await client.get(`${CUSTOMER}/${id}/timeline${extra}`));
const change = async (client: Client, form: string, id: string, fields: Record<string, Json>): Promise<Item> =>
  client.expect<Item>(200, await client.patch(`/forms/${form}/records/${id}`, { fields }, "*"));
const add = async (client: Client, form: string, fields: Record<string, Json>): Promise<Item> => client.expect<Item>(201, await client.post(`/forms/${form}/records`, { fields }));
const followUp = (client: Client, customer: string, content: string) =>
  add(client, "follow_up", { customer, kind: "visit", at: "2026-11-20T02:00:00Z", content, by: client.session?.user.id as string });
const summary = (line: Line) => line.items.map((item) => `${item.form} ${item.action} ${item.changes.map((one) => one.field).sort().join()}`);

/** The histories of the record and of what a list finds to belong to it, merged by time. */
async function expected(client: Client, id: string, forms: string[]): Promise<Line["items"]> {
  const items: Line["items"] = [];
  const read = async (form: string, row: string) => {
    const reply = await client.get(`/forms/${form}/records/${row}/history?limit=200`);
    if (reply.status !== 200) return;
    const page = reply.json<{ items: Event[]; next: string | null }>();
    assert.equal(page.next, null);
    items.push(...page.items.map((item) => ({ ...item, form, record: { id: row, title: null } })));
  };
  await read("customer", id);
  for (const form of forms) {
    const filter = encodeURIComponent(JSON.stringify({ field: "customer", op: "eq", value: id }));
    const reply = await client.get(`/forms/${form}/records?limit=200&filter=${filter}`);
    if (reply.status === 200) for (const row of reply.json<List>().items) await read(form, row.id);
  }
  return items.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}
const bare = (items: Line["items"]) => items.map((item) => ({ ...item, record: item.record.id }));
async function agrees(client: Client, id: string, what: string, forms = ["contact", "follow_up"]): Promise<Line> {
  const line = await lineOf(client, id, "?limit=200");
  assert.deepEqual(bare(line.items), bare(await expected(client, id, forms)), what);
  assert.equal(line.whole, true);
  const pages: Line["items"] = [];
  for (let after: string | null = ""; after !== null; ) {
    const page: Line = await lineOf(client, id, `?limit=2${after && `&after=${after}`}`);
    assert.ok(page.items.length === 2 || page.next === null, `${what}: a page has no gaps`);
    pages.push(...page.items);
    after = page.next;
  }
  assert.deepEqual(pages, line.items, `${what}: in pages`);
  return line;
}

test("a time line: a record's events and those of what belongs to it, for each as the rows' histories are for him", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const colleague = await makePerson(ownKey("zeit"), "outlet11", ["clerk"]);
  const item = await createCustomer(clerk, { stage: "lead", notes: "one", phone: "13811112222" });
  const other = await createCustomer(clerk);
  const contact = await add(clerk, "contact", { customer: item.id, name: "王芳", phone: "13900001111" });
  await followUp(clerk, other.id, "anderswo");
  await change(clerk, "customer", item.id, { stage: "contacted" });
  const visit = await followUp(clerk, item.id, "首次拜访");
  await change(manager, "customer", item.id, { credit_line: "777.00" });
  await change(clerk, "contact", contact.id, { phone: "13900009999" });
  await change(clerk, "contact", contact.id, { phone: "13988889999" });
  await change(manager, "customer", item.id, { stage: "won", risk_grade: "high" });
  await change(clerk, "follow_up", visit.id, { next_on: "2026-12-01" });

  const own = await agrees(clerk, item.id, "clerk");
  assert.deepEqual(summary(own).map((one) => one.replace(/^(\w+ create) .*/, "$1")), [
    "follow_up update next_on", "customer update stage", "contact update phone", "contact update phone", "follow_up create", "customer update stage", "contact create", "customer create",
  ]);
  assert.deepEqual(own.items[0]?.record, { id: visit.id, title: "首次拜访" });
  assert.deepEqual(own.items[1]?.record, { id: item.id, title: item.fields["name"] });
  assert.equal(own.items[1]?.actor?.title, manager.session?.user.name);
  // The state that it was in, from when to when; the ends meet, and are the events'.
  const at = (n: number) => own.items[n]?.at;
  assert.deepEqual(own.stages, { field: "stage", spans: [
    { value: "won", from: at(1), until: null }, { value: "contacted", from: at(5), until: at(1) }, { value: "lead", from: at(7), until: at(5) },
  ] });
  assert.equal("stages" in (await lineOf(clerk, item.id, `?limit=2&after=${(await lineOf(clerk, item.id, "?limit=2")).next}`)), false);

  const others = await agrees(colleague, item.id, "colleague");
  assert.equal(others.items.length, own.items.length - 1, "a change between two numbers that look alike is none");
  assert.ok(!JSON.stringify(others).includes("13900009999") && JSON.stringify(others).includes("139****9999"));
  for (const name of ["manager", "president", "risk"]) await agrees(await login(name), item.id, name);
  const risk = await lineOf(await login("risk"), item.id);
  assert.ok(risk.items.every((one) => one.form === "customer"), "risk has no contacts and no follow-ups");
  for (const name of ["clerk3", "admin", "security", "auditor"]) {
    const [unseen, absent] = [await (await login(name)).get(`${CUSTOMER}/${item.id}/timeline`), await (await login(name)).get(`${CUSTOMER}/1/timeline`)];
    const plain = (text: string) => text.replace(/"request":"[^"]*"/, "");
    assert.deepEqual([unseen.status, plain(unseen.text)], [404, plain(absent.text)], name);
  }

  // By kind, by what changed, by person; together with pages.
  assert.deepEqual(summary(await lineOf(clerk, item.id, "?kind=follow_up")), ["follow_up update next_on", summary(own)[4]]);
  assert.deepEqual(summary(await lineOf(clerk, item.id, "?kind=customer.stage")).length, 3);
  assert.deepEqual((await lineOf(clerk, item.id, `?actor=${manager.session?.user.id}`)).items, own.items.slice(1, 2));
  assert.deepEqual((await lineOf(clerk, item.id, "?kind=contact&limit=2")).items, own.items.slice(2, 4));
  assert.deepEqual((await lineOf(clerk, item.id, "?actor=1")).items, []);
  const wrong = async (extra: string) => {
    const reply = await clerk.get(`${CUSTOMER}/${item.id}/timeline?${extra}`);
    return [reply.status, ...faults(reply).map((fault) => fault.join(" "))];
  };
  for (const kind of ["invented", "customer.credit_line", "customer.invented", "customer.", "_user"]) assert.deepEqual(await wrong(`kind=${kind}`), [422, "kind unknown"], kind);
  assert.deepEqual(await wrong("limit=0&actor=x&after=y"), [422, "after bad_value", "actor not_an_id"]);
  for (const [extra, code] of [["limit=0", "too_small"], ["limit=201", "too_large"]]) assert.deepEqual(await wrong(extra as string), [422, `limit ${code}`]);
  const seen = await query(`SELECT action, form, record, detail, HEX(records) AS seen FROM tidemark_log.event WHERE login = 'president' AND detail LIKE '%timeline%' AND (record = ${item.id} OR detail LIKE '%${item.id}%') ORDER BY id LIMIT 3`, "app");
  const hex = (id: string) => BigInt(id).toString(16).toUpperCase().padStart(16, "0");
  const list = (form: string, id: string) => ({ action: "list", form, record: null, detail: JSON.stringify({ what: "timeline", form: "customer", record: item.id }), seen: hex(id) });
  assert.deepEqual(seen, [{ action: "read", form: "customer", record: item.id, detail: '{"what":"timeline"}', seen: null }, list("contact", contact.id), list("follow_up", visit.id)]);
});

test("a time line under the rights of now: without history, without the reference, without the rows", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { stage: "lead" });
  const contact = await add(clerk, "contact", { customer: item.id, name: "李雷" });
  await change(clerk, "contact", contact.id, { title: "财务总监" });
  const role = await makeRole(ownKey("linie"));
  const person = await makePerson(ownKey("linie"), "branch1", [role.key]);
  const all = (more: Partial<Grant> = {}): Grant[] => [{ rule: "all", actions: READS, fields: { "*": "read" }, ...more }];
  const contacts = async () => (await agrees(person, item.id, "made role", ["contact"])).items.filter((one) => one.form === "contact").length;
  await setGrants({ [role.key]: all() });
  await setGrants({ [role.key]: all() }, "contact");
  assert.equal(await contacts(), 2);
  await setGrants({ [role.key]: all({ actions: ["list", "read"] }) }, "contact");
  assert.equal(await contacts(), 0, "no history of contacts");
  await setGrants({ [role.key]: all({ actions: ["history"] }) }, "contact");
  assert.equal((await lineOf(person, item.id)).items.filter((one) => one.form === "contact").length, 0, "rows that are not seen");
  for (const level of ["hidden", "masked"] as const) {
    await setGrants({ [role.key]: all({ fields: { "*": "read", customer: level } }) }, "contact");
    assert.equal((await lineOf(person, item.id)).items.filter((one) => one.form === "contact").length, 0, `that it belongs here is ${level}`);
  }
  await setGrants({ [role.key]: [...all(), { rule: "condition", condition: { field: "title", op: "eq", value: "财务总监" }, deny: true, actions: ["history"], fields: {} }] }, "contact");
  assert.equal(await contacts(), 0, "denied on this very row");
  await setGrants({ [role.key]: all({ fields: { "*": "hidden", customer: "read", title: "read" } }) }, "contact");
  assert.equal(await contacts(), 2);
  assert.deepEqual((await lineOf(person, item.id)).items[0]?.record, { id: contact.id, title: null }, "a hidden title names nothing");
  await setGrants({ [role.key]: all({ fields: { "*": "read", stage: "masked" } }) });
  assert.notEqual((await lineOf(person, item.id)).stages?.field, "stage");
  await setGrants({ [role.key]: all({ actions: ["list", "read"] }) });
  assert.equal((await person.get(`${CUSTOMER}/${item.id}/timeline`)).status, 403);
});
