// What a field's type refuses: each fault beside its field, all at once, in the reader's language, nothing written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Json } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, formOf, idNo, readCustomer } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";

const PATH = "/forms/customer/records";

/** The same text with its last character changed into another of the alphabet: a wrong check digit. */
function wrongCheck(code: string, alphabet: string): string {
  const last = code.at(-1) as string;
  return code.slice(0, -1) + (alphabet[(alphabet.indexOf(last) + 1) % alphabet.length] as string);
}

const CASES: [field: string, value: Json, code: string][] = [
  ["name", null, "required"],
  ["name", "", "required"],
  ["name", " \t ", "not_text"],
  ["name", 5, "wrong_type"],
  ["name", true, "wrong_type"],
  ["name", ["x"], "wrong_type"],
  ["name", { a: 1 }, "wrong_type"],
  ["name", "长".repeat(2000), "too_long"],
  ["name", "a\nb", "not_text"],
  ["name", "a\u202eb", "not_text"],
  ["credit_code", "91310000", "not_a_credit_code"],
  ["credit_code", wrongCheck(creditCode(), "0123456789ABCDEFGHJKLMNPQRTUWXY"), "not_a_credit_code"],
  ["credit_code", "9131000OMA1FL0AB1C", "not_a_credit_code"],
  ["credit_code", 91310000123456, "wrong_type"],
  ["phone", "12345", "not_a_phone"],
  ["phone", "1280013800", "not_a_phone"],
  ["phone", "138001380001", "not_a_phone"],
  ["phone", "call me", "not_a_phone"],
  ["phone", 13800138000, "wrong_type"],
  ["id_no", "110101199003070000", "not_an_id_no"],
  ["id_no", wrongCheck(idNo(), "0123456789X"), "not_an_id_no"],
  ["id_no", "110101199013071234", "not_an_id_no"],
  ["id_no", "110101900307123", "not_an_id_no"],
  ["stage", "no_such_stage", "not_an_option"],
  ["stage", "成交客户", "not_an_option"],
  ["stage", 1, "wrong_type"],
  ["stage", ["won"], "wrong_type"],
  ["region", "999999", "not_an_option"],
  ["tags", "vip", "wrong_type"],
  ["tags", [1], "wrong_type"],
  ["tags", ["no such tag"], "not_an_option"],
  ["registered_capital", 1000, "wrong_type"],
  ["registered_capital", "many", "not_a_number"],
  ["registered_capital", "1e5", "not_a_number"],
  ["registered_capital", "0x10", "not_a_number"],
  ["registered_capital", "NaN", "not_a_number"],
  ["registered_capital", "1,000.00", "not_a_number"],
  ["registered_capital", "1.001", "too_precise"],
  ["registered_capital", "9".repeat(19), "too_large"],
  ["registered_capital", "9".repeat(30), "too_large"],
  ["registered_capital", "-1", "too_small"],
  ["birthday", "2026-02-30", "not_a_date"],
  ["birthday", "2026-2-3", "not_a_date"],
  ["birthday", "20260203", "not_a_date"],
  ["birthday", "0000-00-00", "not_a_date"],
  ["birthday", 20260203, "wrong_type"],
  ["last_follow_up_at", "2026-02-30T00:00:00Z", "not_an_instant"],
  ["last_follow_up_at", "yesterday", "not_an_instant"],
  ["last_follow_up_at", "2026-02-03T25:00:00Z", "not_an_instant"],
  ["owner", "x", "not_an_id"],
  ["owner", 1, "wrong_type"],
  ["owner", { id: "1", title: "x" }, "wrong_type"],
  ["owner", "987654321", "not_visible"],
  ["department", "987654321", "not_visible"],
];

for (const [field, value, code] of CASES) {
  const shown = JSON.stringify(value);
  test(`${field} = ${shown.length > 40 ? `${shown.slice(0, 40)}…` : shown} is ${code}`, async () => {
    // The manager may write every field.
    const manager = await login("manager");
    const reply = await manager.post(PATH, { fields: await customerFields(manager, { [field]: value }) });
    assert.equal(reply.status, 422, reply.text);
    const problem = reply.problem();
    assert.match(problem.type, /invalid$/);
    assert.deepEqual(faults(reply), [[field, code]]);
    assert.ok((problem.errors?.[0]?.message ?? "").length > 3);
    assert.ok(!/\{limit\}/.test(problem.errors?.[0]?.message ?? ""), "the limit is filled in");
  });
}

test("all faults are told at once", async () => {
  const clerk = await login("clerk");
  const fields = { name: "", credit_code: "x", phone: "12", stage: "nowhere", birthday: "never", registered_capital: "much", invented: 1 };
  const reply = await clerk.post(PATH, { fields });
  assert.equal(reply.status, 422);
  const found = new Set(faults(reply).map(([field]) => field));
  for (const key of Object.keys(fields)) assert.ok(found.has(key), `${key} is not among ${[...found]}`);
});

test("messages are in the reader's language, keys are not", async () => {
  const clerk = await login("clerk");
  const fields = await customerFields(clerk, { phone: "12" });
  const ask = async (language: string) =>
    (await clerk.post(PATH, { fields }, { headers: { "accept-language": language } })).problem();
  const [chinese, english] = [await ask("zh-CN"), await ask("en")];
  assert.match(chinese.title, /\p{Script=Han}/u);
  assert.match(chinese.errors?.[0]?.message ?? "", /\p{Script=Han}/u);
  assert.doesNotMatch(english.title, /\p{Script=Han}/u);
  assert.doesNotMatch(english.errors?.[0]?.message ?? "", /\p{Script=Han}/u);
  assert.equal(chinese.errors?.[0]?.code, english.errors?.[0]?.code);
});

test("an update is checked like a create, and a refused one writes nothing of itself", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const reply = await clerk.patch(`${PATH}/${item.id}`, { fields: { stage: "won", phone: "12" } }, item.version);
  assert.equal(reply.status, 422);
  assert.deepEqual(faults(reply), [["phone", "not_a_phone"]]);
  const { pos: _, ...before } = item;
  assert.deepEqual(await readCustomer(clerk, item.id), before);
});

test("values at their bounds pass", async () => {
  const manager = await login("manager");
  const name = (await formOf(manager)).fields.find((field) => field.key === "name");
  const most = name?.max_length ?? 255;
  const item = await createCustomer(manager, {
    name: "漢".repeat(most), registered_capital: "0.00", birthday: "1900-01-01", last_follow_up_at: "2026-02-28T23:59:59.999999+08:00",
  });
  assert.equal((item.fields["name"] as string).length, most);
  assert.equal(item.fields["last_follow_up_at"], "2026-02-28T15:59:59.999999Z");
  const longer = await manager.post(PATH, { fields: await customerFields(manager, { name: "漢".repeat(most + 1) }) });
  assert.deepEqual(faults(longer), [["name", "too_long"]]);
});

test("characters outside the basic plane count as one and come back as they were", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { name: "𠮷野家 😀 股份", notes: "emoji 👩‍👩‍👧 and rare 㐂" });
  assert.equal(item.fields["name"], "𠮷野家 😀 股份");
  assert.equal((await readCustomer(clerk, item.id)).fields["notes"], "emoji 👩‍👩‍👧 and rare 㐂");
});
