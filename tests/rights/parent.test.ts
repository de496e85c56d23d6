// Records that belong to another record are visible as that one is, by every way out, and move with it. What is expected is
// worked out from the customers alone, or from SQL, never from what the server says of the children.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json, type List } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { makePerson, makeRole, matrixOf, ownKey, bodyWith, setGrants, type Grant } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

const CONTACT = "/forms/contact/records";
const CUSTOMER = "/forms/customer/records";
type Ref = { id: string | null; title: string | null };
const NOBODY: Ref = { id: null, title: null };

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
const create = async (client: Client, customer: string, more: Record<string, Json> = {}): Promise<Item> =>
  client.expect<Item>(201, await client.post(CONTACT, { fields: { customer, name: `联系人 ${ownKey("c")}`, ...more } }));
const change = async (client: Client, path: string, id: string, fields: Record<string, Json>): Promise<Item> =>
  client.expect<Item>(200, await client.patch(`${path}/${id}`, { fields }, "*"));
const rowOf = async (id: string) => (await query(`SELECT c.customer, c._owner, c._department, c._t_customer, p._owner AS po, p._department AS pd, p.name FROM rec_contact c JOIN rec_customer p ON p._id = c.customer WHERE c._id = ${id}`))[0] as Record<string, string | null>;
const READS = ["list", "read", "history"];

test("each log-in of the demo bank sees the contacts and follow-ups of the customers that it sees, and no form where it sees none", async () => {
  for (const form of ["contact", "follow_up"]) {
    const rows = await query(`SELECT _id, customer FROM rec_${form} WHERE _live = 1`);
    assert.ok(rows.length > 100);
    for (const name of ["manager", "president", "clerk", "clerk2", "clerk3"]) {
      const person = await login(name);
      const seen = new Set((await all(person, "customer", { fields: "no" })).map((item) => item.id));
      const items = await all(person, form);
      assert.deepEqual(idsOf(items), rows.filter((row) => seen.has(row["customer"] as string)).map((row) => row["_id"] as string).sort(), `${name} ${form}`);
      assert.ok(items.every((item) => (item.fields["customer"] as Ref).id !== null && !item.masked.includes("customer")));
    }
    for (const name of ["risk", "admin", "security", "auditor"]) {
      const person = await login(name);
      for (const path of [`/forms/${form}`, `/forms/${form}/records`, `/forms/${form}/records/${rows[0]?.["_id"]}`]) assert.equal((await person.get(path)).status, 404, `${name} ${path}`);
    }
  }
});

test("a clerk: own customers' contacts are his to change, the outlet's are read with masked phones", async () => {
  const clerk = await login("clerk");
  const colleague = await makePerson(ownKey("kollege"), "outlet11", ["clerk"]);
  const customer = await createCustomer(clerk);
  const contact = await create(clerk, customer.id, { phone: "13811112222", email: "Li.Na@Example.COM", decision_maker: true });
  assert.deepEqual(contact.fields["customer"], { id: customer.id, title: customer.fields["name"] });
  assert.deepEqual([contact.fields["email"], contact.fields["decision_maker"], contact.masked, contact.locked], ["Li.Na@example.com", true, [], []]);
  assert.deepEqual([...contact.can].sort(), ["delete", "history", "read", "restore", "update"]);
  const others = colleague.expect<Item>(200, await colleague.get(`${CONTACT}/${contact.id}`));
  assert.deepEqual([others.fields["phone"], others.masked, [...others.can].sort()], ["138****2222", ["phone"], ["history", "read"]]);
  assert.equal((await colleague.patch(`${CONTACT}/${contact.id}`, { fields: { name: "x" } }, "*")).status, 403);
  const refused = await colleague.post(CONTACT, { fields: { customer: customer.id, name: "x" } });
  assert.deepEqual([refused.status, faults(refused)], [422, [["customer", "read_only"], ["name", "read_only"]]], "a colleague's customer is not his to add to");
  const definition = clerk.expect<{ fields: Record<string, Json>[] }>(200, await clerk.get("/forms/contact"));
  assert.deepEqual(["type", "form", "parent", "required", "access"].map((key) => definition.fields[0]?.[key]), ["reference", "customer", true, true, "write"]);
});

