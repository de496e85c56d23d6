// Before rights are saved: the numbers of people who would gain and lose, against a count made by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyWith, makePerson, makeRole, matrixOf, ownKey, setGrants, type Grant, type Level } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

interface Preview {
  form: string;
  version: string;
  people: number;
  affected: number;
  gain: number;
  lose: number;
  rows: number;
  mask: number;
  changes: { kind: string; key: string; label: string; change: string; from: Level | null; to: Level | null; people: number }[];
}

async function preview(grants: Record<string, Grant[]>): Promise<Preview> {
  const security = await login("security");
  return security.expect<Preview>(200, await security.post("/forms/customer/rights:preview", bodyWith(await matrixOf(), grants)));
}
const told = (one: Preview): string[] =>
  one.changes.map((change) => `${change.key} ${change.change} ${change.from === null ? "" : `${change.from}>${change.to} `}${change.people}`).sort();
async function holders(role: string): Promise<number> {
  const rows = await query(
    `SELECT COUNT(*) AS n FROM user_role ur JOIN app_user u ON u.id = ur.user_id JOIN role r ON r.id = ur.role_id WHERE r.\`key\` = '${role}' AND u.disabled_at IS NULL`,
  );
  return Number(rows[0]?.["n"]);
}

test("a matrix as it is changes nothing for anybody", async () => {
  const same = await preview({});
  const withGrants = await query(
    "SELECT COUNT(DISTINCT u.id) AS n FROM app_user u JOIN user_role ur ON ur.user_id = u.id JOIN access_grant g ON g.role_id = ur.role_id WHERE u.disabled_at IS NULL AND g.form = 'customer'",
  );
  assert.deepEqual([same.people, same.affected, same.gain, same.lose, same.rows, same.mask, same.changes], [Number(withGrants[0]?.["n"]), 0, 0, 0, 0, 0, []]);
  assert.equal(same.version, (await matrixOf()).version);
});

test("each kind of change is counted, in people, and nothing is saved", async () => {
  const n = await holders("clerk");
  const matrix = await matrixOf();
  const [outlet, own] = matrix.roles.find((role) => role.key === "clerk")?.grants as [Grant, Grant];
  assert.ok(n > 20 && outlet.rule === "department" && own.rule === "owner");
  const clear = await preview({ clerk: [{ ...outlet, fields: { ...outlet.fields, phone: "read" } }, own] });
  assert.deepEqual(told(clear), [`phone rows ${n}`]);
  assert.deepEqual([clear.affected, clear.gain, clear.lose, clear.rows], [n, 0, 0, n]);
  const exported = await preview({ clerk: [{ ...outlet, actions: [...outlet.actions, "export"] }, own] });
  assert.deepEqual(told(exported), [`export gain ${n}`]);
  const hidden = await preview({ clerk: [outlet, own].map((grant) => ({ ...grant, fields: { ...grant.fields, notes: "hidden" as Level } })) });
  assert.deepEqual(told(hidden), [`notes lose write>hidden ${n}`]);
  assert.deepEqual([hidden.affected, hidden.gain, hidden.lose, hidden.rows], [n, 0, n, 0]);
  const denied = await preview({ clerk: [outlet, own, { rule: "all", deny: true, actions: ["delete"], fields: { credit_code: "masked" } }] });
  assert.deepEqual(told(denied), [`credit_code lose write>masked ${n}`, `delete lose ${n}`]);
  const masked = await preview({ clerk: [{ ...outlet, masks: { phone: "0+4" } }, own] });
  assert.deepEqual(told(masked), [`phone mask ${n}`]);
  assert.equal(masked.mask, n);
  const wider = await preview({ clerk: [{ ...outlet, rule: "subtree" }, own] });
  assert.deepEqual(told(wider), [], "clerks sit in outlets, and nothing is below an outlet");
  const none = await preview({ clerk: [] });
  assert.equal(none.affected, n);
  assert.equal(none.changes.find((change) => change.key === "list")?.people, n);
  assert.deepEqual(none.changes.filter((change) => change.change !== "lose"), []);
  const given = await preview({ clerk: [outlet, own, { rule: "all", actions: ["list", "read"], fields: { risk_grade: "read" } }] });
  assert.deepEqual(told(given), [`list rows ${n}`, `read rows ${n}`, `risk_grade gain hidden>read ${n}`]);
  assert.equal((await matrixOf()).version, matrix.version);
});

test("people are judged one by one: by all their roles, and by where they stand", async () => {
  const [first, second] = [await makeRole(ownKey("first")), await makeRole(ownKey("second"))];
  const branch: Grant = { rule: "subtree", actions: ["list", "read"], fields: { "*": "masked" } };
  const outlet: Grant = { rule: "department", actions: ["list", "read"], fields: { "*": "read" } };
  await setGrants({ [first.key]: [branch], [second.key]: [outlet] });
  await makePerson(ownKey("both"), "branch1", [first.key, second.key]);
  await makePerson(ownKey("leaf"), "outlet11", [first.key]);
  await makePerson(ownKey("upper"), "branch2", [first.key]);
  await makePerson(ownKey("nowhere"), undefined, [first.key]);
  const narrower = await preview({ [first.key]: [{ ...branch, rule: "department" }] });
  const about = (key: string) => narrower.changes.filter((change) => change.key === key).map((change) => [change.change, change.people]);
  assert.deepEqual(about("list"), [["rows", 2]], "both and upper lose the rows below; leaf has none below, nowhere none at all");
  assert.equal(narrower.affected, 2);
  const clear = await preview({ [first.key]: [{ ...branch, fields: { "*": "read" } }] });
  assert.deepEqual(
    clear.changes.filter((change) => change.key === "phone").map((change) => [change.change, change.from, change.to, change.people]),
    [["gain", "masked", "read", 2], ["rows", null, null, 1]],
  );
});

test("a matrix that could not be saved has no preview", async () => {
  const security = await login("security");
  assert.equal((await security.post("/forms/customer/rights:preview", { roles: [{ id: "1", grants: [] }] })).status, 422);
  assert.equal((await security.post("/forms/nothing/rights:preview", { roles: [] })).status, 404);
  assert.equal((await (await login("clerk")).post("/forms/customer/rights:preview", { roles: [] })).status, 403);
});
