// Filters along references ("customer.level"): what they find, what they do not tell, and open lists that follow them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json } from "../lib/client.ts";
import { createCustomer, formOf } from "../lib/demo.ts";
import type { Request } from "../lib/live.ts";
import { bodyWith, makePerson, makeRole, matrixOf, ownKey, setGrants } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";
import { change, same, sit, type } from "./desk.ts";

const CONTACT = "/forms/contact/records";
const condition = (field: string, op: string, value?: Json): Json => ({ field, op, ...(value === undefined ? {} : { value }) });
const get = (client: Client, filter: Json, form = "contact") => client.get(`/forms/${form}/records?limit=200&count=1&filter=${encodeURIComponent(JSON.stringify(filter))}`);
async function find(client: Client, filter: Json, form = "contact"): Promise<string[]> {
  const list = client.expect<{ items: Item[]; total: string }>(200, await get(client, filter, form));
  if (list.items.length < 200) assert.equal(list.total, String(list.items.length));
  return list.items.map((item) => item.id).sort();
}
const contactOf = async (client: Client, customer: string, name = "路径"): Promise<Item & { pos: string }> =>
  client.expect(201, await client.post(CONTACT, { fields: { customer, name } }));

test("a path finds what a join finds, with every operator, and under not only what is known", async () => {
  const manager = await login("manager");
  const name = `联${ownKey("x")}`;
  const values: Record<string, Json>[] = [
    { stage: "won", registered_capital: "2000000.00", birthday: "1980-02-29", tags: ["vip"], name: `观澜重庆有限公司${name}` },
    { stage: "lost", registered_capital: "0.50", birthday: "1990-01-01", tags: null },
    { stage: "lead", registered_capital: null, birthday: null, tags: ["vip", "key_account"] },
    { stage: "won", registered_capital: "1000000.00", birthday: "2001-12-31", last_follow_up_at: new Date().toISOString() },
  ];
  const tags = (await formOf(manager)).fields.find((field) => field.key === "tags")?.options?.map((option) => option.key) ?? [];
  for (const more of values) {
    if (Array.isArray(more["tags"])) more["tags"] = tags.slice(0, more["tags"].length);
    const customer = await createCustomer(manager, more);
    manager.expect(201, await manager.post(CONTACT, { fields: { customer: customer.id, name, decision_maker: more["stage"] === "lead" } }));
  }
  const cases: [Json, string][] = [
    [condition("customer.stage", "eq", "won"), "p.stage = 'won'"],
    [condition("customer.stage", "ne", "won"), "p.stage <> 'won'"],
    [condition("customer.registered_capital", "gt", "999999.999"), "p.registered_capital > 999999.999"],
    [condition("customer.birthday", "empty"), "p.birthday IS NULL"],
    [{ not: condition("customer.birthday", "lt", "1990-01-01") }, "NOT p.birthday < '1990-01-01'"],
    [{ not: condition("customer.birthday", "empty") }, "p.birthday IS NOT NULL"],
    [condition("customer.name", "contains", "重庆有限"), "LOCATE('重庆有限', p._f_name) > 0"],
    [condition("customer.name", "starts", "ＧＵＡＮ"), "FALSE"],
    [condition("customer.tags", "all", tags.slice(0, 2)), `LOCATE('"${tags[1]}"', p.tags) > 0`],
    [condition("customer.tags", "none", tags.slice(0, 1)), `LOCATE('"${tags[0]}"', p.tags) = 0`],
    [{ and: [condition("customer.stage", "in", ["lead", "lost"]), condition("decision_maker", "eq", true)] }, "p.stage = 'lead'"],
    [{ or: [condition("customer.stage", "eq", "won"), condition("customer.stage", "eq", "lost")] }, "p.stage IN ('won','lost')"],
    [condition("customer.owner", "eq", "@me"), `p._owner = ${manager.session?.user.id}`],
    [condition("customer.last_follow_up_at", "within", "last_7_days"), "p.last_follow_up_at IS NOT NULL"],
  ];
  for (const [filter, where] of cases) {
    const rows = await query(`SELECT c._id FROM rec_contact c JOIN rec_customer p ON p._id = c.customer WHERE c.name = '${name}' AND (${where})`);
    assert.deepEqual(await find(manager, { and: [condition("name", "eq", name), filter] }), rows.map((row) => row["_id"] as string).sort(), `${JSON.stringify(filter)} ${where}`);
  }
});

test("a hidden field, an invented one, one past two references and a reference that is none answer alike", async () => {
  const clerk = await login("clerk");
  for (const field of ["customer.credit_line", "customer.no_such_field", "customer.", ".name", "name.customer", "no_such.name", "customer.customer.customer.name", "customer.owner.name", "customer._owner"]) {
    assert.deepEqual(faults(await get(clerk, condition(field, "empty"))), [["filter.field", "unknown"]], field);
  }
  assert.deepEqual(faults(await get(clerk, condition("customer.stage", "contains", "x"))), [["filter.op", "bad_value"]]);
  const security = await login("security");
  const role = await makeRole(ownKey("pfad"));
  const matrix = await matrixOf("contact");
  const body = bodyWith(matrix, { [role.key]: [{ rule: "condition", condition: condition("customer.stage", "eq", "won"), actions: ["list", "read"], fields: { "*": "read" } }] } as any);
  const refused = await security.put("/forms/contact/rights", body, matrix.version);
  assert.equal(refused.status, 422, "a condition of a grant looks at the row itself");
});