test("a customer that is not seen and one that is not there are refused with the same bytes", async () => {
  const clerk = await login("clerk");
  const foreign = (await query("SELECT p._id FROM rec_customer p JOIN department d ON d.id = p._department WHERE d.`key` = 'outlet21' LIMIT 1"))[0]?.["_id"] as string;
  const absent = String(BigInt(foreign) + 7n);
  const own = await createCustomer(clerk);
  const contact = await create(clerk, own.id);
  for (const more of [{}, { name: "名" }, { phone: "x", nonsense: 1 }] as Record<string, Json>[]) {
    const [unseen, none] = await Promise.all([foreign, absent].map((id) => clerk.post(CONTACT, { fields: { customer: id, ...more } })));
    assert.deepEqual([unseen?.status, unseen?.problem().errors], [none?.status, none?.problem().errors]);
    assert.ok(unseen?.status === 422 && faults(unseen).some(([field, code]) => field === "customer" && code === "not_visible"));
  }
  const [unseen, none] = await Promise.all([foreign, absent].map((id) => clerk.patch(`${CONTACT}/${contact.id}`, { fields: { customer: id } }, "*")));
  assert.deepEqual([unseen?.status, unseen?.problem().errors], [none?.status, none?.problem().errors]);
  assert.deepEqual(faults(unseen as never), [["customer", "not_visible"]]);
  for (const [value, code] of [["x", "not_an_id"], [7, "wrong_type"], [null, "required"], ["", "required"], [{ id: own.id }, "wrong_type"]] as [Json, string][]) {
    assert.deepEqual(faults(await clerk.post(CONTACT, { fields: { customer: value, name: "x" } })), [["customer", code]], JSON.stringify(value));
  }
  assert.deepEqual(faults(await clerk.post(CONTACT, { fields: { name: "x" } })), [["customer", "required"]]);
  const found = (id: string, op = "eq") => all(clerk, "contact", { filter: { field: "customer", op, value: op === "in" ? [id] : id } });
  assert.deepEqual([idsOf(await found(own.id)), idsOf(await found(own.id, "in")), await found(foreign), await found(absent)], [[contact.id], [contact.id], [], []]);
});

