// Roles x form x fields x actions x interfaces, under random matrices, against the oracle beside this file: no difference.
//
//   RIGHTS_ROUNDS=200 RIGHTS_SEED=… node --test tests/rights/oracle.test.ts     the long form
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, Item, Reply } from "../lib/client.ts";
import { createCustomer, formOf, type FormDefinition } from "../lib/demo.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";
import { ACTIONS, randomGrant, STAGES } from "./grants.ts";
import { View, anywhere, column, holds, keep, viewOf, type Row, type Viewer } from "./oracle.ts";

const SEED = Number(process.env["RIGHTS_SEED"] ?? Date.now() % 1_000_000_007);
const ROUNDS = Number(process.env["RIGHTS_ROUNDS"] ?? 4);
const PATH = "/forms/customer/records";
const SHOWN_ACTIONS = ACTIONS.filter((one) => one !== "list" && one !== "create");

let state = SEED;
function pick(n: number): number {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * n);
}
const one = <T>(from: readonly T[]): T => from[pick(from.length)] as T;

interface Person {
  client: Client;
  roles: string[];
  viewer: Viewer;
}

async function viewerOf(client: Client): Promise<Viewer> {
  const id = client.session?.user.id as string;
  const department = (await query(`SELECT department_id FROM app_user WHERE id = ${id}`))[0]?.["department_id"] ?? null;
  const all = await query("SELECT id, parent_id FROM department");
  const subtree = new Set(department === null ? [] : [department]);
  for (let n = -1; n !== subtree.size; ) {
    n = subtree.size;
    for (const row of all) if (row["parent_id"] !== null && subtree.has(row["parent_id"] as string)) subtree.add(row["id"] as string);
  }
  return { id, department, subtree };
}

