// Records that name others without belonging to them: what a viewer sees of the one named is what he may see of that one, by
// every way out, live as well, and whatever becomes of it. What is expected is worked out from the raw rows of the records
// named, never from what the server says of those that name them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json, type List } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import type { Live, Mirror } from "../lib/live.ts";
import { makePerson, makeRole, ownKey, setGrants } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";
import { same, sit } from "../live/desk.ts";

const CUSTOMER = "/forms/customer/records";
const OPPORTUNITY = "/forms/opportunity/records";
const CONTRACT = "/forms/contract/records";
type Ref = { id: string | null; title: string | null };
type Row = Record<string, string | null>;
const NOBODY: Ref = { id: null, title: null };
const READS = ["list", "read", "history"];

const q = (params: Record<string, Json>) =>
  "?" + Object.entries(params).map(([key, value]) => `${key}=${encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value))}`).join("&");
async function all(client: Client, form: string, params: Record<string, Json> = {}): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const page: List = client.expect<List>(200, await client.get(`/forms/${form}/records${q({ limit: 200, ...params, ...(after ? { after } : {}) })}`));
    items.push(...page.items);
    after = page.next;
  }
  return items;
}
const idsOf = (items: Item[]): string[] => items.map((item) => item.id).sort();
const make = async (client: Client, path: string, fields: Record<string, Json>): Promise<Item & { pos: string }> => client.expect(201, await client.post(path, { fields }));
const change = async (client: Client, path: string, fields: Record<string, Json>): Promise<Item & { pos: string }> => client.expect(200, await client.patch(path, { fields }, "*"));
const place = (client: Client): Record<string, Json> => ({ owner: client.session?.user.id as string, department: client.session?.user.department.id as string });
const opportunity = (client: Client, customer: string, more: Record<string, Json> = {}) => make(client, OPPORTUNITY, { customer, name: ownKey("商机"), stage: "lead", amount: "100.00", expected_on: "2026-12-31", ...more });
const contract = (client: Client, customer: string, more: Record<string, Json> = {}) => make(client, CONTRACT, { customer, amount: "100.00", status: "draft", ...more });
const one = async (client: Client, path: string): Promise<Item> => client.expect<Item>(200, await client.get(path));

test("each log-in of the demo bank sees the opportunities, contracts and payments of its records, and what they name of customers that it sees", async () => {
  // What other tests have made stands beside the demo's own.
  const rows = await query("SELECT c._id, c._department, c.customer, o.customer AS other, o.stage, o.amount AS expected, c.amount, (SELECT SUM(p.amount) FROM rec_payment p WHERE p.contract = c._id) AS due, u.login FROM rec_contract c LEFT JOIN rec_opportunity o ON o._id = c.opportunity LEFT JOIN app_user u ON u.id = c._created_by WHERE c._live = 1");
  const loaded = rows.filter((row) => row["login"] === "demo");
  const ofDemo = new Set(loaded.map((row) => row["_id"]));
  assert.ok(loaded.length > 50);
  for (const row of loaded) assert.deepEqual([row["customer"], "won", row["amount"], row["amount"]], [row["other"], row["stage"], row["expected"], row["due"]]);
  const payments = await query("SELECT p._id, p.contract, p._owner, p._department, c._owner AS co, c._department AS cd FROM rec_payment p JOIN rec_contract c ON c._id = p.contract WHERE p._live = 1");
  assert.ok(payments.length > 100 && payments.every((row) => row["_owner"] === row["co"] && row["_department"] === row["cd"]));
  for (const name of ["manager", "president", "clerk", "clerk3"]) {
    const person = await login(name);
    const contracts = await all(person, "contract");
    const seen = new Set(contracts.map((item) => item.id));
    const mine = person.session?.user.department.id as string;
    if (name.startsWith("clerk")) assert.deepEqual(idsOf(contracts), rows.filter((row) => row["_department"] === mine).map((row) => row["_id"] as string).sort());
    if (name === "president") assert.equal(contracts.length, rows.length);
    assert.deepEqual(idsOf(await all(person, "payment")), payments.filter((row) => seen.has(row["contract"] as string)).map((row) => row["_id"] as string).sort(), name);
    assert.ok(contracts.filter((item) => ofDemo.has(item.id)).every((item) => item.masked.length === 0 && (item.fields["customer"] as Ref).title && (item.fields["opportunity"] as Ref).title), name);
  }
  for (const name of ["risk", "admin", "security", "auditor"]) {
    const person = await login(name);
    for (const form of ["opportunity", "contract", "payment"]) for (const path of [`/forms/${form}`, `/forms/${form}/records`]) assert.equal((await person.get(path)).status, 404, `${name} ${path}`);
  }
  const forms = (await login("clerk")).expect<{ items: { key: string; references: Json; parent: Json }[] }>(200, await (await login("clerk")).get("/forms")).items;
  assert.deepEqual(forms.map((form) => form.key), ["customer", "contact", "follow_up", "opportunity", "contract", "payment"]);
  assert.deepEqual(forms[4]?.references, [{ form: "customer", field: "customer" }, { form: "opportunity", field: "opportunity" }]);
});

