// Changing rights: what may be saved, who may do it, what is logged, and that it holds from the next request on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { bodyWith, makePerson, makeRole, matrixOf, ownKey, setGrants, type Grant, type Role } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

const RECORDS = "/forms/customer/records";
const SEES = ["list", "read"];

async function eventsSince<T>(change: () => Promise<T>): Promise<{ result: T; events: Record<string, string | null>[] }> {
  const before = (await query("SELECT MAX(id) AS id FROM tidemark_log.event", "app"))[0]?.["id"] ?? "0";
  const result = await change();
  const events = await query(`SELECT login, form, record, changes FROM tidemark_log.event WHERE id > ${before} AND action = 'configure' ORDER BY id`, "app");
  return { result, events };
}
const changesOf = (event: Record<string, string | null> | undefined): Record<string, [unknown, unknown]> =>
  Object.fromEntries((JSON.parse(event?.["changes"] ?? "[]") as { field: string; before: unknown; after: unknown }[]).map((one) => [one.field, [one.before ?? null, one.after ?? null]]));

const fieldOf = async (client: Client, id: string, key: string): Promise<unknown> =>
  (await client.expect<Item>(200, await client.get(`${RECORDS}/${id}`))).fields[key];

test("a field taken from a role is gone from its next answers, given again it is there; each step has its event", async () => {
  const role = await makeRole(ownKey("teller"));
  const grant: Grant = { rule: "subtree", actions: SEES, fields: { "*": "read" } };
  await setGrants({ [role.key]: [grant] });
  const teller = await makePerson(ownKey("teller"), "branch1", [role.key]);
  const item = await createCustomer(await login("clerk"), { phone: "13812345678" });
  assert.equal(await fieldOf(teller, item.id, "phone"), "13812345678");
  const { events } = await eventsSince(() => setGrants({ [role.key]: [{ ...grant, fields: { "*": "read", phone: "hidden" } }] }));
  assert.equal(events.length, 1, "one grant has changed, so one event");
  assert.deepEqual([events[0]?.["login"], events[0]?.["form"]], ["security", "_grant"]);
  const changes = changesOf(events[0]);
  assert.deepEqual(changes["fields"], [{ "*": "read" }, { "*": "read", phone: "hidden" }]);
  assert.deepEqual(changes["role"], [role.id, role.id]);
  assert.deepEqual(Object.keys(changes).sort(), ["fields", "form", "role"]);
  assert.equal(await fieldOf(teller, item.id, "phone"), undefined);
  assert.equal((await teller.get(`${RECORDS}?sort=phone`)).status, 422);
  await setGrants({ [role.key]: [{ ...grant, fields: { "*": "read", phone: "masked" }, masks: { phone: "1+2" } }] });
  assert.equal(await fieldOf(teller, item.id, "phone"), "1***78");
  const gone = await eventsSince(() => setGrants({ [role.key]: [] }));
  assert.equal(gone.events.length, 1);
  assert.deepEqual(changesOf(gone.events[0])["form"], ["customer", null]);
  assert.equal((await teller.get(`${RECORDS}/${item.id}`)).status, 404);
  assert.deepEqual((await teller.expect(200, await teller.get("/forms"))).items, []);
});

test("what is saved is what is read, and saving the same again is no change", async () => {
  const role = await makeRole(ownKey("same"));
  const grants: Grant[] = [
    { rule: "all", condition: null, deny: false, actions: ["list", "read"], fields: { "*": "hidden", name: "masked", stage: "write" }, masks: { name: "1+1" } },
    { rule: "condition", condition: { and: [{ field: "stage", op: "eq", value: "won" }, { field: "owner", op: "eq", value: "@me" }] }, deny: true, actions: ["delete"], fields: { "*": "write", notes: "read" }, masks: {} },
    { rule: "subtree", condition: null, deny: true, actions: [], fields: { "*": "masked" }, masks: {} },
  ];
  const saved = await setGrants({ [role.key]: grants });
  assert.deepEqual(saved.roles.find((one) => one.id === role.id)?.grants, grants);
  assert.match(saved.pos ?? "", /^\w+\.\d+$/);
  const again = await matrixOf();
  assert.deepEqual(again.roles, saved.roles);
  assert.equal(again.version, saved.version);
  const security = await login("security");
  const { result, events } = await eventsSince(async () => security.put("/forms/customer/rights", bodyWith(again, {}), again.version));
  assert.equal(result.status, 200);
  assert.deepEqual(events, []);
  assert.equal(result.json().version, again.version);
});