test("children move with their record, in its transaction, each named by an event that points to the cause", async () => {
  const manager = await login("manager");
  const [clerk, clerk2] = [await login("clerk"), await login("clerk2")];
  const customer = await createCustomer(clerk);
  const contact = await create(clerk, customer.id, { phone: "13800002222" });
  const follow = clerk.expect<Item>(201, await clerk.post("/forms/follow_up/records", { fields: { customer: customer.id, kind: "visit", at: "2026-11-20T02:00:00Z", content: "拜访", by: clerk.session?.user.id as string } }));
  const status = async (who: Client) => [(await who.get(`${CONTACT}/${contact.id}`)).status, (await who.get(`/forms/follow_up/records/${follow.id}`)).status];
  assert.deepEqual([await status(clerk), await status(clerk2)], [[200, 200], [404, 404]]);
  const before = await rowOf(contact.id);
  await change(manager, CUSTOMER, customer.id, { owner: clerk2.session?.user.id as string, department: clerk2.session?.user.department.id as string });
  assert.deepEqual([await status(clerk), await status(clerk2)], [[404, 404], [200, 200]]);
  const row = await rowOf(contact.id);
  assert.deepEqual([row["_owner"], row["_department"], row["_t_customer"]], [row["po"], row["pd"], row["name"]]);
  assert.notEqual(row["_owner"], before["_owner"]);
  const moved = clerk2.expect<Item>(200, await clerk2.get(`${CONTACT}/${contact.id}`));
  assert.deepEqual([moved.fields["phone"], moved.masked, moved.can.includes("update")], ["13800002222", [], true], "it is the new owner's in every way");
  const cause = (await query(`SELECT id FROM tidemark_log.event WHERE form = 'customer' AND record = ${customer.id} AND action = 'update' ORDER BY id DESC LIMIT 1`, "app"))[0]?.["id"] as string;
  const derived = await query(`SELECT form, login, rev, detail, changes FROM tidemark_log.event WHERE action = 'derive' AND record IN (${contact.id}, ${follow.id}) ORDER BY form`, "app");
  assert.deepEqual(derived.map((one) => [one["form"], one["login"], JSON.parse(one["detail"] as string)]), ["contact", "follow_up"].map((form) => [form, "manager", { cause, form: "customer", record: customer.id }]));
  assert.deepEqual(JSON.parse(derived[0]?.["changes"] as string).map((one: { field: string }) => one.field), ["_owner", "_department"]);
  // Another name: what shows it says so; its own version stays, for nothing of its own has changed.
  await change(manager, CUSTOMER, customer.id, { name: "改名后的客户有限公司" });
  const renamed = clerk2.expect<Item>(200, await clerk2.get(`${CONTACT}/${contact.id}`));
  assert.deepEqual([renamed.fields["customer"], renamed.version], [{ id: customer.id, title: "改名后的客户有限公司" }, moved.version]);
  // What children do not copy touches none of them.
  const revs = () => query(`SELECT _rev FROM rec_contact WHERE _id = ${contact.id} UNION ALL SELECT _rev FROM rec_follow_up WHERE _id = ${follow.id}`);
  const still = await revs();
  await change(manager, CUSTOMER, customer.id, { notes: "x", stage: "won" });
  assert.deepEqual(await revs(), still);
});

test("a contact that goes over to another customer is in that one's scope; its history names neither to who may not see it", async () => {
  const manager = await login("manager");
  const [clerk, clerk2] = [await login("clerk"), await login("clerk2")];
  const [from, to] = [await createCustomer(clerk), await createCustomer(clerk2)];
  const contact = await create(clerk, from.id);
  assert.deepEqual(faults(await clerk.patch(`${CONTACT}/${contact.id}`, { fields: { customer: to.id } }, "*")), [["customer", "not_visible"]]);
  const gone = await change(manager, CONTACT, contact.id, { customer: to.id });
  assert.deepEqual(gone.fields["customer"], { id: to.id, title: to.fields["name"] });
  assert.equal((await clerk.get(`${CONTACT}/${contact.id}`)).status, 404);
  const history = async (who: Client) => {
    const items = who.expect<{ items: { changes: { field: string; before: Json; after: Json }[] }[] }>(200, await who.get(`${CONTACT}/${contact.id}/history`)).items;
    return items.flatMap((item) => item.changes.filter((one) => one.field === "customer").map((one) => [one.before, one.after]));
  };
  const [a, b] = [{ id: from.id, title: from.fields["name"] }, { id: to.id, title: to.fields["name"] }];
  assert.deepEqual(await history(manager), [[a, b], [null, a]]);
  assert.deepEqual(await history(clerk2), [[NOBODY, b], [null, NOBODY]]);
  const row = await rowOf(contact.id);
  assert.deepEqual([row["_owner"], row["_department"], row["_t_customer"]], [row["po"], row["pd"], row["name"]]);
});