test("a customer that has gone from one's sight is unknown wherever it is named, and its moves and names are not told", async () => {
  const [manager, clerk, clerk2] = [await login("manager"), await login("clerk"), await login("clerk2")];
  const customer = await createCustomer(clerk, { name: "参照测试有限公司" });
  const other = await createCustomer(clerk);
  const item = await opportunity(clerk, customer.id);
  const path = `${OPPORTUNITY}/${item.id}`;
  assert.deepEqual([item.fields["customer"], item.masked, item.fields["owner"]], [{ id: customer.id, title: "参照测试有限公司" }, [], { id: clerk.session?.user.id, title: clerk.session?.user.name }]);
  await change(clerk, `${CUSTOMER}/${customer.id}`, { name: "参照更名有限公司" });
  const renamed = await one(clerk, path);
  assert.deepEqual([renamed.fields["customer"], renamed.version], [{ id: customer.id, title: "参照更名有限公司" }, item.version]);
  await change(manager, `${CUSTOMER}/${customer.id}`, place(clerk2));
  const hidden = await one(clerk, path);
  assert.deepEqual([hidden.fields["customer"], hidden.masked, hidden.can.includes("update")], [NOBODY, ["customer"], true]);
  assert.notEqual(hidden.version, item.version);
  // Its moves and names change nothing that he is told, and sent back as it came it stays.
  await change(manager, `${CUSTOMER}/${customer.id}`, { name: "参照再次更名有限公司", department: manager.session?.user.department.id as string });
  assert.equal((await clerk.get(path)).text, (await clerk.get(path)).text);
  assert.deepEqual(await one(clerk, path), hidden);
  assert.deepEqual((await change(clerk, path, { customer: null, stage: "contacted" })).fields["customer"], NOBODY);
  assert.equal((await query(`SELECT customer FROM rec_opportunity WHERE _id = ${item.id}`))[0]?.["customer"], customer.id);
  assert.deepEqual(faults(await clerk.patch(path, { fields: { customer: other.id } }, "*")), [["customer", "read_only"]]);
  const mine = { field: "name", op: "eq", value: item.fields["name"] as string };
  for (const condition of [{ field: "customer", op: "eq", value: customer.id }, { field: "customer", op: "ne", value: "1" }, { field: "customer", op: "in", value: [customer.id, other.id] }, { field: "customer", op: "empty" }, { not: { field: "customer", op: "empty" } }] as Json[]) {
    assert.deepEqual(await all(clerk, "opportunity", { filter: { and: [mine, condition] } }), [], JSON.stringify(condition));
  }
  assert.equal((await all(manager, "opportunity", { filter: { and: [mine, { field: "customer", op: "eq", value: customer.id }] } })).length, 1);
  const history = await clerk.get(`${path}/history`);
  assert.ok(history.status === 200 && !history.text.includes(customer.id) && !history.text.includes("参照"), history.text);
  assert.equal((await clerk.post(`${path}/reveal`, { field: "customer", reason: "x" })).status, 403);
  // One that is not seen and one that is not there are refused with the same bytes, in a new record and in an old one.
  const free = await contract(clerk, other.id);
  const [unseen, none] = [customer.id, String(BigInt(customer.id) + 7n)];
  for (const field of ["customer", "opportunity"]) {
    const foreign = field === "customer" ? unseen : (await query(`SELECT o._id FROM rec_opportunity o JOIN department d ON d.id = o._department WHERE d.\`key\` = 'outlet21' LIMIT 1`))[0]?.["_id"] as string;
    const asked = [foreign, none, field === "customer" ? item.id : other.id]; // the last one is seen, in another form
    const created = await Promise.all(asked.map((id) => clerk.post(CONTRACT, { fields: { customer: other.id, amount: "x", status: "draft", [field]: id } })));
    const changed = await Promise.all(asked.map((id) => clerk.patch(`${CONTRACT}/${free.id}`, { fields: { [field]: id } }, "*")));
    for (const replies of [created, changed]) for (const reply of replies) assert.deepEqual([reply.status, reply.problem().errors], [422, replies[0]?.problem().errors]);
    assert.deepEqual([faults(changed[0] as never), faults(created[0] as never).length], [[[field, "not_visible"]], 2]);
  }
  assert.deepEqual(faults(await clerk.patch(`${CONTRACT}/${free.id}`, { fields: { customer: null } }, "*")), [["customer", "required"]]);
  assert.deepEqual(faults(await clerk.post(CONTRACT, { fields: { amount: "1", status: "draft" } })), [["customer", "required"]]);
  assert.equal((await change(clerk, `${CONTRACT}/${free.id}`, { opportunity: null })).fields["opportunity"], null);
});

