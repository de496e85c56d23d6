// The recycle bin: DELETE, restore, the list of what was deleted; who may, what the log says, and what belongs to a record
// goes and comes back with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json, type List } from "../lib/client.ts";
import { createCustomer, creditCode, readCustomer } from "../lib/demo.ts";
import { events } from "../lib/log.ts";
import { makePerson, ownKey } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

type Deleted = Item & { deleted_at: string | null; deleted_by: { id: string; title: string } | null };
const path = (id: string, form = "customer") => `/forms/${form}/records/${id}`;
const bin = async (client: Client, form = "customer", more = ""): Promise<Deleted[]> => (await client.list(`/forms/${form}/records?deleted=1&limit=200${more}`)).items as Deleted[];
const inBin = async (client: Client, id: string, form = "customer") => (await bin(client, form)).some((item) => item.id === id);
const remove = async (client: Client, id: string, form = "customer"): Promise<{ id: string; pos: string }> => client.expect(200, await client.delete(path(id, form)));
const restore = async (client: Client, id: string, form = "customer"): Promise<Item> => client.expect(200, await client.request("POST", `${path(id, form)}/restore`));
const child = async (client: Client, form: string, fields: Record<string, Json>): Promise<Item> => client.expect(201, await client.post(`/forms/${form}/records`, { fields }));

test("a deleted record stands in no list and is not to be read or changed; the bin shows it in the same projection, and restore brings it back as it was", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { phone: "13811112222" });
  const before = new Date().toISOString();
  const gone = await remove(clerk, item.id);
  assert.equal(gone.id, item.id);
  assert.match(gone.pos, /^[^.]+\.\d+$/);
  assert.equal((await clerk.get(path(item.id))).status, 404);
  assert.equal((await clerk.patch(path(item.id), { fields: { stage: "won" } }, "*")).status, 404);
  assert.equal((await clerk.get(`${path(item.id)}/history`)).status, 404);
  assert.equal((await clerk.delete(path(item.id))).status, 404);
  assert.deepEqual((await clerk.list(`/forms/customer/records?q=${item.fields["no"]}`)).items, []);
  const [found] = (await bin(clerk)).filter((each) => each.id === item.id);
  assert.ok(found !== undefined);
  assert.deepEqual(found.fields, item.fields);
  assert.deepEqual(found.can, ["restore"]);
  assert.ok(found.deleted_at !== null && found.deleted_at >= before && found.deleted_at <= new Date().toISOString(), `${found.deleted_at}`);
  assert.deepEqual(found.deleted_by, { id: clerk.session?.user.id, title: clerk.session?.user.name });
  const back = await restore(clerk, item.id);
  assert.match(back.pos ?? "", /^[^.]+\.\d+$/);
  assert.deepEqual({ ...back, pos: undefined }, { ...item, pos: undefined });
  const { pos: _, ...rest } = back;
  assert.deepEqual(await readCustomer(clerk, item.id), rest);
  assert.equal(await inBin(clerk, item.id), false);
  const again = await restore(clerk, item.id);
  assert.equal(again.version, back.version, "one that is there already is given as it is");
});

test("who may delete and who sees the bin", async () => {
  const [clerk, clerk2, manager, president, risk] = [await login("clerk"), await login("clerk2"), await login("manager"), await login("president"), await login("risk")];
  const colleague = await makePerson(ownKey("bin"), "outlet11", ["clerk"]);
  const item = await createCustomer(clerk, { phone: "13911112222" });
  for (const [name, client, status] of [["colleague", colleague, 403], ["clerk2", clerk2, 404], ["president", president, 403], ["risk", risk, 403], ["auditor", await login("auditor"), 404]] as const) {
    assert.equal((await client.delete(path(item.id))).status, status, `${name} deletes`);
  }
  await remove(clerk, item.id);
  assert.equal(await inBin(manager, item.id), true);
  assert.equal(await inBin(clerk2, item.id), false);
  assert.equal(await inBin(colleague, item.id), false, "only what one may bring back is in one's bin");
  for (const [name, client, status] of [["colleague", colleague, 404], ["clerk2", clerk2, 404], ["president", president, 403], ["risk", risk, 403], ["auditor", await login("auditor"), 404]] as const) {
    assert.equal((await client.request("POST", `${path(item.id)}/restore`)).status, status, `${name} restores`);
  }
  for (const client of [president, risk]) assert.equal((await client.get("/forms/customer/records?deleted=1")).status, 403);
  await restore(manager, item.id);
  assert.equal((await colleague.request("POST", `${path(item.id)}/restore`)).status, 403, "seen, but not his");
  assert.equal((await clerk.request("POST", `${path("4611686018427387904")}/restore`)).status, 404);
});

test("If-Match is optional; a stale one is 412 and deletes nothing", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  clerk.expect(200, await clerk.patch(path(item.id), { fields: { stage: "contacted" } }, "*"));
  const stale = await clerk.delete(path(item.id), { headers: { "if-match": item.version } });
  assert.equal(stale.status, 412);
  assert.match(stale.problem().type, /stale$/);
  const now = await readCustomer(clerk, item.id);
  assert.equal((await clerk.delete(path(item.id), { headers: { "if-match": `"${now.version}"` } })).status, 200);
});

test("a unique value is free while its record is in the bin; restoring meets the one who has it now", async () => {
  const clerk = await login("clerk");
  const code = creditCode();
  const item = await createCustomer(clerk, { credit_code: code });
  await remove(clerk, item.id);
  const other = await createCustomer(clerk, { credit_code: code });
  const clash = await clerk.request("POST", `${path(item.id)}/restore`);
  assert.equal(clash.status, 409);
  assert.deepEqual(faults(clash), [["credit_code", "not_unique"]]);
  await remove(clerk, other.id);
  await restore(clerk, item.id);
  assert.equal((await clerk.request("POST", `${path(other.id)}/restore`)).status, 409);
});

