// One record: its history as its reader may see it now, and the reveal of a masked value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

const RECORDS = "/forms/customer/records";
interface History {
  items: { at: string; actor: { id: string; title: string } | null; action: string; changes: { field: string; before: Json; after: Json }[] }[];
  next: string | null;
}
const historyOf = async (client: Client, id: string, extra = ""): Promise<History> =>
  client.expect<History>(200, await client.get(`${RECORDS}/${id}/history${extra}`));
const change = async (client: Client, id: string, fields: Record<string, Json>): Promise<Item> =>
  client.expect<Item>(200, await client.patch(`${RECORDS}/${id}`, { fields }, "*"));
const told = (history: History): Record<string, unknown>[] =>
  history.items.map((item) => ({ action: item.action, ...Object.fromEntries(item.changes.map((one) => [one.field, [one.before, one.after]])) }));

test("history: newest first, with who and what, in pages, references by name", async () => {
  const clerk = await login("clerk");
  const manager = await login("manager");
  const item = await createCustomer(clerk, { stage: "lead", notes: "one" });
  await change(clerk, item.id, { notes: "two" });
  await change(manager, item.id, { stage: "won", credit_line: "1000.50" });
  const whole = await historyOf(manager, item.id);
  assert.deepEqual(whole.items.map((one) => [one.action, one.actor?.title]), [
    ["update", manager.session?.user.name], ["update", clerk.session?.user.name], ["create", clerk.session?.user.name],
  ]);
  assert.deepEqual(told(whole).slice(0, 2), [
    { action: "update", stage: ["lead", "won"], credit_line: [null, "1000.50"] }, { action: "update", notes: ["one", "two"] },
  ]);
  const created = told(whole)[2] as Record<string, unknown[]>;
  assert.deepEqual(created["owner"], [null, { id: clerk.session?.user.id, title: clerk.session?.user.name }]);
  assert.equal(whole.next, null);
  const first = await historyOf(manager, item.id, "?limit=2");
  assert.deepEqual(first.items, whole.items.slice(0, 2));
  const rest = await historyOf(manager, item.id, `?limit=2&after=${first.next}`);
  assert.deepEqual([rest.items, rest.next], [whole.items.slice(2), null]);
  for (const [extra, code] of [["limit=0", "too_small"], ["limit=201", "too_large"], ["after=x", "bad_value"], ["limit=x", "not_a_number"]] as const) {
    const reply = await manager.get(`${RECORDS}/${item.id}/history?${extra}`);
    assert.deepEqual([reply.status, faults(reply)[0]?.[1]], [422, code], extra);
  }
  assert.equal((await manager.get(`${RECORDS}/1/history`)).status, 404);
  assert.equal((await (await login("clerk3")).get(`${RECORDS}/${item.id}/history`)).status, 404, "another branch");
  for (const name of ["admin", "security", "auditor"]) assert.equal((await (await login(name)).get(`${RECORDS}/${item.id}/history`)).status, 404, name);
  const logged = await query(`SELECT login, action, detail FROM tidemark_log.event WHERE record = ${item.id} AND action = 'read' ORDER BY id DESC LIMIT 1`, "app");
  assert.deepEqual(logged, [{ login: "manager", action: "read", detail: '{"what":"history"}' }]);
});

test("history under the rights of now: hidden fields are absent, masked ones masked, what does not show is not told", async () => {
  const clerk = await login("clerk");
  const manager = await login("manager");
  const item = await createCustomer(clerk, { phone: "13811112222", notes: "one", id_no: null });
  await change(manager, item.id, { credit_line: "777.00" });
  await change(manager, item.id, { risk_grade: "high", notes: "two" });
  await change(manager, item.id, { phone: "13811119999" });
  await change(manager, item.id, { phone: "13822229999" });
  const own = told(await historyOf(clerk, item.id));
  assert.deepEqual(own.slice(0, -1), [
    { action: "update", phone: ["13811119999", "13822229999"] }, { action: "update", phone: ["13811112222", "13811119999"] }, { action: "update", notes: ["one", "two"] },
  ], "the change of a hidden field alone has left no trace");
  const page = await historyOf(clerk, item.id, "?limit=3");
  assert.equal(page.items.length, 3, "pages are as long as what there is to see");
  const colleague = await makePerson(ownKey("colleague"), "outlet11", ["clerk"]);
  const others = told(await historyOf(colleague, item.id));
  assert.deepEqual(others.slice(0, -1), [
    { action: "update", phone: ["138****9999", "138****9999"] }, { action: "update", phone: ["138****2222", "138****9999"] }, { action: "update", notes: ["one", "two"] },
  ].slice(1), "a change between two numbers that look alike is none");
  assert.deepEqual((others.at(-1) as Record<string, unknown>)["phone"], [null, "138****2222"]);
  for (const text of [JSON.stringify(own), JSON.stringify(others)]) assert.ok(!/credit_line|risk_grade|777/.test(text));
  // Rights of now, not of then: given the field, its past is there; taken, it is gone.
  const role = await makeRole(ownKey("past"));
  const grant: Grant = { rule: "all", actions: ["list", "read", "history"], fields: { "*": "hidden", credit_line: "read" } };
  await setGrants({ [role.key]: [grant] });
  const reader = await makePerson(ownKey("past"), "head", [role.key]);
  assert.deepEqual(told(await historyOf(reader, item.id)), [{ action: "update", credit_line: [null, "777.00"] }, { action: "create" }]);
  await setGrants({ [role.key]: [{ ...grant, fields: { "*": "hidden", stage: "read" } }] });
  assert.deepEqual(told(await historyOf(reader, item.id)).map((one) => one["action"]), ["create"]);
  await setGrants({ [role.key]: [{ ...grant, actions: ["list", "read"] }] });
  assert.equal((await reader.get(`${RECORDS}/${item.id}/history`)).status, 403);
});

