// Administration of people and rights: who may see it, what it tells, and that it tells nothing of customers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client } from "../lib/client.ts";
import { login, query } from "../lib/shared.ts";

interface Titled {
  id: string;
  title: string;
}
interface Person {
  id: string;
  login: string;
  name: string;
  department: Titled | null;
  disabled: boolean;
  roles: Titled[];
  rights: string[];
  version: string;
}
interface People {
  items: Person[];
  next: string | null;
  total: string;
}
interface Role {
  id: string;
  key: string;
  title: string;
  rights: string[];
  people: number;
  forms: string[];
  version: string;
}

const EVERYBODY = ["admin", "security", "auditor", "manager", "president", "clerk", "clerk2", "clerk3", "risk"];
const people = async (client: Client, extra = ""): Promise<People> => client.expect(200, await client.get(`/people${extra}`));

test("each route of administration is for its administrator alone, and a refusal is logged", async () => {
  const security = ["/roles", "/rights", "/forms/customer/rights"];
  const both = ["/people", `/people/${(await login("clerk")).session?.user.id}`];
  for (const name of EVERYBODY) {
    const client = await login(name);
    for (const path of security) assert.equal((await client.get(path)).status, name === "security" ? 200 : 403, `${name} ${path}`);
    for (const path of both)
      assert.equal((await client.get(path)).status, name === "security" || name === "admin" ? 200 : 403, `${name} ${path}`);
  }
  const last = (await query("SELECT login, action, detail FROM tidemark_log.event WHERE action = 'refuse' ORDER BY id DESC LIMIT 1", "app"))[0];
  assert.deepEqual([last?.["login"], last?.["action"], last?.["detail"]], ["risk", "refuse", '{"what":"people_show"}']);
});

test("people: all of them, in pages without doubles, narrowed by name, role and department", async () => {
  const client = await login("security");
  const rows = await query("SELECT id, login, name, disabled_at IS NOT NULL AS off FROM app_user ORDER BY id");
  const seen: Person[] = [];
  for (let after = ""; ; ) {
    const page = await people(client, `?limit=7${after}`);
    assert.equal(page.total, String(rows.length));
    assert.ok(page.items.length <= 7);
    seen.push(...page.items);
    if (page.next === null) break;
    after = `&after=${page.next}`;
  }
  assert.deepEqual(
    seen.map((one) => [one.id, one.login, one.name, one.disabled ? "1" : "0"]),
    rows.map((row) => [row["id"], row["login"], row["name"], row["off"]]),
  );
  const clerk = seen.find((one) => one.login === "clerk") as Person;
  assert.deepEqual((await people(client, "?q=LIN")).items.map((one) => one.login), seen.filter((one) => /lin/i.test(one.login)).map((one) => one.login));
  assert.deepEqual((await people(client, `?q=${encodeURIComponent(clerk.name)}`)).items, [clerk]);
  const role = clerk.roles[0] as Titled;
  const same = seen.filter((one) => one.roles.some((other) => other.id === role.id));
  assert.ok(same.length > 10 && same.length < seen.length);
  assert.deepEqual((await people(client, `?role=${role.id}&limit=200`)).items, same);
  const branch = await query(`SELECT parent_id FROM department WHERE id = ${clerk.department?.id}`);
  const below = await query(
    `SELECT u.id FROM app_user u JOIN department d ON d.id = u.department_id WHERE d.id = ${branch[0]?.["parent_id"]} OR d.parent_id = ${branch[0]?.["parent_id"]} ORDER BY u.id`,
  );
  assert.deepEqual(
    (await people(client, `?department=${branch[0]?.["parent_id"]}&limit=200`)).items.map((one) => one.id),
    below.map((row) => row["id"]),
  );
  assert.deepEqual((await people(client, "?disabled=1&limit=200")).items, seen.filter((one) => one.disabled));
  assert.deepEqual(await client.expect<Person>(200, await client.get(`/people/${clerk.id}`)), clerk);
  assert.equal((await client.get("/people/1")).status, 404);
  assert.equal((await client.get("/people/x")).status, 404);
});