/** One person under one matrix. */
class Check {
  readonly person: Person;
  readonly grants: Grant[];
  readonly rows: Row[];
  readonly form: FormDefinition;
  readonly views: Map<string, View>;
  readonly any: View;
  constructor(person: Person, grants: Grant[], rows: Row[], form: FormDefinition) {
    this.person = person;
    this.grants = grants;
    this.rows = rows;
    this.form = form;
    this.views = new Map(rows.map((row) => [row["_id"] as string, viewOf(grants, row, person.viewer)]));
    this.any = anywhere(grants);
  }
  view(row: Row): View {
    return this.views.get(row["_id"] as string) as View;
  }
  clear(row: Row, field: string): boolean {
    return ["read", "write"].includes(this.view(row).level(field));
  }
  listed(): Row[] {
    return this.rows.filter((row) => this.view(row).actions.has("list"));
  }
  get exists(): boolean {
    return this.grants.some((grant) => !grant.deny);
  }
  async all(extra: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let after = ""; ; ) {
      const page = await this.person.client.list(`${PATH}?limit=200${extra}${after}`);
      items.push(...page.items);
      if (page.next === null) return items;
      after = `&after=${encodeURIComponent(page.next)}`;
    }
  }
  item(item: Item, row: Row): void {
    const view = this.view(row);
    const where = `${row["_id"]}`;
    const shown = this.form.fields.map((field) => field.key).filter((key) => view.level(key) !== "hidden");
    assert.deepEqual(Object.keys(item.fields).sort(), [...shown].sort(), where);
    assert.deepEqual([...item.masked].sort(), shown.filter((key) => view.level(key) === "masked").sort(), where);
    assert.deepEqual([...item.locked].sort(), shown.filter((key) => view.level(key) === "read" && this.any.level(key) === "write").sort(), where);
    assert.deepEqual([...item.can].sort(), SHOWN_ACTIONS.filter((action) => view.actions.has(action)).sort(), where);
    for (const field of this.form.fields.filter((each) => shown.includes(each.key))) this.value(item, row, field.key, field.type);
  }
  value(item: Item, row: Row, key: string, type: string): void {
    const stored = row[column(key)] ?? null;
    const value = item.fields[key] ?? null;
    const where = `${row["_id"]} ${key}`;
    if (stored === null) return assert.equal(value, null, where);
    if (this.view(row).level(key) === "masked") {
      const mask = this.view(row).mask(key);
      if (mask !== undefined) assert.equal(value, keep(mask, stored), where);
      else assert.match(String(value), /\*\*/, where);
    } else if (type === "member" || type === "department") assert.equal((value as { id: string }).id, stored, where);
    else if (type === "tags") assert.deepEqual(value, JSON.parse(stored), where);
    else if (!["long_text", "datetime"].includes(type)) assert.equal(value, stored, where);
  }
  ids(rows: Row[]): string[] {
    return rows.map((row) => row["_id"] as string).sort();
  }

  /** GET /forms, the definition, and that nothing is there where nothing is given. */
  async definition(): Promise<boolean> {
    const { client } = this.person;
    const reply = await client.get("/forms/customer");
    if (!this.exists) {
      assert.equal(reply.status, 404);
      assert.equal((await client.get(`${PATH}?limit=1`)).status, 404);
      return false;
    }
    const form = client.expect<any>(200, reply);
    const expected = this.form.fields.filter((field) => this.any.level(field.key) !== "hidden");
    assert.deepEqual(
      form.fields.map((field: any) => [field.key, field.access]),
      expected.map((field) => [field.key, field.type === "auto_number" && this.any.level(field.key) === "write" ? "read" : this.any.level(field.key)]),
    );
    assert.deepEqual([...form.can].sort(), [...this.any.actions].sort());
    if (this.any.actions.has("list")) return true;
    assert.equal((await client.get(`${PATH}?limit=1`)).status, 403);
    return false;
  }

  async list(): Promise<void> {
    const items = await this.all("");
    assert.deepEqual(items.map((item) => item.id).sort(), this.ids(this.listed()));
    const by = new Map(this.rows.map((row) => [row["_id"], row]));
    for (const item of items) this.item(item, by.get(item.id) as Row);
    const counted = await this.person.client.list(`${PATH}?limit=1&count=1`);
    assert.equal(counted.total, String(items.length));
  }

  /** Filters on every field: a masked value is unknown, a hidden field is none. */
  async filters(): Promise<void> {
    for (const field of this.form.fields) {
      const sample = one(this.rows)[column(field.key)];
      if (["long_text", "datetime", "region"].includes(field.type)) continue;
      const leaf = sample == null ? { field: field.key, op: "empty" } : field.type === "tags" ? { field: field.key, op: "any", value: JSON.parse(sample).slice(0, 1) } : { field: field.key, op: "eq", value: sample };
      const tree = pick(3) === 0 ? { not: leaf } : leaf;
      if (sample != null && field.type === "tags" && JSON.parse(sample).length === 0) continue;
      const path = `&filter=${encodeURIComponent(JSON.stringify(tree))}`;
      if (this.any.level(field.key) === "hidden") {
        const reply = await this.person.client.get(`${PATH}?limit=1${path}`);
        assert.equal(reply.status, 422, field.key);
        continue;
      }
      const expected = this.listed().filter((row) => holds(tree, row, this.person.viewer, (key) => this.clear(row, key)) === true);
      assert.deepEqual((await this.all(path)).map((item) => item.id).sort(), this.ids(expected), JSON.stringify(tree));
    }
  }

  async sorts(): Promise<void> {
    for (const key of ["credit_line", "stage", "birthday", "credit_code"]) {
      const reply = await this.person.client.get(`${PATH}?limit=1&sort=${key}`);
      assert.equal(reply.status, this.any.level(key) === "hidden" ? 422 : 200, key);
      if (reply.status !== 200) continue;
      const items = await this.all(`&sort=${key}`);
      const known = new Set(this.ids(this.listed().filter((row) => this.clear(row, key) && row[key] != null)));
      assert.ok(items.slice(0, known.size).every((item) => known.has(item.id)), `${key}: what is unknown comes last`);
      const tail = items.slice(known.size).map((item) => BigInt(item.id));
      assert.ok(tail.every((id, i) => i === 0 || (tail[i - 1] as bigint) < id), `${key}: among what is unknown, by id`);
    }
  }

  async search(): Promise<void> {
    const row = one(this.rows.filter((each) => each["phone"] != null));
    const q = (row["phone"] as string).slice(-5);
    const fields = this.form.fields.filter((field) => field.searchable);
    const holds = (type: string, value: string) => (type === "text" ? value.includes(q) : value.startsWith(q) || value.endsWith(q));
    const expected = this.listed().filter((each) => fields.some(({ key, type }) => this.clear(each, key) && holds(type, each[column(key)] ?? "")));
    assert.deepEqual((await this.all(`&q=${q}`)).map((item) => item.id).sort(), this.ids(expected), q);
  }

  /** One record by each of its roads; a change writes what is there already, so that nothing moves. */
  async records(): Promise<void> {
    const { client } = this.person;
    for (let i = 0; i < 6; i++) {
      const row = one(this.rows);
      const view = this.view(row);
      const path = `${PATH}/${row["_id"]}`;
      const visible = view.actions.has("list") || view.actions.has("read");
      const single: Reply = await client.get(path);
      assert.equal(single.status, view.actions.has("read") ? 200 : 404);
      if (single.status === 200) this.item(single.json<Item>(), row);
      assert.equal((await client.get(`${path}/history`)).status, !visible ? 404 : view.actions.has("history") ? 200 : 403);
      const key = one(["stage", "phone", "credit_line", "level"]);
      const changed = await client.patch(path, { fields: { [key]: row[key] } }, "*");
      const level = view.level(key);
      const expected = !visible ? "404" : !view.actions.has("update") ? "403" : level === "hidden" ? "422 unknown" : level !== "write" ? "422 read_only" : "200";
      const code = changed.status === 422 ? ` ${changed.problem().errors?.[0]?.code}` : "";
      assert.equal(`${changed.status}${code}`, expected, `${key} of ${row["_id"]}`);
      const reveal = await client.post(`${path}/reveal`, { field: key, reason: "" });
      assert.equal(reveal.status, !visible ? 404 : view.actions.has("reveal") ? 422 : 403);
    }
  }
}