test("a customer that changes takes along what names it, in its transaction, each named by an event that points to the cause", async () => {
  const [manager, clerk, clerk2] = [await login("manager"), await login("clerk"), await login("clerk2")];
  const customer = await createCustomer(clerk);
  const lead = await opportunity(clerk, customer.id);
  const deal = await contract(clerk, customer.id, { opportunity: lead.id });
  const revs = () => query(`SELECT _rev FROM rec_opportunity WHERE _id = ${lead.id} UNION ALL SELECT _rev FROM rec_contract WHERE _id = ${deal.id}`);
  await change(manager, `${CUSTOMER}/${customer.id}`, place(clerk2));
  const cause = (await query(`SELECT id FROM tidemark_log.event WHERE form = 'customer' AND record = ${customer.id} AND action = 'update' ORDER BY id DESC LIMIT 1`, "app"))[0]?.["id"] as string;
  const derived = await query(`SELECT form, login, detail, changes FROM tidemark_log.event WHERE action = 'derive' AND record IN (${lead.id}, ${deal.id}) ORDER BY form`, "app");
  assert.deepEqual(derived.map((row) => [row["form"], row["login"], JSON.parse(row["detail"] as string)]), ["contract", "opportunity"].map((form) => [form, "manager", { cause, form: "customer", record: customer.id }]));
  assert.deepEqual(JSON.parse(derived[0]?.["changes"] as string), [
    { field: "_o_customer", before: clerk.session?.user.id, after: clerk2.session?.user.id },
    { field: "_d_customer", before: clerk.session?.user.department.id, after: clerk2.session?.user.department.id },
  ]);
  const still = await revs();
  await change(manager, `${CUSTOMER}/${customer.id}`, { notes: "x", stage: "won" });
  assert.deepEqual(await revs(), still, "what they do not hold touches none of them");
  const log = (await login("auditor")).expect<{ items: { action: string; changes: { label: string; before_text: string }[] }[] }>(200, await (await login("auditor")).get(`/audit?record=${deal.id}&action=derive`)).items;
  assert.deepEqual(log[0]?.changes.map((row) => [row.label, row.before_text]), [["Owner (of the record it names)", clerk.session?.user.name], ["Department (of the record it names)", clerk.session?.user.department.title]]);
  // Past the limit nothing moves, and what they do not hold may change.
  await query(`SET max_recursive_iterations = 100000; INSERT INTO rec_opportunity (_id, _rev, _live, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, _o_customer, _d_customer, _l_customer, name) WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 2000) SELECT _id + n, 1, 1, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, _o_customer, _d_customer, _l_customer, name FROM rec_opportunity JOIN s WHERE _id = ${lead.id}`);
  const refused = await manager.patch(`${CUSTOMER}/${customer.id}`, { fields: { name: "太多商机有限公司" } }, "*");
  assert.deepEqual([refused.status, refused.problem().errors?.map((row) => [row.field, row.code, row.limit])], [422, [["name", "too_many", "2000"]]]);
  await change(manager, `${CUSTOMER}/${customer.id}`, { notes: "y" });
  await query(`DELETE FROM rec_opportunity WHERE customer = ${customer.id} AND _id > ${lead.id}`);
});