test("a condition on a value that is masked on the other record, or on a record that is not listed, is unknown", async () => {
  const [manager, clerk] = [await login("manager"), await login("clerk")];
  const number = "13944445555";
  const place = clerk.session?.user.department.id as string;
  const [own, other] = [await createCustomer(clerk, { phone: number }), await createCustomer(manager, { phone: number, owner: manager.session?.user.id as string, department: place })];
  const [mine, theirs] = [await contactOf(clerk, own.id), await contactOf(manager, other.id)];
  const among = async (client: Client, filter: Json) => (await find(client, { and: [filter, condition("name", "eq", "路径"), condition("customer", "in", [own.id, other.id])] }));
  const both = [mine.id, theirs.id].sort();
  assert.deepEqual(await among(manager, condition("customer.phone", "eq", number)), both);
  for (const filter of [condition("customer.phone", "eq", number), { not: condition("customer.phone", "eq", "0") }, { not: condition("customer.phone", "empty") }]) assert.deepEqual(await among(clerk, filter), [mine.id], JSON.stringify(filter));
  assert.deepEqual(await among(clerk, condition("customer.phone", "empty")), []);
  // Contacts of all, customers of his own: a path holds for the latter alone.
  const role = await makeRole(ownKey("weg"));
  await setGrants({ [role.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read" } }] }, "contact");
  await setGrants({ [role.key]: [{ rule: "owner", actions: ["list", "read"], fields: { "*": "read" } }] });
  const person = await makePerson(ownKey("weg"), "outlet11", [role.key]);
  const his = person.session?.user.id as string;
  await change(manager, own.id, { owner: his });
  const rest = condition("name", "eq", "路径");
  assert.deepEqual(await find(person, { and: [rest, condition("customer.phone", "eq", number)] }), [mine.id]);
  assert.deepEqual(await find(person, { and: [rest, { not: condition("customer.phone", "eq", "0") }] }), [mine.id]);
  assert.equal((await find(person, rest)).includes(theirs.id), true);
  // Nobody shares a channel with one who sees more of the customers.
  const wide = await makeRole(ownKey("weit"));
  await setGrants({ [wide.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read" } }] }, "contact");
  await setGrants({ [wide.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read" } }] });
  const [narrow, broad] = [await sit("weg", { client: person }), await sit("weit", { client: await makePerson(ownKey("weit"), "outlet11", [wide.key]) })];
  const request: Request = { kind: "records", form: "contact", filter: { and: [rest, condition("customer.phone", "eq", number)] }, count: true };
  const [a, b] = [await narrow.watch(request), await broad.watch(request)];
  assert.deepEqual([a.items.map((item) => item.id), b.items.length], [[mine.id], 2]);
});

test("open lists with a path follow the other record, their own rows and rights, and are right at each mark", async () => {
  const manager = await login("manager");
  const [clerk, president] = [await sit("clerk"), await sit("president")];
  const levels = ((await formOf(manager)).fields.find((field) => field.key === "level")?.options ?? []).map((option) => option.key);
  const [high, low] = levels as [string, string];
  const customers: Item[] = [];
  for (let i = 0; i < 3; i++) customers.push(await createCustomer(clerk.client, { level: i === 0 ? high : low }));
  const name = `路${ownKey("x")}`;
  for (const customer of customers) await contactOf(clerk.client, customer.id, name);
  const filter = { and: [condition("customer.level", "eq", high), condition("name", "eq", name)] };
  const request: Request = { kind: "records", form: "contact", filter, sort: "name", count: true };
  const [a, b] = [await clerk.watch(request), await president.watch(request)];
  const both = async (pos: string | number) => {
    for (const live of [clerk, president]) await same(live, pos);
  };
  assert.deepEqual([a.total, b.total], ["1", "1"]);
  await both((await change(clerk.client, customers[1]?.id as string, { level: high })).pos);
  assert.deepEqual([a.total, b.total], ["2", "2"]);
  await both((await change(clerk.client, customers[0]?.id as string, { level: null })).pos);
  assert.deepEqual([a.total, b.total], ["1", "1"]);
  await both((await contactOf(clerk.client, customers[1]?.id as string, name)).pos);
  assert.deepEqual([a.total, b.total], ["2", "2"]);
  const told = [a.deltas, b.deltas];
  await both((await change(clerk.client, customers[2]?.id as string, { notes: "没有关系" })).pos);
  assert.deepEqual([a.deltas, b.deltas], told, "what a path does not look at moves nothing");
  // Out of the clerk's sight, and back by a hand.
  const place = (await query(`SELECT _department FROM rec_customer WHERE _id = ${customers[1]?.id}`))[0]?.["_department"];
  const away = (await login("clerk3")).session?.user.department.id;
  await both(await type(`UPDATE rec_customer SET _department = ${away} WHERE _id = ${customers[1]?.id}`));
  await both(await type(`UPDATE rec_customer SET _department = ${place} WHERE _id = ${customers[1]?.id}`));
  let pos = "";
  for (let i = 0; i < 12; i++) pos = (await change(clerk.client, customers[i % 3]?.id as string, { level: [high, low][i % 2] as string })).pos;
  await both(pos);
});