test("people: bad parameters are told all at once", async () => {
  const client = await login("admin");
  const reply = await client.get("/people?role=x&department=y&after=-&limit=201&disabled=2");
  assert.equal(reply.status, 422);
  assert.deepEqual(faults(reply).map((fault) => fault.join(" ")).sort(), [
    "after not_an_id", "department not_an_id", "disabled bad_value", "limit too_large", "role not_an_id",
  ]);
  assert.equal((await client.get("/people?limit=0")).status, 422);
  assert.equal((await client.get(`/people?q=${"x".repeat(65)}`)).status, 422);
  assert.equal((await client.get("/people?what=1")).status, 422);
});

test("roles: names, rights, how many have them, which forms they touch", async () => {
  const client = await login("security");
  const list = await client.expect<{ items: Role[]; rights: string[] }>(200, await client.get("/roles"));
  const rows = await query(
    "SELECT r.`key`, r.rights, (SELECT COUNT(*) FROM user_role ur JOIN app_user u ON u.id = ur.user_id WHERE ur.role_id = r.id AND u.disabled_at IS NULL) AS n FROM role r ORDER BY r.`key`",
  );
  assert.deepEqual(
    list.items.map((role) => [role.key, role.rights.join(" "), String(role.people)]),
    rows.map((row) => [row["key"], (row["rights"] ?? "").split(" ").filter(Boolean).sort((a, b) => list.rights.indexOf(a) - list.rights.indexOf(b)).join(" "), row["n"]]),
  );
  const clerk = list.items.find((role) => role.key === "clerk") as Role;
  assert.equal(clerk.title, "Account manager");
  assert.deepEqual(clerk.forms, ["customer", "contact", "follow_up", "opportunity", "contract", "payment"]);
  assert.deepEqual((list.items.find((role) => role.key === "security_admin") as Role).forms, []);
  assert.equal(new Set(list.items.map((role) => role.version)).size, list.items.length);
});

test("the matrix of a form holds each grant as the table does", async () => {
  const client = await login("security");
  const forms = await client.expect<{ items: { key: string; version: string; roles: number }[] }>(200, await client.get("/rights"));
  assert.deepEqual(forms.items.map((form) => form.key), ["customer", "contact", "follow_up", "opportunity", "contract", "payment"]);
  const matrix = await client.expect<any>(200, await client.get("/forms/customer/rights"));
  assert.equal(matrix.version, forms.items[0]?.version);
  assert.ok(matrix.fields.some((field: any) => field.key === "credit_line"), "the security administrator sees every field's name");
  const groups = matrix.groups.map((group: any) => group.key);
  assert.deepEqual(groups, [...new Set(groups)]);
  assert.ok(matrix.fields.every((field: any) => groups.includes(field.group)), "each field stands in a group that has a label");
  assert.ok(matrix.groups.every((group: any) => group.label !== ""));
  assert.deepEqual(matrix.levels, ["hidden", "masked", "read", "write"]);
  const rows = await query("SELECT r.`key` AS role, g.row_rule, g.actions, g.fields FROM access_grant g JOIN role r ON r.id = g.role_id WHERE g.form = 'customer' ORDER BY r.`key`, g.id");
  const told = matrix.roles.flatMap((role: any) => role.grants.map((grant: any) => [role.key, grant.rule, grant.actions.join(" "), grant.fields]));
  assert.deepEqual(told, rows.map((row) => [row["role"], row["row_rule"], row["actions"], JSON.parse(row["fields"] as string)]));
  assert.equal(forms.items[0]?.roles, new Set(rows.map((row) => row["role"])).size);
  for (const role of matrix.roles) assert.equal(role.administrator, ["system_admin", "security_admin", "audit_admin"].includes(role.key), role.key);
  assert.equal((await client.get("/forms/nothing/rights")).status, 404);
});

test("nothing of a customer stands in what administrators are told", async () => {
  const names = await query("SELECT name, phone, credit_code FROM rec_customer LIMIT 300");
  for (const [name, paths] of [["security", ["/roles", "/rights", "/forms/customer/rights", "/people?limit=200"]], ["admin", ["/people?limit=200", "/departments"]]] as const) {
    const client = await login(name);
    for (const path of paths) {
      const text = (await client.get(path)).text;
      for (const row of names) {
        for (const value of Object.values(row)) assert.ok(value === null || !text.includes(value), `${path} tells ${value}`);
      }
    }
  }
});