test("an edit that was begun before the customer went out of sight merges with what others did meanwhile", async () => {
  const [manager, clerk, clerk2] = [await login("manager"), await login("clerk"), await login("clerk2")];
  const [customer, next] = [await createCustomer(clerk), await createCustomer(clerk)];
  const deal = await contract(clerk, customer.id, { signed_on: "2026-01-01" });
  await change(manager, `${CONTRACT}/${deal.id}`, { signed_on: "2026-02-02", customer: next.id });
  const merged = clerk.expect<Item>(200, await clerk.patch(`${CONTRACT}/${deal.id}`, { fields: { status: "signed" } }, deal.version));
  assert.deepEqual([merged.fields["status"], merged.fields["signed_on"], (merged.fields["customer"] as Ref).id], ["signed", "2026-02-02", next.id]);
  const clash = await clerk.patch(`${CONTRACT}/${deal.id}`, { fields: { customer: customer.id, status: "active" } }, deal.version);
  const [a, b] = [customer, next].map((one) => ({ id: one.id, title: one.fields["name"] }));
  assert.deepEqual([clash.status, (clash.problem() as any).conflicts.find((one: any) => one.field === "customer")], [412, { field: "customer", base: a, theirs: b, yours: a }]);
  await change(manager, `${CUSTOMER}/${customer.id}`, place(clerk2));
  const blind = await clerk.patch(`${CONTRACT}/${deal.id}`, { fields: { signed_on: "2026-03-03" } }, deal.version);
  assert.equal(blind.status, 412, "a state that named what is not seen any more has no version of his");
});