test("contacts and follow-ups go with their customer and come back with it, but for those deleted before; alone none comes back", async () => {
  const [clerk, manager, auditor] = [await login("clerk"), await login("manager"), await login("auditor")];
  const customer = await createCustomer(clerk);
  const [kept, earlier] = [await child(clerk, "contact", { customer: customer.id, name: "甲" }), await child(clerk, "contact", { customer: customer.id, name: "乙" })];
  const visit = await child(clerk, "follow_up", { customer: customer.id, kind: "phone", at: "2026-11-20T02:00:00Z", content: "电话", by: clerk.session?.user.id as string });
  await remove(clerk, earlier.id, "contact");
  await remove(clerk, customer.id);
  for (const [form, id] of [["contact", kept.id], ["contact", earlier.id], ["follow_up", visit.id]] as const) assert.equal((await manager.get(path(id, form))).status, 404);
  const contacts = await bin(manager, "contact");
  assert.ok(contacts.some((item) => item.id === earlier.id), "what was deleted by itself is in the bin");
  assert.ok(!contacts.some((item) => item.id === kept.id), "what went with its customer is not");
  for (const id of [kept.id, earlier.id]) {
    const alone = await clerk.request("POST", `${path(id, "contact")}/restore`);
    assert.equal(alone.status, 409);
    assert.deepEqual(faults(alone), [["customer", "deleted"]]);
  }
  const late = await clerk.post("/forms/contact/records", { fields: { customer: customer.id, name: "丙" } });
  assert.equal(late.status, 422, "nothing is added to a customer in the bin");
  await restore(clerk, customer.id);
  assert.equal(clerk.expect<Item>(200, await clerk.get(path(kept.id, "contact"))).version, kept.version);
  assert.equal((await clerk.get(path(visit.id, "follow_up"))).status, 200);
  assert.equal((await clerk.get(path(earlier.id, "contact"))).status, 404);
  await restore(clerk, earlier.id, "contact");
  for (const [form, id, actions] of [["customer", customer.id, ["create", "delete", "restore"]], ["contact", kept.id, ["create", "delete", "restore"]], ["contact", earlier.id, ["create", "delete", "restore"]]] as const) {
    const told = (await events(auditor, { form, record: id })).filter((event) => !["read", "list", "refuse"].includes(event.action));
    assert.deepEqual(told.map((event) => event.action).reverse(), actions, `${form} ${id}`);
  }
  const chain = await query(`SELECT action, rev, detail FROM tidemark_log.event WHERE record = ${kept.id} AND rev IS NOT NULL ORDER BY id`, "app");
  assert.deepEqual(chain.map((row) => row["rev"]), ["1", "2", "3"]);
  assert.match(chain[1]?.["detail"] ?? "", new RegExp(`"record":"${customer.id}"`), "the cause is named");
  const history = clerk.expect<{ items: { action: string }[] }>(200, await clerk.get(`${path(customer.id)}/history`));
  assert.deepEqual(history.items.map((event) => event.action), ["restore", "delete", "create"]);
});

test("a customer whose children are more than may move at once is not deleted, and says so", async () => {
  const clerk = await login("clerk");
  const customer = await createCustomer(clerk);
  const contact = await child(clerk, "contact", { customer: customer.id, name: "甲" });
  await query(`SET max_recursive_iterations = 100000; INSERT INTO rec_contact (_id, _rev, _live, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, name) WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 2000) SELECT _id + n, 1, 1, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, name FROM rec_contact JOIN s WHERE _id = ${contact.id}`);
  const many = await clerk.delete(path(customer.id));
  assert.deepEqual([many.status, faults(many), many.problem().errors?.[0]?.limit], [422, [["related", "too_many"]], "2000"]);
  await query(`DELETE FROM rec_contact WHERE customer = ${customer.id} AND _id > ${contact.id}`);
  await remove(clerk, customer.id);
});

test("pages of the bin: newest first, searched, counted; masks hold, a sort is refused", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const word = `回收 ${ownKey("seite")}`;
  const items = [];
  for (let i = 0; i < 5; i++) items.push(await createCustomer(clerk, { name: `${word} ${i}` }));
  const order = [items[2], items[0], items[4], items[1], items[3]].map((item) => item?.id as string);
  for (const id of order) await remove(clerk, id);
  const q = `&q=${encodeURIComponent(word)}`;
  assert.deepEqual((await bin(manager, "customer", q)).map((item) => item.id), [...order].reverse());
  const seen: string[] = [];
  for (let after = ""; ; ) {
    const page: List = await clerk.list(`/forms/customer/records?deleted=1&limit=2&count=1${q}${after}`);
    seen.push(...page.items.map((item) => item.id));
    assert.equal(page.total, String(5 - (seen.length > 2 ? 1 : 0)));
    if (seen.length === 2) await restore(clerk, seen[1] as string); // the last row of a page goes: the next one goes on all the same
    if (page.next === null) break;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
  assert.deepEqual(seen, [...order].reverse());
  const sorted = await clerk.get("/forms/customer/records?deleted=1&sort=name");
  assert.deepEqual([sorted.status, faults(sorted)], [422, [["sort", "unknown"]]]);
  assert.equal((await clerk.get("/forms/customer/records?deleted=2")).status, 422);
  assert.equal((await clerk.get("/forms/customer/records?deleted=1&after=x")).status, 422);
});