test("an old version is stale; without one it is asked for; * overwrites on purpose", async () => {
  const security = await login("security");
  const role = await makeRole(ownKey("stale"));
  const old = await matrixOf();
  await setGrants({ [role.key]: [{ rule: "all", actions: ["list"], fields: { "*": "read" } }] });
  const body = bodyWith(old, {});
  assert.equal((await security.put("/forms/customer/rights", body, old.version)).status, 412);
  assert.equal((await security.put("/forms/customer/rights", body, undefined)).status, 428);
  assert.equal((await matrixOf()).roles.find((one) => one.id === role.id)?.grants.length, 1, "a refused matrix changes nothing");
  assert.equal((await security.put("/forms/customer/rights", body, "*")).status, 200);
  assert.deepEqual((await matrixOf()).roles.find((one) => one.id === role.id)?.grants, []);
});

test("whatever is wrong with a matrix is told at once, by its path, and nothing is saved", async () => {
  const security = await login("security");
  const matrix = await matrixOf();
  const role = await makeRole(ownKey("wrong"));
  const audit = matrix.roles.find((one) => one.key === "audit_admin");
  const body = {
    roles: [
      {
        id: role.id,
        grants: [
          { rule: "some", actions: ["fly", "list", "list"], fields: { "*": "reads", nothing: "read" }, masks: { phone: "3+", nothing: "phone" }, more: 1 },
          { rule: "condition", actions: ["list"], fields: {} },
          { rule: "all", condition: { field: "stage", op: "eq", value: "won" }, actions: ["list"], fields: {} },
          { rule: "condition", condition: { and: [{ field: "nothing", op: "eq", value: "x" }] }, actions: ["list"], fields: {} },
          { rule: "all", actions: [], fields: { "*": "read" } },
          { rule: "all", deny: true, actions: [], fields: {} },
          7,
        ],
      },
      { id: role.id, grants: [] },
      { id: "1", grants: [] },
      { id: audit?.id, grants: [{ rule: "all", actions: ["list"], fields: { "*": "read" } }] },
    ],
  };
  const reply = await security.put("/forms/customer/rights", body, matrix.version);
  assert.equal(reply.status, 422);
  assert.deepEqual(faults(reply).map((fault) => fault.join(" ")).sort(), [
    "roles[0].grants[0].actions[0] not_an_option", "roles[0].grants[0].actions[2] duplicate", "roles[0].grants[0].fields.* not_an_option",
    "roles[0].grants[0].fields.nothing unknown", "roles[0].grants[0].masks.nothing unknown", "roles[0].grants[0].masks.phone not_an_option",
    "roles[0].grants[0].more unknown", "roles[0].grants[0].rule not_an_option", "roles[0].grants[1].condition required",
    "roles[0].grants[2].condition bad_value", "roles[0].grants[3].condition.and[0].field unknown", "roles[0].grants[4].actions required",
    "roles[0].grants[5].actions required", "roles[0].grants[6] wrong_type", "roles[1].id duplicate", "roles[2].id unknown",
    "roles[3].grants separated",
  ]);
  for (const bad of [{}, { roles: 5 }, { roles: [5] }, { roles: [{ id: role.id }] }, { roles: [{ grants: [] }] }, { roles: [], more: 1 }])
    assert.equal((await security.put("/forms/customer/rights", bad, "*")).status, 422, JSON.stringify(bad));
  assert.equal((await security.put("/forms/nothing/rights", { roles: [] }, "*")).status, 404);
  assert.equal((await matrixOf()).version, matrix.version);
  for (const name of ["admin", "auditor", "manager", "clerk"])
    assert.equal((await (await login(name)).put("/forms/customer/rights", { roles: [] }, "*")).status, 403, name);
});

