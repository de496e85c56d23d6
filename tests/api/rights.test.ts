// The demo log-ins of CONTRACT 4: which forms, records and fields each of them sees and may change.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type List } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, idNo, phone, readCustomer } from "../lib/demo.ts";
import { makePerson, ownKey } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

const PATH = "/forms/customer/records";

async function all(client: Client, extra = ""): Promise<Item[]> {
  const items: Item[] = [];
  let after = "";
  for (;;) {
    const page: List = await client.list(`${PATH}?limit=200${extra}${after}`);
    items.push(...page.items);
    if (page.next === null) return items;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}
const departmentOf = (item: Item) => (item.fields["department"] as { id: string }).id;
const ownerOf = (item: Item) => (item.fields["owner"] as { id: string } | null)?.id;

/** The department's own id and those below it, from the table itself. */
async function subtree(id: string): Promise<Set<string>> {
  // Those that other tests have made have a "_" in their key.
  const rows = await query("SELECT id, parent_id FROM department WHERE LOCATE('_', `key`) = 0");
  const found = new Set([id]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const row of rows) {
      if (!found.has(row["id"] as string) && found.has(row["parent_id"] ?? "")) {
        found.add(row["id"] as string);
        grown = true;
      }
    }
  }
  return found;
}

test("the organisation is a head office, three branches and three outlets under each", async () => {
  // Those that other tests have made have a "_" in their key.
  const rows = await query("SELECT id, parent_id FROM department WHERE LOCATE('_', `key`) = 0");
  assert.equal(rows.length, 13);
  const top = rows.filter((row) => row["parent_id"] === null);
  assert.equal(top.length, 1);
  const branches = rows.filter((row) => row["parent_id"] === top[0]?.["id"]);
  assert.equal(branches.length, 3);
  for (const branch of branches) assert.equal(rows.filter((row) => row["parent_id"] === branch["id"]).length, 3);
});

test("administrators and the auditor have no customers' data, by any route", async () => {
  const some = (await (await login("president")).list(`${PATH}?limit=1`)).items[0] as Item;
  for (const name of ["admin", "security", "auditor"]) {
    const client = await login(name);
    for (const path of [PATH, `${PATH}?count=1`, `${PATH}/${some.id}`, "/forms/customer"]) {
      assert.equal((await client.get(path)).status, 404, `${name} ${path}`);
    }
    assert.equal((await client.patch(`${PATH}/${some.id}`, { fields: { stage: "won" } }, "*")).status, 404, name);
  }
});

test("the log is the auditor's alone", async () => {
  for (const name of ["admin", "security", "manager", "president", "clerk", "risk"]) {
    const client = await login(name);
    const reply = await client.get("/audit");
    assert.ok(reply.status === 403 || reply.status === 404, `${name}: ${reply.status}`);
    reply.problem();
    assert.ok(!client.session?.rights.includes("audit.read"));
  }
  assert.ok((await login("auditor")).session?.rights.includes("audit.read"));
});

test("the president sees everything and changes nothing", async () => {
  const president = await login("president");
  const items = await all(president);
  const rows = await query("SELECT COUNT(*) AS n FROM rec_customer WHERE _deleted_at IS NULL");
  assert.equal(items.length, Number(rows[0]?.["n"]));
  for (const item of items.slice(0, 50)) {
    assert.ok(!item.can.includes("update") && !item.can.includes("delete"));
    assert.deepEqual(item.masked, []);
    assert.ok("credit_line" in item.fields && "id_no" in item.fields);
  }
  const item = items[0] as Item;
  const reply = await president.patch(`${PATH}/${item.id}`, { fields: { stage: "won" } }, item.version);
  assert.equal(reply.status, 403, reply.text);
});

test("the manager sees the branch's subtree, all of it and nothing else, and may change it", async () => {
  const manager = await login("manager");
  const inside = await subtree(manager.session?.user.department.id as string);
  assert.equal(inside.size, 4);
  const items = await all(manager);
  for (const item of items) assert.ok(inside.has(departmentOf(item)));
  const rows = await query(`SELECT COUNT(*) AS n FROM rec_customer WHERE _deleted_at IS NULL AND _department IN (${[...inside].join()})`);
  assert.equal(items.length, Number(rows[0]?.["n"]));
  const outside = (await all(await login("president"))).find((item) => !inside.has(departmentOf(item))) as Item;
  assert.equal((await manager.get(`${PATH}/${outside.id}`)).status, 404);
  assert.equal((await manager.patch(`${PATH}/${outside.id}`, { fields: { stage: "won" } }, "*")).status, 404);
  const item = items[0] as Item;
  assert.deepEqual([item.masked, item.locked], [[], []]);
  const changed = manager.expect<Item>(200, await manager.patch(`${PATH}/${item.id}`, { fields: { credit_line: "5000000.00" } }, item.version));
  assert.equal(changed.fields["credit_line"], "5000000.00");
});

