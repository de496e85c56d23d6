// GET /forms and GET /forms/{form}: only what the caller may see, in the caller's language.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formOf } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";

const CUSTOMER_FIELDS = [
  "no", "name", "credit_code", "kind", "industry", "region", "level", "source", "stage", "owner", "department", "phone",
  "legal_person", "id_no", "registered_capital", "credit_line", "risk_grade", "tags", "birthday", "first_contact_on",
  "last_follow_up_at", "next_follow_up_on", "notes",
];

test("the list of forms names those that the caller may see, with what may be done", async () => {
  const clerk = await login("clerk");
  const { items } = clerk.expect(200, await clerk.get("/forms"));
  const customer = items.find((form: { key: string }) => form.key === "customer");
  assert.ok(customer);
  assert.ok(customer.can.includes("create"));
  const president = await login("president");
  const other = president
    .expect(200, await president.get("/forms"))
    .items.find((form: { key: string }) => form.key === "customer");
  assert.ok(!other.can.includes("create"));
});

test("those without customers' data see no form, and a form that they ask for is not there", async () => {
  for (const name of ["admin", "security", "auditor"]) {
    const client = await login(name);
    assert.deepEqual(client.expect(200, await client.get("/forms")).items, [], name);
    const hidden = await client.get("/forms/customer");
    const absent = await client.get("/forms/no_such_form");
    assert.equal(hidden.status, 404, name);
    assert.equal(absent.status, 404);
    const same = (text: string) => ({ ...JSON.parse(text), request: "" });
    assert.deepEqual(same(hidden.text), same(absent.text));
  }
});

test("the manager sees every field of the customer form; stages and sources are those of the contract", async () => {
  const form = await formOf(await login("manager"));
  assert.deepEqual(form.fields.map((field) => field.key).sort(), [...CUSTOMER_FIELDS].sort());
  const options = (key: string) => form.fields.find((field) => field.key === key)?.options?.map((option) => option.key);
  assert.deepEqual(options("stage"), ["lead", "contacted", "quoted", "negotiating", "won", "lost"]);
  assert.deepEqual(options("source"), ["website", "expo", "referral", "branch", "phone"]);
  assert.equal(form.title_field, "name");
  assert.match(form.version, /^\d+$/);
  const groups = new Set(form.groups.map((group) => group.key));
  for (const field of form.fields) {
    assert.ok(groups.has(field.group), `${field.key}: group ${field.group}`);
    assert.ok(["masked", "read", "write"].includes(field.access), field.key);
    assert.ok(field.label.length > 0, field.key);
  }
  assert.ok(form.fields.find((field) => field.key === "credit_code")?.unique);
  assert.ok(form.fields.find((field) => field.key === "name")?.required);
});

test("a hidden field does not exist in the clerk's definition", async () => {
  const form = await formOf(await login("clerk"));
  const keys = form.fields.map((field) => field.key);
  assert.ok(!keys.includes("credit_line"));
  assert.ok(!keys.includes("risk_grade"));
  // The best on any row: a clerk's own customers show both in clear.
  assert.equal(form.fields.find((field) => field.key === "phone")?.access, "write");
});

test("risk reads some fields, writes two, and knows of no other", async () => {
  const form = await formOf(await login("risk"));
  const access = Object.fromEntries(form.fields.map((field) => [field.key, field.access]));
  assert.deepEqual(access, {
    no: "read", name: "read", credit_code: "read", industry: "read", region: "read", stage: "read", owner: "read",
    department: "read", credit_line: "write", risk_grade: "write",
  });
});

test("the president reads all and writes nothing", async () => {
  const form = await formOf(await login("president"));
  assert.equal(form.fields.length, CUSTOMER_FIELDS.length);
  for (const field of form.fields) assert.equal(field.access, "read", field.key);
  assert.ok(!form.can.includes("update") && !form.can.includes("create"));
});

test("labels follow Accept-Language, keys do not", async () => {
  const clerk = await login("clerk");
  const label = async (language: string | undefined) => {
    const form = clerk.expect(200, await clerk.get("/forms/customer", { headers: { "accept-language": language } }));
    const stage = form.fields.find((field: { key: string }) => field.key === "stage");
    return [form.label, stage.label, stage.options[0].label, stage.options[0].key];
  };
  const chinese = await label("zh-CN,zh;q=0.9,en;q=0.1");
  const english = await label("en-GB,en;q=0.9");
  assert.equal(chinese[2], "新线索");
  assert.notEqual(english[0], chinese[0]);
  assert.notEqual(english[2], chinese[2]);
  assert.equal(english[3], chinese[3]);
  assert.deepEqual(await label(undefined), chinese, "Chinese is the product's first language");
  assert.deepEqual(await label("fr,*;q=0.1"), chinese);
});

test("departments and members have the shapes that the pickers use", async () => {
  const manager = await login("manager");
  const departments = manager.expect(200, await manager.get("/departments")).items;
  assert.ok(departments.length >= 4);
  const ids = new Set(departments.map((department: { id: string }) => department.id));
  for (const department of departments) {
    assert.match(department.id, /^\d+$/);
    assert.ok(department.title.length > 0);
    assert.ok(department.parent === null || ids.has(department.parent) || /^\d+$/.test(department.parent));
  }
  const members = manager.expect(200, await manager.get("/members?q=")).items;
  assert.ok(members.length > 0);
  for (const member of members) {
    assert.match(member.id, /^\d+$/);
    assert.ok(member.title.length > 0);
  }
  const [one] = members;
  assert.deepEqual(manager.expect(200, await manager.get(`/members?id=${one.id}`)).items, [one], "one by its id, for who was named elsewhere");
  assert.deepEqual(manager.expect(200, await manager.get("/members?id=999999999")).items, []);
  manager.expect(422, await manager.get("/members?id=one"));
});