test("whoever sees a contact and not its customer is told of none; a masked name is a masked title", async () => {
  const clerk = await login("clerk");
  const customer = await createCustomer(clerk, { name: "隐名测试有限公司" });
  const contact = await create(clerk, customer.id);
  const mine = { field: "name", op: "eq", value: contact.fields["name"] as string };
  const role = await makeRole(ownKey("waise"));
  const whole: Grant = { rule: "all", actions: [...READS, "update", "reveal"], fields: { "*": "write" } };
  await setGrants({ [role.key]: [whole] }, "contact");
  const person = await makePerson(ownKey("waise"), "head", [role.key]);
  const shown = async () => (await all(person, "contact", { filter: mine }))[0] as Item;
  const item = await shown();
  assert.deepEqual([item.fields["customer"], item.masked], [NOBODY, ["customer"]]);
  const definition = person.expect<{ fields: Record<string, Json>[] }>(200, await person.get("/forms/contact"));
  assert.equal(definition.fields[0]?.["form"], null, "of a form of which nothing is his he learns no key");
  for (const condition of [{ field: "customer", op: "eq", value: customer.id }, { field: "customer", op: "ne", value: "1" }, { field: "customer", op: "in", value: [customer.id] }, { field: "customer", op: "empty" }, { not: { field: "customer", op: "empty" } }] as Json[]) {
    assert.deepEqual(await all(person, "contact", { filter: { and: [mine, condition] } }), [], JSON.stringify(condition));
  }
  const history = await person.get(`${CONTACT}/${contact.id}/history`);
  assert.ok(history.status === 200 && !history.text.includes(customer.id) && !history.text.includes("隐名"));
  assert.equal((await person.post(`${CONTACT}/${contact.id}/reveal`, { field: "customer", reason: "x" })).status, 422, "an id that is not seen is not to be revealed");
  assert.deepEqual(faults(await person.patch(`${CONTACT}/${contact.id}`, { fields: { customer: customer.id } }, "*")), [["customer", "read_only"]]);
  const same = await change(person, CONTACT, contact.id, { customer: null, title: "经理" });
  assert.deepEqual([same.fields["title"], same.fields["customer"]], ["经理", NOBODY], "sent back as it was given, it stays");
  assert.equal((await rowOf(contact.id))["customer"], customer.id);
  // He may see customers, their names masked.
  await setGrants({ [role.key]: [{ rule: "all", actions: READS, fields: { "*": "read", name: "masked" } }] });
  const masked = await shown();
  assert.deepEqual([masked.fields["customer"], masked.masked], [{ id: customer.id, title: "隐名****" }, []]);
  assert.equal((await all(person, "contact", { filter: { field: "customer", op: "eq", value: customer.id } })).length, 1);
  await setGrants({ [role.key]: [{ rule: "all", actions: READS, fields: { "*": "read", name: "hidden" } }] });
  assert.deepEqual((await shown()).fields["customer"], { id: customer.id, title: null });
  await setGrants({ [role.key]: [{ rule: "all", actions: READS, fields: { "*": "read" } }, { rule: "owner", deny: true, actions: READS, fields: {} }] });
  assert.deepEqual((await shown()).fields["customer"], { id: customer.id, title: "隐名测试有限公司" });
});