test("a clerk sees the outlet's records, with others' phone and ID number masked and not to be changed", async () => {
  const clerk = await login("clerk");
  const me = clerk.session?.user.id as string;
  const items = await all(clerk);
  const rows = await query(`SELECT _id AS id, phone, id_no FROM rec_customer WHERE _deleted_at IS NULL AND _department = ${clerk.session?.user.department.id}`);
  assert.equal(items.length, rows.length);
  const stored = new Map(rows.map((row) => [row["id"], row]));
  const kinds = { own: 0, others: 0 };
  for (const item of items) {
    assert.equal(departmentOf(item), clerk.session?.user.department.id);
    assert.ok(!("credit_line" in item.fields) && !("risk_grade" in item.fields), "hidden fields do not exist");
    const row = stored.get(item.id);
    if (ownerOf(item) === me) {
      kinds.own++;
      assert.deepEqual(item.masked, []);
      assert.ok(item.can.includes("update"));
      assert.equal(item.fields["phone"], row?.["phone"]);
    } else {
      kinds.others++;
      assert.ok(!item.can.includes("update"), "only the owner changes a record");
      for (const key of ["phone", "id_no"]) {
        if (row?.[key] === null || row?.[key] === undefined) continue;
        assert.ok(item.masked.includes(key), `${key} of another's customer`);
        const shown = item.fields[key] as string;
        assert.notEqual(shown, row[key]);
        assert.match(shown, /\*/);
      }
    }
  }
  assert.ok(kinds.own > 0 && kinds.others > 0, JSON.stringify(kinds));
});

test("a masked value is unknown to search: nobody finds by what they may not read", async () => {
  const clerk = await login("clerk");
  const me = clerk.session?.user.id as string;
  const other = (await all(clerk)).find((item) => ownerOf(item) !== me && item.masked.includes("phone")) as Item;
  assert.ok(other);
  const row = (await query(`SELECT phone FROM rec_customer WHERE _id = ${other.id}`))[0];
  const found = await clerk.list(`${PATH}?q=${row?.["phone"]}&count=1`);
  assert.ok(!found.items.some((item) => item.id === other.id), "found by a masked phone");
  const manager = await login("manager");
  assert.ok((await manager.list(`${PATH}?q=${row?.["phone"]}`)).items.some((item) => item.id === other.id));
});

test("a masked field sorts as null, so the order tells nothing", async () => {
  const clerk = await login("clerk");
  const form = clerk.expect(200, await clerk.get("/forms/customer"));
  const sortable = form.fields.find((field: { key: string }) => field.key === "phone")?.sortable;
  if (sortable !== true) {
    assert.equal((await clerk.get(`${PATH}?sort=phone`)).status, 422);
    return;
  }
  const items = await all(clerk, "&sort=phone");
  const firstMasked = items.findIndex((item) => item.masked.includes("phone"));
  const rest = items.slice(firstMasked);
  assert.ok(rest.every((item) => item.masked.includes("phone") || item.fields["phone"] === null));
});

test("a clerk changes what is theirs, not a colleague's in the same outlet, nor another outlet's", async () => {
  const [clerk, clerk2, clerk3] = [await login("clerk"), await login("clerk2"), await login("clerk3")];
  const own = await createCustomer(clerk);
  assert.equal((await clerk.patch(`${PATH}/${own.id}`, { fields: { stage: "won" } }, own.version)).status, 200);
  for (const other of [clerk2, clerk3]) {
    assert.equal((await other.get(`${PATH}/${own.id}`)).status, 404);
    assert.equal((await other.patch(`${PATH}/${own.id}`, { fields: { stage: "lost" } }, "*")).status, 404);
  }
  const colleagues = (await all(clerk)).find((item) => ownerOf(item) !== clerk.session?.user.id) as Item;
  const refused = await clerk.patch(`${PATH}/${colleagues.id}`, { fields: { stage: "won" } }, colleagues.version);
  assert.equal(refused.status, 403, refused.text);
  assert.match(refused.problem().type, /forbidden$/);
});

test("no answer to a write shows more than a read would", async () => {
  const clerk = await login("clerk");
  const made = await createCustomer(clerk, { id_no: idNo() });
  const changed = clerk.expect<Item>(200, await clerk.patch(`${PATH}/${made.id}`, { fields: { stage: "won" } }, made.version));
  for (const item of [made, changed, await readCustomer(clerk, made.id)]) {
    assert.ok(!("credit_line" in item.fields) && !("risk_grade" in item.fields));
  }
});

test("a customer given away is gone: masked to the giver who stays in the outlet, invisible past it", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const item = await createCustomer(clerk, { phone: phone() });
  const theirs = await readCustomer(manager, item.id);
  const clerk2 = await login("clerk2");
  const moved = await manager.patch(
    `${PATH}/${item.id}`,
    { fields: { owner: clerk2.session?.user.id, department: clerk2.session?.user.department.id } },
    theirs.version,
  );
  assert.equal(moved.status, 200, moved.text);
  assert.equal((await clerk.get(`${PATH}/${item.id}`)).status, 404);
  assert.equal((await clerk.patch(`${PATH}/${item.id}`, { fields: { stage: "won" } }, item.version)).status, 404);
  assert.equal((await clerk2.get(`${PATH}/${item.id}`)).status, 200);
});