test("reveal: for a reason, logged before it is shown, for a while; and only where a grant says so", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { phone: "13800001111", name: "揭示测试有限公司" });
  const role = await makeRole(ownKey("reveal"));
  const grant: Grant = {
    rule: "subtree", actions: ["list", "read", "reveal"], fields: { "*": "read", phone: "masked", name: "masked", owner: "masked", credit_line: "hidden" },
  };
  await setGrants({ [role.key]: [grant] });
  const name = ownKey("reveal");
  const person = await makePerson(name, "branch1", [role.key]);
  const path = `${RECORDS}/${item.id}/reveal`;
  const seen = await person.expect<Item>(200, await person.get(`${RECORDS}/${item.id}`));
  assert.deepEqual([seen.fields["phone"], seen.can.includes("reveal")], ["138****1111", true]);
  const began = Date.now();
  const shown = await person.expect<any>(200, await person.post(path, { field: "phone", reason: " 回访核对 " }));
  assert.deepEqual([shown.id, shown.field, shown.value], [item.id, "phone", "13800001111"]);
  const left = Date.parse(shown.until) - began;
  assert.ok(left > 5_000 && left < 90_000, `${left} ms`);
  const event = (await query(`SELECT login, detail, changes FROM tidemark_log.event WHERE record = ${item.id} AND action = 'reveal'`, "app"))[0];
  assert.deepEqual([event?.["login"], JSON.parse(event?.["detail"] ?? "")], [name, { field: "phone", reason: "回访核对" }]);
  assert.deepEqual((await person.expect<any>(200, await person.post(path, { field: "owner", reason: "x" }))).value, { id: clerk.session?.user.id, title: clerk.session?.user.name });
  const wrong = async (body: unknown) => {
    const reply = await person.post(path, body);
    return [reply.status, ...faults(reply).map((fault) => fault.join(" "))];
  };
  assert.deepEqual(await wrong({ field: "credit_line", reason: "x" }), [422, "field unknown"]);
  assert.deepEqual(await wrong({ field: "invented", reason: "x" }), [422, "field unknown"]);
  assert.deepEqual(await wrong({ field: "stage", reason: "x" }), [422, "field bad_value"]);
  assert.deepEqual(await wrong({ field: "phone", reason: "  " }), [422, "reason required"]);
  assert.deepEqual(await wrong({ field: "phone", reason: "x".repeat(201) }), [422, "reason too_long"]);
  assert.deepEqual(await wrong({ field: "phone", reason: "a\u0007b" }), [422, "reason not_text"]);
  assert.deepEqual(await wrong({ field: "phone" }), [422, "reason required"]);
  const n = await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${item.id} AND action = 'reveal'`, "app");
  assert.equal(n[0]?.["n"], "2", "what was refused revealed nothing");
  const colleague = await makePerson(ownKey("noreveal"), "outlet11", ["clerk"]);
  assert.equal((await colleague.post(path, { field: "phone", reason: "x" })).status, 403, "a clerk's grant has no reveal");
  assert.equal((await (await login("clerk3")).post(path, { field: "phone", reason: "x" })).status, 404);
  assert.equal((await person.post(`${RECORDS}/1/reveal`, { field: "phone", reason: "x" })).status, 404);
});

test("reveals past the hour's measure are refused, and the refusal is logged", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { phone: "13800002222" });
  const role = await makeRole(ownKey("many"));
  await setGrants({ [role.key]: [{ rule: "all", actions: ["list", "read", "reveal"], fields: { "*": "read", phone: "masked" } }] });
  const name = ownKey("many");
  const person = await makePerson(name, "head", [role.key]);
  const reply = () => person.post(`${RECORDS}/${item.id}/reveal`, { field: "phone", reason: "x" });
  const statuses = (await Promise.all(Array.from({ length: 34 }, reply))).map((one) => one.status);
  assert.equal(statuses.filter((status) => status === 200).length, 30, statuses.join());
  assert.equal(statuses.filter((status) => status === 429).length, 4);
  assert.match((await reply()).headers["retry-after"] ?? "", /^\d+$/);
  const rows = await query(`SELECT action, COUNT(*) AS n FROM tidemark_log.event WHERE login = '${name}' AND record = ${item.id} GROUP BY action ORDER BY action`, "app");
  assert.deepEqual(rows, [{ action: "refuse", n: "5" }, { action: "reveal", n: "30" }]);
});