test("random rules of customers: contacts by the rule `parent` are those of the customers that are listed or read", async () => {
  const role = await makeRole(ownKey("eltern"));
  const person = await makePerson(ownKey("eltern"), "branch1", [role.key]);
  await setGrants({ [role.key]: [{ rule: "parent", actions: READS, fields: { "*": "read" } }] }, "contact");
  const rows = await query("SELECT _id, customer FROM rec_contact WHERE _live = 1");
  const me = person.session?.user.id as string;
  const outlets = (await query("SELECT id FROM department WHERE `key` IN ('outlet11', 'outlet12', 'outlet21')")).map((row) => row["id"] as string);
  const scope = (value: Json): Grant => ({ rule: "condition", condition: value, actions: READS, fields: { "*": "read" } });
  const department = scope({ field: "department", op: "in", value: outlets });
  const owner = scope({ or: [{ field: "owner", op: "eq", value: "@me" }, { field: "department", op: "eq", value: "@my_department" }] });
  const cases: Record<string, Grant[]> = {
    none: [],
    all: [{ rule: "all", actions: ["list"], fields: {} }],
    "read, not listed": [{ rule: "all", actions: ["read"], fields: { "*": "read" } }],
    subtree: [{ rule: "subtree", actions: READS, fields: { "*": "read" } }],
    department: [{ rule: "department", actions: READS, fields: { "*": "read" } }],
    "condition on the department": [department],
    "condition on owner or department": [owner],
    "all but a department": [{ rule: "all", actions: READS, fields: { "*": "read" } }, { ...department, deny: true }],
    "all but the listing of a subtree": [{ rule: "all", actions: READS, fields: { "*": "read" } }, { rule: "subtree", deny: true, actions: ["list"], fields: {} }],
    "only export": [{ rule: "all", actions: ["export"], fields: { "*": "read" } }],
  };
  for (const [name, grants] of Object.entries(cases)) {
    await setGrants({ [role.key]: grants });
    const listed = (await person.get(`${CUSTOMER}?limit=1`)).status === 200 ? await all(person, "customer") : [];
    const seen = new Set(listed.map((item) => item.id));
    const reads = grants.some((grant) => !grant.deny && grant.actions.includes("read"));
    const expected = [];
    for (const row of rows) {
      const id = row["customer"] as string;
      if (seen.has(id) || (reads && !name.startsWith("condition") && !["subtree", "department"].includes(name) && name !== "all but a department")) expected.push(row["_id"] as string);
    }
    assert.deepEqual(idsOf(await all(person, "contact")), expected.sort(), `${name} ${me}`);
  }
  // What else a condition looks at does not stand on a contact's row: a grant gives none through it, a denial takes all.
  const stage: Json = { field: "stage", op: "eq", value: "won" };
  await setGrants({ [role.key]: [scope(stage)] });
  assert.deepEqual([(await all(person, "customer")).length > 0, await all(person, "contact")], [true, []]);
  await setGrants({ [role.key]: [{ rule: "all", actions: READS, fields: { "*": "read" } }, { ...scope(stage), deny: true }] });
  assert.deepEqual([(await all(person, "customer")).length > 0, await all(person, "contact")], [true, []]);
});

test("too many children are refused with the number, and nothing moves", async () => {
  const manager = await login("manager");
  const clerk = await login("clerk");
  const customer = await createCustomer(clerk);
  const contact = await create(clerk, customer.id);
  await query(`SET max_recursive_iterations = 100000; INSERT INTO rec_contact (_id, _rev, _live, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, name) WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 2000) SELECT _id + n, 1, 1, _created_at, _created_by, _changed_at, _changed_by, _owner, _department, customer, _t_customer, name FROM rec_contact JOIN s WHERE _id = ${contact.id}`);
  const reply = await manager.patch(`${CUSTOMER}/${customer.id}`, { fields: { department: (await login("clerk2")).session?.user.department.id as string } }, "*");
  assert.deepEqual([reply.status, reply.problem().errors?.map((one) => [one.field, one.code, one.limit])], [422, [["department", "too_many", "2000"]]]);
  assert.equal((await clerk.get(`${CUSTOMER}/${customer.id}`)).status, 200);
  await change(manager, CUSTOMER, customer.id, { notes: "what they do not copy may change" });
  await query(`DELETE FROM rec_contact WHERE _id = ${BigInt(contact.id) + 2000n}`);
  await change(manager, CUSTOMER, customer.id, { department: (await login("clerk2")).session?.user.department.id as string });
  assert.equal((await query(`SELECT COUNT(DISTINCT _department) AS n, COUNT(*) AS m FROM rec_contact WHERE customer = ${customer.id}`))[0]?.["n"], "1");
  await query(`DELETE FROM rec_contact WHERE customer = ${customer.id} AND _id > ${contact.id}`);
});