test("the version a viewer sees does not move when only hidden fields change", async () => {
  const [clerk, manager, risk] = [await login("clerk"), await login("manager"), await login("risk")];
  const item = await createCustomer(clerk);
  const view = await readCustomer(risk, item.id);
  const changed = await risk.patch(`${PATH}/${item.id}`, { fields: { credit_line: "123.45", risk_grade: null } }, view.version);
  assert.equal(changed.status, 200, changed.text);
  assert.equal((await readCustomer(clerk, item.id)).version, item.version);
  assert.equal((await readCustomer(manager, item.id)).fields["credit_line"], "123.45");
  // And the clerk's own edit on that version still goes through.
  assert.equal((await clerk.patch(`${PATH}/${item.id}`, { fields: { stage: "won" } }, item.version)).status, 200);
});

test("risk sees every customer through ten fields and changes two of them", async () => {
  const risk = await login("risk");
  const items = await all(risk);
  const rows = await query("SELECT COUNT(*) AS n FROM rec_customer WHERE _deleted_at IS NULL");
  assert.equal(items.length, Number(rows[0]?.["n"]));
  const keys = ["credit_code", "credit_line", "department", "industry", "name", "no", "owner", "region", "risk_grade", "stage"];
  for (const item of items) assert.deepEqual(Object.keys(item.fields).sort(), keys);
  const item = items[0] as Item;
  for (const [field, value, code] of [["stage", "won", "read_only"], ["name", "x", "read_only"], ["phone", phone(), "unknown"], ["notes", "x", "unknown"]] as const) {
    const reply = await risk.patch(`${PATH}/${item.id}`, { fields: { [field]: value } }, item.version);
    assert.equal(reply.status, 422, `${field}: ${reply.text}`);
    assert.deepEqual(faults(reply), [[field, code]]);
  }
});

test("a unique value that stands on a record the caller cannot see is refused without a word about it", async () => {
  const [clerk, clerk3] = [await login("clerk"), await login("clerk3")];
  const code = creditCode();
  await createCustomer(clerk3, { credit_code: code });
  const reply = await clerk.post(PATH, { fields: { name: "x", credit_code: code, phone: phone(), stage: "lead" } });
  assert.ok([409, 422].includes(reply.status), reply.text);
  assert.ok(!reply.text.includes(code));
  assert.ok(!/\d{12,}/.test(reply.text.replace(reply.problem().request, "")), "no id of the hidden record");
});

test("each clash of a unique value is logged, without the value; past the hour's measure a person gives no unique values", async () => {
  const [clerk, clerk3] = [await login("clerk"), await login("clerk3")];
  const code = creditCode();
  await createCustomer(clerk3, { credit_code: code });
  const name = ownKey("prober");
  const prober = await makePerson(name, "outlet11", ["clerk"]);
  const fields = await customerFields(prober);
  const give = async (value: string) => prober.post(PATH, { fields: { ...fields, credit_code: value } });
  const logged = () => query(`SELECT form, record, detail, changes FROM tidemark_log.event WHERE login = '${name}' AND action = 'refuse' ORDER BY id`, "app");
  const own = prober.expect<Item>(201, await give(creditCode()));
  assert.equal((await give(code)).status, 409);
  const changed = await prober.patch(`${PATH}/${own.id}`, { fields: { credit_code: code } }, "*");
  assert.deepEqual([changed.status, faults(changed)], [409, [["credit_code", "not_unique"]]]);
  const events = await logged();
  assert.deepEqual(events.map((event) => [event["form"], event["record"], event["detail"]]), [
    ["customer", null, '{"what":"not_unique","field":"credit_code"}'], ["customer", own.id, '{"what":"not_unique","field":"credit_code"}'],
  ]);
  assert.ok(!JSON.stringify(events).includes(code));
  for (let i = 2; i < 30; i++) assert.equal((await give(code)).status, 409, String(i));
  for (const value of [code, creditCode()]) {
    const reply = await give(value);
    assert.equal(reply.status, 429, "known and unknown values answer alike");
    assert.match(reply.headers["retry-after"] ?? "", /^\d+$/);
  }
  assert.equal((await prober.patch(`${PATH}/${own.id}`, { fields: { credit_code: creditCode() } }, "*")).status, 429);
  prober.expect(200, await prober.patch(`${PATH}/${own.id}`, { fields: { stage: "won" } }, "*"));
  await createCustomer(clerk, { credit_code: creditCode() });
  assert.equal((await logged()).length, 30);
});

test("a choice of owner is limited to people that there are", async () => {
  const manager = await login("manager");
  const item = (await manager.list(`${PATH}?limit=1`)).items[0] as Item;
  const reply = await manager.patch(`${PATH}/${item.id}`, { fields: { owner: "77" } }, item.version);
  assert.equal(reply.status, 422);
  assert.deepEqual(faults(reply), [["owner", "not_visible"]]);
});