test("random moves, names and changes: each viewer sees of contracts what the rows of what they name give him, in lists, filters, orders and live", async () => {
  const [manager, president] = [await login("manager"), await login("president")];
  const role = await makeRole(ownKey("verweis"));
  await setGrants({ [role.key]: [{ rule: "all", actions: READS, fields: { "*": "read" } }] }, "contract");
  await setGrants({ [role.key]: [{ rule: "subtree", actions: READS, fields: { "*": "read", name: "masked" } }, { rule: "owner", deny: true, actions: READS, fields: {} }] });
  await setGrants({ [role.key]: [{ rule: "condition", condition: { field: "department", op: "eq", value: "@my_department" }, actions: READS, fields: { "*": "read" } }, { rule: "condition", condition: { field: "stage", op: "eq", value: "lost" }, actions: READS, fields: { "*": "read" } }] }, "opportunity");
  const stranger = await makePerson(ownKey("verweis"), "outlet12", [role.key]);
  const [clerk, clerk2] = [await login("clerk"), await login("clerk2")];
  const people: Record<string, Client> = { clerk, clerk2, manager, president, stranger };
  const within = await query("SELECT d.id FROM department d LEFT JOIN department p ON p.id = d.parent_id WHERE d.`key` = 'branch1' OR p.`key` = 'branch1'");
  const branch = new Set(within.map((row) => row["id"] as string));
  /** Whether the person may list or read the customer or opportunity, and how its title is shown. */
  const sees = (name: string, form: string, row: Row): boolean => {
    const me = people[name]?.session?.user;
    if (name === "president") return true;
    if (name === "manager") return branch.has(row["_department"] as string);
    if (name === "stranger") return row["_department"] === me?.department.id && (form === "opportunity" || row["_owner"] !== me?.id);
    return row["_department"] === me?.department.id || row["_owner"] === me?.id;
  };
  const listed = (name: string, row: Row): boolean => (name === "stranger" ? true : sees(name, "contract", row));
  const shown = (name: string, form: string, row: Row | undefined): Ref | null => {
    if (!row) return null;
    if (row["_live"] === null || !sees(name, form, row)) return NOBODY;
    const title = row["name"] as string;
    return { id: row["_id"] as string, title: name === "stranger" && form === "customer" ? `${[...title].slice(0, 2).join("")}****` : title };
  };
  const homes = [place(clerk), place(clerk2), { owner: manager.session?.user.id as string, department: (await query("SELECT id FROM department WHERE `key` = 'outlet13'"))[0]?.["id"] as string }];
  const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;
  const gone = new Set<string>();
  const there = (ids: string[]): string => pick(ids.filter((id) => !gone.has(id)));
  const customers: string[] = [], leads: string[] = [], deals: string[] = [];
  const amount = `${10_000_000 + Math.floor(Math.random() * 80_000_000)}.37`;
  for (let i = 0; i < 4; i++) customers.push((await createCustomer(manager, { name: `随机${i}有限公司`, ...homes[i % 3] })).id);
  for (let i = 0; i < 4; i++) leads.push((await opportunity(manager, customers[i] as string, { name: `随机商机${i}`, ...homes[(i + 1) % 3] })).id);
  let pos = "";
  for (let i = 0; i < 8; i++) {
    const deal = await contract(manager, pick(customers), { opportunity: i % 3 === 0 ? null : pick(leads), amount, ...homes[i % 3] });
    deals.push(deal.id);
    pos = deal.pos;
  }
  const filter: Json = { field: "amount", op: "eq", value: amount };
  const screens: Record<string, Live> = {};
  const lists: Record<string, Mirror> = {};
  for (const [name, client] of Object.entries(people)) {
    const live = (screens[name] = await sit(name, name === "stranger" ? { client } : {}));
    lists[name] = await live.watch({ kind: "records", form: "contract", filter, sort: "customer,-opportunity", count: true });
    await live.watch({ kind: "records", form: "contract", filter: { and: [filter, { field: "customer", op: "in", value: customers.slice(0, 2) }] }, sort: "-customer", limit: 3, count: true });
    await live.watch({ kind: "records", form: "contract", filter: { and: [filter, { not: { field: "opportunity", op: "empty" } }] }, fields: ["opportunity", "status"] });
  }
  /** A contract whose field may be changed: what it names is there, or nothing is. */
  const dealOf = async (field: string): Promise<string | undefined> => {
    const open = await query(`SELECT c._id FROM rec_contract c LEFT JOIN rec_${field} t ON t._id = c.${field} WHERE c._id IN (${deals.join(",")}) AND (c.${field} IS NULL OR t._live = 1)`);
    return open.length > 0 ? `${CONTRACT}/${pick(open)["_id"]}` : undefined;
  };
  const rowsOf = async (table: string, ids: string[]) => (await query(`SELECT * FROM ${table} WHERE _id IN (${ids.join(",")})`)) as Row[];
  async function check(step: number): Promise<void> {
    const byId = new Map([...(await rowsOf("rec_customer", customers)), ...(await rowsOf("rec_opportunity", leads))].map((row) => [row["_id"], row]));
    const rows = await rowsOf("rec_contract", deals);
    for (const [name, client] of Object.entries(people)) {
      const where = `step ${step}, ${name}`;
      await same(screens[name] as Live, pos);
      const items = new Map((await all(client, "contract", { filter })).map((item) => [item.id, item]));
      assert.deepEqual([...items.keys()].sort(), rows.filter((row) => listed(name, row)).map((row) => row["_id"]).sort(), where);
      const expected = new Map<string, { customer: Ref | null; opportunity: Ref | null }>();
      for (const row of rows.filter((row) => listed(name, row))) {
        const named = { customer: shown(name, "customer", byId.get(row["customer"])), opportunity: shown(name, "opportunity", byId.get(row["opportunity"])) };
        const item = items.get(row["_id"] as string) as Item;
        assert.deepEqual([item.fields["customer"], item.fields["opportunity"]], [named.customer, named.opportunity], `${where}, contract ${item.id}`);
        assert.deepEqual(item.masked, (["customer", "opportunity"] as const).filter((field) => named[field] !== null && named[field]?.id === null), where);
        expected.set(item.id, named);
      }
      for (const field of ["customer", "opportunity"] as const) {
        const ids = (test: (named: Ref | null) => boolean) => [...expected].filter(([, named]) => test(named[field])).map(([id]) => id).sort();
        const found = async (tree: Json) => idsOf(await all(client, "contract", { filter: { and: [filter, tree] } }));
        const wanted = pick(field === "customer" ? customers : leads);
        assert.deepEqual(await found({ field, op: "eq", value: wanted }), ids((ref) => ref?.id === wanted), where);
        assert.deepEqual(await found({ not: { field, op: "eq", value: wanted } }), ids((ref) => ref?.id != null && ref.id !== wanted), where);
        assert.deepEqual(await found({ field, op: "empty" }), ids((ref) => ref === null), where);
        const order = (await all(client, "contract", { filter, sort: field })).map((item) => expected.get(item.id)?.[field]?.id ?? null);
        const clear = order.filter((id) => id !== null);
        assert.deepEqual(order, [...[...clear].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)), ...order.filter((id) => id === null)], `${where}, sorted by ${field}`);
      }
      assert.equal(lists[name]?.total, String(expected.size), where);
    }
  }
  await check(0);
  for (let step = 1; step <= 35; step++) {
    const kind = step % 7;
    const [customer, lead, deal] = [`${CUSTOMER}/${there(customers)}`, `${OPPORTUNITY}/${there(leads)}`, `${CONTRACT}/${pick(deals)}`];
    const open = kind === 3 || kind === 4 ? await dealOf(kind === 3 ? "customer" : "opportunity") : undefined;
    if (kind === 0) pos = (await change(manager, customer, { name: `改名${step}有限公司` })).pos;
    else if (kind === 1) pos = (await change(manager, customer, pick(homes))).pos;
    else if (kind === 2) pos = (await change(manager, lead, Math.random() < 0.5 ? pick(homes) : { name: `商机${step}`, ...pick(homes) })).pos;
    else if (kind === 3) pos = open ? (await change(manager, open, { customer: there(customers), status: pick(["draft", "signed"]) })).pos : pos;
    else if (kind === 4) pos = open ? (await change(manager, open, { opportunity: Math.random() < 0.3 ? null : there(leads) })).pos : pos;
    else if (kind === 5) pos = (await change(manager, deal, pick(homes))).pos;
    else if (gone.size > 1) {
      const id = pick([...gone]);
      pos = manager.expect<{ pos: string }>(200, await manager.request("POST", `${customers.includes(id) ? CUSTOMER : OPPORTUNITY}/${id}/restore`)).pos;
      gone.delete(id);
    } else {
      const id = there(step % 2 === 0 ? customers : leads);
      pos = manager.expect<{ pos: string }>(200, await manager.delete(`${customers.includes(id) ? CUSTOMER : OPPORTUNITY}/${id}`)).pos;
      gone.add(id);
    }
    if (step % 7 === 0) await check(step);
  }
});