test("the matrix offers `parent` where records belong to another; why and view as explain it", async () => {
  const [contacts, customers] = [await matrixOf("contact"), await matrixOf()];
  assert.deepEqual([contacts.rules.includes("parent"), customers.rules.includes("parent")], [true, false]);
  const security = await login("security");
  const wrong = await security.put("/forms/customer/rights", bodyWith(customers, { president: [{ rule: "parent", actions: ["list"], fields: {} }] }), customers.version);
  assert.deepEqual([wrong.status, faults(wrong)[0]?.[1]], [422, "not_an_option"]);
  const clerk = await login("clerk");
  const contact = await create(clerk, (await createCustomer(clerk)).id);
  const colleague = await makePerson(ownKey("warum"), "outlet11", ["clerk"]);
  const why = async (person: Client) => security.expect<{ can: string[]; grants: { grant: Grant; holds: boolean }[]; parent: { form: string; grants: { grant: Grant; holds: boolean }[] } }>(200, await security.get(`/forms/contact/rights/why?person=${person.session?.user.id}&record=${contact.id}&field=phone`));
  const held = (list: { grant: Grant; holds: boolean }[]) => Object.fromEntries(list.map((one) => [one.grant.rule, one.holds]));
  const [own, others, foreign] = [await why(clerk), await why(colleague), await why(await login("clerk3"))];
  assert.deepEqual([held(own.grants), held(own.parent.grants)], [{ parent: true, owner: true }, { department: true, owner: true }]);
  assert.deepEqual([held(others.grants), held(others.parent.grants)], [{ parent: true, owner: false }, { department: true, owner: false }]);
  assert.deepEqual([held(foreign.grants), held(foreign.parent.grants), foreign.can], [{ parent: false, owner: false }, { department: false, owner: false }, []]);
  const view = security.expect<{ samples: { mine: boolean; place: string; can: string[] }[] }>(200, await security.get(`/forms/contact/rights/view?person=${clerk.session?.user.id}`));
  const sample = (mine: boolean, place: string) => view.samples.find((one) => one.mine === mine && one.place === place)?.can;
  assert.ok(sample(true, "department")?.includes("update") && sample(false, "department")?.includes("read") && !sample(false, "department")?.includes("update"));
  assert.deepEqual(sample(false, "elsewhere"), []);
});

test("who may not see owner and department moves nothing by changing something else", async () => {
  const clerk = await login("clerk");
  const customer = await createCustomer(clerk);
  const contact = await create(clerk, customer.id);
  const role = await makeRole(ownKey("blind"));
  await setGrants({ [role.key]: [{ rule: "all", actions: [...READS, "update"], fields: { "*": "write", owner: "hidden", department: "hidden" } }] });
  const person = await makePerson(ownKey("blind"), "head", [role.key]);
  const before = await rowOf(contact.id);
  await change(person, CUSTOMER, customer.id, { notes: "anderes" });
  assert.deepEqual(await rowOf(contact.id), before);
  assert.equal((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'derive' AND record = ${contact.id}`, "app"))[0]?.["n"], "0");
  // … and by a new name only the title.
  await change(person, CUSTOMER, customer.id, { name: "改名后的盲改有限公司" });
  assert.deepEqual(await rowOf(contact.id), { ...before, _t_customer: "改名后的盲改有限公司", name: "改名后的盲改有限公司" });
});

test("nobody makes a record that belongs to none, whatever he sees of those that it could belong to", async () => {
  const role = await makeRole(ownKey("waisen"));
  await setGrants({ [role.key]: [{ rule: "all", actions: [...READS, "create"], fields: { "*": "write" } }] }, "contact");
  const person = await makePerson(ownKey("waisen"), "head", [role.key]);
  for (const fields of [{ customer: null, name: "x" }, { name: "x" }] as Record<string, Json>[]) {
    const reply = await person.post(CONTACT, { fields });
    assert.deepEqual([reply.status, faults(reply)], [422, [["customer", "required"]]], JSON.stringify(fields));
  }
});
