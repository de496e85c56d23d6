// POST creates: 201 with Location and the record as its maker sees it; numbers, defaults, uniqueness.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Item } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, formOf, idNo, phone, readCustomer } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";

const PATH = "/forms/customer/records";

test("a clerk's customer is the clerk's own: 201, Location, a number, a position", async () => {
  const clerk = await login("clerk");
  const fields = await customerFields(clerk, {
    name: "深圳市观澜湖贸易有限公司", id_no: idNo(), registered_capital: "1234567.8", birthday: "1999-02-28", notes: "第一行\n第二行",
  });
  const reply = await clerk.post(PATH, { fields });
  const item = clerk.expect<Item>(201, reply);
  assert.match(reply.headers["location"] ?? "", new RegExp(`/api/v1${PATH}/${item.id}$`));
  assert.match(item.pos ?? "", /^[^.]+\.\d+$/);
  assert.match(String(item.fields["no"]), /^C\d+$/);
  assert.equal((item.fields["owner"] as { id: string }).id, clerk.session?.user.id);
  assert.equal((item.fields["department"] as { id: string }).id, clerk.session?.user.department.id);
  assert.equal(item.fields["registered_capital"], "1234567.80");
  assert.equal(item.fields["birthday"], "1999-02-28");
  assert.equal(item.fields["notes"], "第一行\n第二行");
  assert.equal(item.fields["phone"], fields["phone"]);
  assert.equal(item.fields["id_no"], fields["id_no"], "in clear for its owner");
  assert.deepEqual(item.masked, []);
  assert.ok(item.can.includes("update"));
  const { pos: _, ...rest } = item;
  assert.deepEqual(await readCustomer(clerk, item.id), rest);
});

test("numbers are not given twice, with many makers at once", async () => {
  const clerk = await login("clerk");
  const made = await Promise.all(Array.from({ length: 24 }, () => createCustomer(clerk)));
  const numbers = new Set(made.map((item) => item.fields["no"]));
  assert.equal(numbers.size, made.length);
  assert.equal(new Set(made.map((item) => item.id)).size, made.length);
});

test("what may be left empty is null, given as null, as blank text or not at all", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { legal_person: "", notes: "   ", birthday: null, tags: [] });
  for (const key of ["legal_person", "notes", "birthday", "tags", "registered_capital"]) {
    assert.equal(item.fields[key], null, key);
  }
});

test("text is kept as people mean it: trimmed, composed, codes in upper case and half width", async () => {
  const clerk = await login("clerk");
  const code = creditCode();
  const item = await createCustomer(clerk, {
    name: "  Cafe\u0301 观澜  ", credit_code: ` ${code.toLowerCase()} `, phone: "+86 138 0013 8000", tags: [],
  });
  assert.equal(item.fields["name"], "Café 观澜");
  assert.equal(item.fields["credit_code"], code);
  assert.equal(item.fields["phone"], "13800138000");
});

test("several choices are a set: sorted, without doubles", async () => {
  const clerk = await login("clerk");
  const tags = (await formOf(clerk)).fields.find((field) => field.key === "tags")?.options?.filter((option) => !option.retired).map((option) => option.key) ?? [];
  assert.ok(tags.length >= 2);
  const [a, b] = [...tags].sort().slice(0, 2) as [string, string];
  assert.deepEqual((await createCustomer(clerk, { tags: [b, a] })).fields["tags"], [a, b]);
  const twice = await clerk.post(PATH, { fields: await customerFields(clerk, { tags: [a, a] }) });
  assert.equal(twice.status, 422);
  assert.deepEqual(faults(twice), [["tags", "duplicate"]]);
});

test("a credit code that is there already is 409, named, and nothing is written", async () => {
  const clerk = await login("clerk");
  const first = await createCustomer(clerk);
  const mark = `重复${process.pid}`;
  const reply = await clerk.post(PATH, { fields: await customerFields(clerk, { name: mark, credit_code: first.fields["credit_code"] as string }) });
  assert.equal(reply.status, 409, reply.text);
  assert.deepEqual(faults(reply), [["credit_code", "not_unique"]]);
  assert.deepEqual((await clerk.list(`${PATH}?q=${encodeURIComponent(mark)}`)).items, []);
  // Also when two arrive together: one wins.
  const code = creditCode();
  const bodies = await Promise.all(Array.from({ length: 6 }, () => customerFields(clerk, { credit_code: code })));
  const statuses = (await Promise.all(bodies.map((fields) => clerk.post(PATH, { fields })))).map((each) => each.status);
  assert.deepEqual(statuses.sort(), [201, 409, 409, 409, 409, 409]);
});

test("automatic and unknown fields are refused, and a hidden field like an invented one", async () => {
  const clerk = await login("clerk");
  const answer = async (key: string) => {
    const reply = await clerk.post(PATH, { fields: { ...(await customerFields(clerk)), [key]: "5" } });
    assert.equal(reply.status, 422, key);
    return faults(reply);
  };
  assert.deepEqual(await answer("no"), [["no", "read_only"]]);
  for (const key of ["credit_line", "risk_grade", "no_such_field", "_owner", "_rev", "id", "version", "Name"]) {
    assert.deepEqual(await answer(key), [[key, "unknown"]]);
  }
});

test("who may not create is told so", async () => {
  const fields = { name: "x", credit_code: creditCode(), phone: phone() };
  for (const name of ["president", "risk"]) {
    const client = await login(name);
    const reply = await client.post(PATH, { fields });
    assert.equal(reply.status, 403, name);
    assert.match(reply.problem().type, /forbidden$/);
  }
  for (const name of ["admin", "auditor", "security"]) {
    const client = await login(name);
    assert.equal((await client.post(PATH, { fields })).status, 404, name);
  }
});