test("of a record in the recycle bin nothing is named, and when it is back it is; what belongs to it goes along", async () => {
  const clerk = await sit("clerk");
  const customer = await createCustomer(clerk.client);
  const deal = await contract(clerk.client, customer.id);
  const payment = await make(clerk.client, "/forms/payment/records", { contract: deal.id, due_on: "2027-01-01", amount: "100.00" });
  const list = await clerk.watch({ kind: "records", form: "contract", filter: { field: "amount", op: "eq", value: "100.00" }, sort: "customer", count: true });
  await same(clerk, payment.pos);
  const named = { id: customer.id, title: customer.fields["name"] };
  const shown = () => [list.item(deal.id)?.fields["customer"], list.item(deal.id)?.masked];
  assert.deepEqual(shown(), [named, []]);
  const gone = clerk.client.expect<{ pos: string }>(200, await clerk.client.delete(`${CUSTOMER}/${customer.id}`));
  await same(clerk, gone.pos);
  assert.deepEqual(shown(), [NOBODY, ["customer"]]);
  // It is no fault of whoever changes something else; nobody can name it anew.
  await change(clerk.client, `${CONTRACT}/${deal.id}`, { customer: null, status: "signed" });
  assert.deepEqual(faults(await clerk.client.post(CONTRACT, { fields: { customer: customer.id, amount: "1.00", status: "draft" } })), [["customer", "not_visible"]]);
  const back = clerk.client.expect<{ pos: string }>(200, await clerk.client.request("POST", `${CUSTOMER}/${customer.id}/restore`));
  await same(clerk, back.pos);
  assert.deepEqual(shown(), [named, []]);
  const derived = await query(`SELECT changes FROM tidemark_log.event WHERE action = 'derive' AND record = ${deal.id} ORDER BY id`, "app");
  assert.deepEqual(derived.map((row) => JSON.parse(row["changes"] as string)), [[{ field: "_l_customer", before: true, after: false }], [{ field: "_l_customer", before: false, after: true }]]);
  // A contract takes its payments along, and nothing is said of them afterwards.
  clerk.client.expect(200, await clerk.client.delete(`${CONTRACT}/${deal.id}`));
  assert.equal((await clerk.client.get(`/forms/payment/records/${payment.id}`)).status, 404);
  clerk.client.expect(200, await clerk.client.request("POST", `${CONTRACT}/${deal.id}/restore`));
  assert.equal((await one(clerk.client, `/forms/payment/records/${payment.id}`)).fields["amount"], "100.00");
});

