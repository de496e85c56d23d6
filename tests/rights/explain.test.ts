// "View as" and "why": what the security administrator is told agrees with what the person gets, and holds no customer's value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Item } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant, type Level } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

const RIGHTS = "/forms/customer/rights";
interface Why {
  record: string | null;
  can: string[];
  level: Level | null;
  mask: string | null;
  grants: { role: { id: string; title: string }; grant: Grant; holds: boolean | null; level: Level | null }[];
}

test("why: each grant, whether it holds for a record, and what comes of it, as the person has it", async () => {
  const security = await login("security");
  const clerk = await login("clerk");
  const own = await createCustomer(clerk, { phone: "13812340000", stage: "won" });
  const role = await makeRole(ownKey("why"));
  const deny: Grant = { rule: "condition", condition: { field: "stage", op: "eq", value: "won" }, deny: true, actions: ["delete"], fields: { phone: "masked" }, masks: { phone: "0+2" } };
  await setGrants({ [role.key]: [{ rule: "subtree", actions: ["list", "read", "delete"], fields: { "*": "read" } }, { rule: "owner", actions: ["list", "read", "update"], fields: { "*": "write" } }, deny] });
  const person = await makePerson(ownKey("why"), "branch1", [role.key]);
  const id = person.session?.user.id;
  const why = async (extra: string): Promise<Why> => security.expect<Why>(200, await security.get(`${RIGHTS}/why?person=${id}${extra}`));
  const told = await why(`&record=${own.id}&field=phone`);
  assert.deepEqual(told.grants.map((one) => [one.grant.rule, one.holds, one.level]), [["subtree", true, "read"], ["owner", false, "write"], ["condition", true, "masked"]]);
  assert.deepEqual([told.can, told.level, told.mask], [["list", "read"], "masked", "0+2"]);
  assert.deepEqual(told.grants[2]?.grant.condition, deny.condition);
  const seen = await person.expect<Item>(200, await person.get(`/forms/customer/records/${own.id}`));
  assert.deepEqual([seen.can, seen.fields["phone"]], [["read"], "***00"]);
  const general = await why("&field=phone");
  assert.deepEqual([general.record, general.can, general.level, general.grants.map((one) => one.holds)], [null, ["list", "read", "update", "delete"], "write", [null, null, null]]);
  const elsewhere = await createCustomer(await login("clerk3"));
  assert.deepEqual([(await why(`&record=${elsewhere.id}&field=name`)).can, (await why(`&record=${elsewhere.id}&field=name`)).level], [[], "hidden"]);
  const logged = await query(`SELECT login, form, detail FROM tidemark_log.event WHERE record = ${own.id} AND login = 'security'`, "app");
  assert.deepEqual(logged, [{ login: "security", form: "_rights", detail: `{"what":"why","form":"customer","person":"${id}"}` }]);
  const bad = await security.get(`${RIGHTS}/why?person=x&record=y&field=nothing`);
  assert.deepEqual(faults(bad).map((fault) => fault.join(" ")).sort(), ["field unknown", "person not_an_id", "record not_an_id"]);
  assert.deepEqual(faults(await security.get(`${RIGHTS}/why`)), [["person", "required"]]);
  assert.equal((await security.get(`${RIGHTS}/why?person=1`)).status, 404);
  assert.equal((await security.get(`${RIGHTS}/why?person=${id}&record=1`)).status, 404);
  assert.equal((await (await login("admin")).get(`${RIGHTS}/why?person=${id}`)).status, 403);
});

test("view as: actions and fields on made-up records, for each way a record can stand to the person", async () => {
  const security = await login("security");
  const clerk = (await login("clerk")).session?.user.id;
  const view = await security.expect<any>(200, await security.get(`${RIGHTS}/view?person=${clerk}`));
  assert.deepEqual(view.samples.map((one: any) => [one.mine, one.place, one.conditions]), [[true, "department", false], [false, "department", false], [true, "elsewhere", false], [false, "elsewhere", false]]);
  const levels = (i: number) => Object.fromEntries(view.samples[i].fields.map((field: any) => [field.key, [field.level, field.shown]]));
  assert.deepEqual(levels(0)["phone"], ["write", "13812345678"]);
  assert.deepEqual(levels(1)["phone"], ["masked", "138****5678"]);
  assert.deepEqual(levels(1)["credit_line"], ["hidden", null]);
  assert.deepEqual(view.samples[3].can, []);
  assert.equal(view.fields.find((field: any) => field.key === "phone").access, "write");
  assert.ok(!view.samples[1].can.includes("update") && view.samples[0].can.includes("update"));
  const auditor = (await login("auditor")).session?.user.id;
  const none = await security.expect<any>(200, await security.get(`${RIGHTS}/view?person=${auditor}`));
  assert.deepEqual([none.can, none.fields, none.samples], [[], [], []]);
  assert.equal((await security.get(`${RIGHTS}/view?person=1`)).status, 404);
  assert.equal((await (await login("clerk")).get(`${RIGHTS}/view?person=${clerk}`)).status, 403);
});