test("a role's names and rights: made, changed, refused where the three duties would meet", async () => {
  const security = await login("security");
  const key = ownKey("role");
  const { result: role, events } = await eventsSince(() => makeRole(key));
  assert.deepEqual(changesOf(events[0]), { key: [null, key], name_zh: [null, `角色 ${key}`], name_en: [null, `Role ${key}`], rights: [null, []] });
  assert.equal((await security.post("/roles", { key, name: { zh: "又", en: "again" } })).status, 409);
  const bad = await security.post("/roles", { key: "Bad Key", name: { zh: " ", en: "x".repeat(101) }, rights: ["fly", "audit.read", "audit.read"] });
  assert.deepEqual(faults(bad).map((fault) => fault.join(" ")).sort(), ["rights[0] not_an_option", "rights[2] duplicate"]);
  const worse = await security.post("/roles", { key: "Bad Key", name: { zh: " ", en: "x".repeat(101) } });
  assert.deepEqual(faults(worse).map((fault) => fault.join(" ")).sort(), ["key bad_value", "name.en too_long", "name.zh required"]);
  const two = await security.post("/roles", { key: ownKey("two"), name: { zh: "两", en: "two" }, rights: ["audit.read", "users.manage"] });
  assert.deepEqual(faults(two), [["rights", "separated"]]);
  const path = `/roles/${role.id}`;
  assert.equal((await security.patch(path, { name: { zh: "新", en: "New" } }, undefined)).status, 428);
  const renamed = await security.expect<Role>(200, await security.patch(path, { name: { zh: "新", en: "New" } }, role.version));
  assert.deepEqual([renamed.title, renamed.name.zh, renamed.rights], ["New", "新", []]);
  assert.equal((await security.patch(path, { rights: ["forms.design"] }, role.version)).status, 412);
  const designer = await security.expect<Role>(200, await security.patch(path, { rights: ["forms.design"] }, renamed.version));
  assert.deepEqual(designer.rights, ["forms.design"]);
  await setGrants({ [key]: [{ rule: "all", actions: ["list"], fields: { "*": "read" } }] });
  const now = (await security.expect(200, await security.get("/roles"))).items.find((one: Role) => one.id === role.id) as Role;
  assert.deepEqual(now.forms, ["customer"]);
  assert.deepEqual(faults(await security.patch(path, { rights: ["audit.read"] }, now.version)), [["rights", "separated"]]);
  assert.equal((await security.patch("/roles/1", { rights: [] }, "*")).status, 404);
  assert.equal((await (await login("admin")).patch(path, { rights: [] }, "*")).status, 403);
  const auditRole = (await security.expect(200, await security.get("/roles"))).items.find((one: Role) => one.key === "audit_admin") as Role;
  assert.deepEqual(faults(await security.patch(`/roles/${auditRole.id}`, { rights: [] }, auditRole.version)), [["rights", "last_one"]]);
});