test("many at once: references are judged under each item, and what names the records follows all of them", async () => {
  const [manager, clerk, clerk2] = [await login("manager"), await login("clerk"), await login("clerk2")];
  const [first, second, foreign] = [await createCustomer(clerk), await createCustomer(clerk), await createCustomer(clerk2)];
  const good = { customer: first.id, amount: "1.00", status: "draft" };
  const refused = await clerk.post(`${CONTRACT}:batch`, { create: [good, { ...good, customer: foreign.id }, { ...good, opportunity: first.id }].map((fields) => ({ fields })) });
  assert.deepEqual([refused.status, refused.problem().errors?.map((row) => [row.field, row.code])], [422, [["create[1].fields.customer", "not_visible"], ["create[2].fields.opportunity", "not_visible"]]]);
  const made = clerk.expect<{ create: Item[] }>(200, await clerk.post(`${CONTRACT}:batch`, { create: [good, { ...good, customer: second.id }].map((fields) => ({ fields })) })).create;
  assert.deepEqual(made.map((item) => (item.fields["customer"] as Ref).title), [first, second].map((item) => item.fields["name"]));
  manager.expect(200, await manager.post(`${CUSTOMER}:batch`, { update: [{ id: first.id, version: "*", fields: { name: "批量更名有限公司" } }], delete: [second.id] }));
  assert.deepEqual(await Promise.all(made.map(async (item) => (await one(clerk, `${CONTRACT}/${item.id}`)).fields["customer"])), [{ id: first.id, title: "批量更名有限公司" }, NOBODY]);
  manager.expect(200, await manager.post(`${CUSTOMER}:batch`, { restore: [second.id] }));
  assert.equal(((await one(clerk, `${CONTRACT}/${made[1]?.id}`)).fields["customer"] as Ref).id, second.id);
});