test(`${ROUNDS} random matrices: every interface answers as the oracle says (seed ${SEED})`, async (t) => {
  const manager = await login("manager");
  const form = await formOf(manager);
  const keys = form.fields.map((field) => field.key);
  const roles = [await makeRole(ownKey("a")), await makeRole(ownKey("b")), await makeRole(ownKey("c"))].map((role) => role.key);
  const places: [string | undefined, number[]][] = [["outlet11", [0, 1]], ["branch1", [1, 2]], ["head", [0, 2]], [undefined, [0, 1, 2]]];
  const people: Person[] = [];
  for (const [department, which] of places) {
    const client = await makePerson(ownKey("oracle"), department, which.map((i) => roles[i] as string));
    people.push({ client, roles: which.map((i) => roles[i] as string), viewer: await viewerOf(client) });
  }
  for (const person of people) for (let i = 0; i < 3; i++) await createCustomer(manager, { owner: person.viewer.id, stage: one(STAGES) });
  let compared = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const grants = Object.fromEntries(roles.map((role) => [role, Array.from({ length: 1 + pick(3) }, () => randomGrant(pick, keys))]));
    const matrix = await setGrants(grants);
    const ordered = (role: string): Grant[] => matrix.roles.find((each) => each.key === role)?.grants ?? [];
    const rows = (await query("SELECT * FROM rec_customer WHERE _live = 1")) as Row[];
    const order = (await query("SELECT g.id, r.`key` AS role FROM access_grant g JOIN role r ON r.id = g.role_id WHERE g.form = 'customer' ORDER BY g.id")).map((each) => each["role"] as string);
    for (const person of people) {
      // Several grants that mask: the first by id decides, so they are taken in the table's order.
      const left = new Map(person.roles.map((role) => [role, [...ordered(role)]]));
      const own = order.filter((role) => left.has(role)).map((role) => left.get(role)?.shift() as Grant);
      const check = new Check(person, own, rows, form);
      try {
        if (await check.definition()) {
          await check.list();
          await check.filters();
          await check.sorts();
          await check.search();
        }
        if (check.exists) await check.records();
      } catch (error) {
        throw new Error(`seed ${SEED}, round ${round}, viewer ${JSON.stringify({ ...person.viewer, subtree: undefined })}\n${JSON.stringify(own)}\n${String(error)}`, { cause: error });
      }
      compared += rows.length;
    }
  }
  for (const role of roles) await setGrants({ [role]: [] });
  t.diagnostic(`${compared} rows of viewers compared`);
});

test("the oracle notices: a right too much, a field too much, a mask that is another", () => {
  const row: Row = { _id: "1", _owner: "7", _department: "3", stage: "won", phone: "13812345678" };
  const viewer: Viewer = { id: "7", department: "3", subtree: new Set(["3"]) };
  const outlet: Grant = { rule: "department", actions: ["list", "read"], fields: { "*": "read", phone: "masked" }, masks: { phone: "0+2" } };
  const own: Grant = { rule: "owner", actions: ["list", "read", "update"], fields: { "*": "write" } };
  const won: Grant = { rule: "condition", condition: { field: "stage", op: "eq", value: "won" }, deny: true, actions: ["update"], fields: { phone: "masked" }, masks: { phone: "3+0" } };
  assert.equal(viewOf([outlet], row, viewer).level("phone"), "masked");
  assert.equal(viewOf([outlet, own], row, viewer).level("phone"), "write");
  assert.equal(viewOf([outlet, own, won], row, viewer).level("phone"), "masked");
  assert.equal(viewOf([outlet, own, won], row, viewer).level("name"), "read");
  assert.equal(viewOf([outlet, own, won], row, viewer).mask("phone"), "3+0");
  assert.equal(viewOf([outlet, own, won], { ...row, stage: null }, viewer).level("phone"), "write");
  assert.equal(keep("3+0", "13812345678"), "138***");
});