test("accounts: each administrator changes his part, nobody his own, and no duty is left to nobody", async () => {
  const security = await login("security");
  const admin = await login("admin");
  const role = await makeRole(ownKey("staff"));
  await setGrants({ [role.key]: [{ rule: "department", actions: SEES, fields: { "*": "read" } }] });
  const key = ownKey("staff");
  const person = await makePerson(key, "outlet11", [role.key]);
  const id = person.session?.user.id as string;
  const path = `/people/${id}`;
  const read = async () => admin.expect<any>(200, await admin.get(path));
  const total = async () => Number((await person.list(`${RECORDS}?count=1&limit=1`)).total);
  const before = await total();
  assert.ok(before > 0);
  const outlet = (await query("SELECT id FROM department WHERE `key` = 'outlet31'"))[0]?.["id"] as string;
  assert.equal((await security.patch(path, { department: outlet }, "*")).status, 403, "departments are the system administrator's");
  assert.equal((await admin.patch(path, { roles: [] }, "*")).status, 403, "roles are the security administrator's");
  assert.equal((await admin.patch(path, { department: outlet }, undefined)).status, 428);
  const version = (await read()).version;
  const { events } = await eventsSince(async () => admin.expect(200, await admin.patch(path, { department: outlet, name: " 新名 " }, version)));
  assert.equal(events.length, 1);
  assert.deepEqual([events[0]?.["form"], events[0]?.["record"], changesOf(events[0])["name"]], ["_user", id, [`人员 ${key}`, "新名"]]);
  assert.equal((await admin.patch(path, { name: "x" }, version)).status, 412);
  const rows = await query(`SELECT COUNT(*) AS n FROM rec_customer WHERE _department = ${outlet} AND _live = 1`);
  assert.equal(String(await total()), rows[0]?.["n"], "another department, other rows, at once");
  const roles = (await security.expect(200, await security.get("/roles"))).items as Role[];
  const roleId = (name: string) => (roles.find((one) => one.key === name) as Role).id;
  const given = await eventsSince(async () => security.expect(200, await security.patch(path, { roles: [roleId("president")] }, "*")));
  assert.deepEqual(given.events.map((event) => event["form"]), ["_user_role", "_user_role"]);
  assert.deepEqual((await read()).roles.map((one: { id: string }) => one.id), [roleId("president")]);
  for (const wrong of [["president", "audit_admin"], ["audit_admin", "security_admin"]])
    assert.deepEqual(faults(await security.patch(path, { roles: wrong.map(roleId) }, "*")), [["roles", "separated"]], wrong.join());
  const bad = await security.patch(path, { roles: ["1", "x", roleId("clerk"), roleId("clerk")] }, "*");
  assert.equal(bad.status, 422);
  assert.deepEqual(faults(await security.patch(path, { roles: ["1", roleId("clerk"), roleId("clerk")] }, "*")), [["roles[0]", "unknown"], ["roles[2]", "duplicate"]]);
  assert.equal((await admin.patch(path, { department: "1" }, "*")).status, 422);
  assert.equal((await admin.patch(path, { disabled: 1, name: "" }, "*")).status, 422);
  assert.deepEqual(faults(await admin.patch(`/people/${admin.session?.user.id}`, { name: "x" }, "*")), [["", "own_account"]]);
  assert.deepEqual(faults(await security.patch(`/people/${security.session?.user.id}`, { roles: [] }, "*")), [["", "own_account"]]);
  const auditor = (await login("auditor")).session?.user.id;
  assert.deepEqual(faults(await security.patch(`/people/${auditor}`, { roles: [] }, "*")), [["roles", "last_one"]]);
  assert.deepEqual(faults(await admin.patch(`/people/${auditor}`, { disabled: true }, "*")), [["disabled", "last_one"]]);
  assert.equal((await person.get("/forms")).status, 200);
  await admin.expect(200, await admin.patch(path, { disabled: true }, "*"));
  assert.equal((await person.get("/forms")).status, 401, "who is disabled is out at once");
  await admin.expect(200, await admin.patch(path, { disabled: false }, "*"));
  assert.equal((await person.get("/forms")).status, 401, "and his old session does not come back");
  assert.equal((await admin.patch("/people/1", { name: "x" }, "*")).status, 404);
});

test("two administrators who save at once: one of them is told that he was late", async () => {
  const security = await login("security");
  const roles = [await makeRole(ownKey("race")), await makeRole(ownKey("race"))];
  const matrix = await matrixOf();
  const grant: Grant = { rule: "all", actions: ["list"], fields: { "*": "read" } };
  const replies = await Promise.all(roles.map((role) => security.put("/forms/customer/rights", bodyWith(matrix, { [role.key]: [grant] }), matrix.version)));
  assert.deepEqual(replies.map((reply) => reply.status).sort(), [200, 412]);
  const now = await matrixOf();
  assert.equal(now.roles.filter((role) => roles.some((one) => one.id === role.id) && role.grants.length > 0).length, 1);
});

test("none of this was a change without its event", async () => {
  const rows = await query("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited'", "app");
  assert.equal(rows[0]?.["n"], "0");
});
