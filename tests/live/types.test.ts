// Every type of field through everything: one form that holds them all, made from the server's own list of types, so that a
// type without cases here fails. Create, bad values, every operator that the server says it takes, sort both ways by pages,
// the condition of a grant, masks, hidden, edit, history, the log, and the live screen.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { faults, type Client, type Item, type Json, type Reply } from "../lib/client.ts";
import { creditCode, idNo } from "../lib/demo.ts";
import { setGrants, type Grant } from "../lib/rights.ts";
import { SANITIZER_OPTIONS } from "../lib/server.ts";
import { login, sharedServer } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { last, same, sit } from "./desk.ts";

const FORM = "all_types";
const PATH = `/forms/${FORM}/records`;
const ROWS = 4;

interface Case {
  /** Members of its definition beside key, type, label and group. */
  define?: Record<string, Json>;
  /** Of the first three rows, ascending; the fourth row has none. Absent: the server fills the field in. */
  values?: Json[];
  /** As they are answered, where that is not what was given. */
  shown?: Json[];
  /** Value of `contains`, `starts` and `within`, and the rows that hold it. */
  asks?: Record<string, [value: Json, rows: number[]]>;
  /** What a masked value of the first row shows. */
  masked?: Json;
  unsorted?: boolean;
  bad?: [value: Json, code: string][];
}

const OPTIONS = { options: ["one", "two", "six"].map((key) => ({ key, label: { zh: `选项${key}`, en: key }, color: "blue" })) };
const SEVERAL: Case = {
  define: { options: [...OPTIONS.options, { key: "old", label: { zh: "旧", en: "old" }, retired: true }] },
  values: [["one"], ["two", "one"], ["two"]],
  shown: [["one"], ["one", "two"], ["two"]],
  unsorted: true,
  bad: [["one", "wrong_type"], [["none"], "not_an_option"], [["one", "one"], "duplicate"], [["old"], "not_an_option"]],
};
const CHOICE: Case = { define: OPTIONS, values: ["one", "two", "six"], bad: [["none", "not_an_option"], [1, "wrong_type"]] };
const FIGURES: [Json, string][] = [[1, "wrong_type"], ["x", "not_a_number"], ["-0.01", "too_small"], ["9".repeat(19), "too_large"]];
const day = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
const codes = (make: () => string) => [make(), make(), make()].sort();
const [CREDIT, IDS] = [codes(creditCode), codes(idNo)];
const whole = (values: string[]): Case["asks"] => ({ contains: [values[1] as string, [1]], starts: [values[2] as string, [2]] });

const CASES: Record<string, Case> = {
  text: {
    define: { max_length: 10, pattern: "[a-z ]+" },
    values: ["alpha", "beta", "gamma"],
    asks: { contains: ["ＭＭ", [2]], starts: ["AL", [0]] },
    bad: [[1, "wrong_type"], ["a".repeat(11), "too_long"], ["A1", "pattern"], ["a\u0007", "not_text"]],
  },
  long_text: {
    define: { max_length: 20 }, values: ["line\nmore", "second", "third"], unsorted: true,
    asks: { contains: ["INE", [0]], starts: ["th", [2]] },
    bad: [[true, "wrong_type"], ["a".repeat(21), "too_long"]],
  },
  auto_number: { define: { format: "T{number:06}" }, bad: [["T000001", "read_only"]] },
  choice: CHOICE,
  region: CHOICE,
  choices: SEVERAL,
  tags: SEVERAL,
  phone: {
    define: { mask: "phone" }, values: ["138 0013 8000", "+86 13900139000", "15000150000"], shown: ["13800138000", "13900139000", "15000150000"],
    asks: { contains: ["9001", [1]], starts: ["１５", [2]] }, masked: "138****8000", bad: [[1, "wrong_type"], ["12", "not_a_phone"]],
  },
  credit_code: { values: CREDIT, asks: whole(CREDIT), bad: [["x", "not_a_credit_code"]] },
  id_no: { define: { mask: "id_no" }, values: IDS, asks: whole(IDS), masked: `${IDS[0]?.slice(0, 3)}***********${IDS[0]?.slice(-4)}`, bad: [["x", "not_an_id_no"]] },
  email: { values: ["a@x.cn", "b@x.cn", "c@Y.cn"], shown: ["a@x.cn", "b@x.cn", "c@y.cn"], asks: { contains: ["@Y", [2]], starts: ["b", [1]] }, bad: [["a@", "not_an_email"]] },
  url: {
    define: { max_length: 40 }, values: ["https://a.cn", "HTTPS://B.cn/路", "https://c.cn"], shown: ["https://a.cn", "https://b.cn/路", "https://c.cn"],
    asks: { contains: ["路", [1]], starts: ["https://C", [2]] },
    bad: [["javascript:alert(1)", "not_a_url"], ["https://a.cn@b.cn", "not_a_url"], [`https://a.cn/${"a".repeat(40)}`, "too_long"]],
  },
  yes_no: { values: [false, true, true], bad: [["true", "wrong_type"], [1, "wrong_type"]] },
  money: { define: { scale: 2, min: "0", mask: "amount" }, values: ["0", "12.5", "99999999.99"], shown: ["0.00", "12.50", "99999999.99"], bad: [...FIGURES, ["1.001", "too_precise"]] },
  decimal: { define: { scale: 8, min: "0", max: "999999999999" }, values: ["0.00000001", "0.1", "123456789012.12345678"], shown: ["0.00000001", "0.10000000", "123456789012.12345678"], bad: FIGURES },
  percent: { define: { scale: 1, min: "0", max: "100" }, values: ["0", "62.5", "100"], shown: ["0.0", "62.5", "100.0"], bad: [["1%", "not_a_number"], [1, "wrong_type"], ["-0.1", "too_small"], ["100.1", "too_large"], ["1.25", "too_precise"]] },
  integer: {
    define: { min: "-9007199254740993" }, values: ["-9007199254740993", "9007199254740992", "9007199254740993"],
    bad: [[1, "wrong_type"], ["x", "not_a_number"], ["1.5", "too_precise"], ["-9007199254740994", "too_small"], ["9223372036854775808", "too_large"]],
  },
  number: { define: { max: "1" }, values: [-1.5, 1e-7, 0.30000000000000004], bad: [["1", "wrong_type"], [1.5, "too_large"], [-1e300, "too_small"]]},
  date: { define: { max: "2099-12-31" }, values: ["2000-01-01", "2024-02-29", day(3)], asks: { within: ["last_30_days", [2]] }, bad: [["2023-02-29", "not_a_date"], ["2100-01-01", "too_late"]] },
  datetime: {
    define: { min: "2000-01-01T00:00:00Z" }, values: ["2000-01-01T00:00:00Z", "2010-01-01T08:00:00.000001+08:00", `${day(3)}T00:00:00Z`],
    shown: ["2000-01-01T00:00:00.000000Z", "2010-01-01T00:00:00.000001Z", `${day(3)}T00:00:00.000000Z`],
    asks: { within: ["last_30_days", [2]] }, bad: [["2024-01-01", "not_an_instant"], ["1999-12-31T23:59:59Z", "too_early"]],
  },
  member: { bad: [["x", "not_an_id"], ["987654321", "not_visible"]] },
  department: { bad: [["x", "not_an_id"], ["987654321", "not_visible"]] },
  created_at: { asks: { within: ["last_7_days", [0, 1, 2, 3]] }, bad: [["2026-01-01T00:00:00Z", "read_only"]] },
  created_by: { bad: [["1", "read_only"]] },
  changed_at: { asks: { within: ["last_7_days", [0, 1, 2, 3]] }, bad: [["2026-01-01T00:00:00Z", "read_only"]] },
  changed_by: { bad: [["1", "read_only"]] },
  reference: { define: { form: "customer", role: "parent", required: true }, masked: { id: null, title: null }, bad: [["x", "not_an_id"], ["987654321", "not_visible"]] },
};

const key = (type: string) => `f_${type}`;
let types: string[] = [];
let operators: Record<string, string[]> = {};
let manager: Client;
let items: Item[] = [];

const writable = () => types.filter((type) => CASES[type]?.values !== undefined);
const shownOf = (type: string, row: number): Json => items[row]?.fields[key(type)] as Json;
/** A value as a request names it. */
const named = (shown: Json): Json => (shown !== null && typeof shown === "object" && "id" in shown ? (shown["id"] as Json) : shown);
/** By row: the place of its value among those of the type; -1: none. */
const ranksOf = (type: string): number[] => {
  const shown = items.map((_, row) => JSON.stringify(shownOf(type, row)));
  return shown.map((text) => (text === "null" ? -1 : shown.indexOf(text)));
};

/** Names of the rows that a filter, and the order that a sort, gives. */
async function rowsOf(more: string, limit = 3): Promise<number[]> {
  const rows: number[] = [];
  let after = "";
  do {
    const page = await manager.list(`${PATH}?limit=${limit}&fields=name&${more}${after}`);
    rows.push(...page.items.map((item) => Number(item.fields["name"])));
    after = page.next === null ? "" : `&after=${encodeURIComponent(page.next)}`;
  } while (after !== "");
  return rows;
}

const ALL = ["list", "read", "create", "update", "history"];
const grants = (risk: Grant[]): Record<string, Grant[]> => ({
  branch_manager: [{ rule: "all", actions: ALL, fields: { "*": "write" } }],
  president: [{ rule: "all", actions: ALL, fields: { "*": "write" } }],
  clerk: [{ rule: "all", actions: ["list", "read", "history"], fields: { "*": "masked", name: "read" } }],
  risk_officer: risk,
});

before(async () => {
  manager = await login("manager");
  const schemas = manager.expect(200, await manager.get("/openapi.json")).components.schemas;
  types = schemas.FieldType.enum;
  operators = schemas.FieldType["x-operators"];
  const ids = (list: { id: string }[]) => list.map((one) => one.id).sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)).slice(0, 3);
  (CASES["member"] as Case).values = ids((await manager.list("/members?q=")).items);
  (CASES["department"] as Case).values = ids((await manager.list("/departments")).items);
  (CASES["reference"] as Case).values = ids((await manager.list("/forms/customer/records?limit=3")).items);
  const label = { zh: "字段", en: "Field" };
  const field = (type: string) => ({ key: key(type), type, label, group: "g", sortable: !CASES[type]?.unsorted, ...CASES[type]?.define });
  const definition = {
    v: 1, key: FORM, label: { zh: "各种字段", en: "All types" }, title_field: "name", groups: [{ key: "g", label }],
    fields: [{ key: "name", type: "text", label, group: "g", required: true, searchable: true, sortable: true }, ...types.map(field)],
  };
  const { binary, data } = await sharedServer();
  const file = path.join(os.tmpdir(), `tidemark-${FORM}-${process.pid}.json`);
  fs.writeFileSync(file, JSON.stringify(definition));
  const run = spawnSync(binary, ["form", "add", file, "--data", data], { encoding: "utf8", env: { ...process.env, ...SANITIZER_OPTIONS } });
  fs.rmSync(file);
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  const security = await login("security");
  await waitUntil("the form", async () => (await security.get(`/forms/${FORM}/rights`)).status === 200 || undefined);
  await setGrants(grants([]), FORM);
  for (let row = 0; row < ROWS; row++) {
    const fields: Record<string, Json> = { name: String(row) };
    for (const type of writable()) if (row < 3) fields[key(type)] = CASES[type]?.values?.[row] as Json;
    fields[key("reference")] ??= CASES["reference"]?.values?.[2] as Json;
    items.push(manager.expect<Item>(201, await manager.post(PATH, { fields })));
  }
});

test("every type that the server has is here, and none that it has not", () => {
  assert.deepEqual(Object.keys(CASES).sort(), [...types].sort());
});

test("what was given is what is answered, at once and when it is read again", async () => {
  for (const type of writable()) {
    const wanted = CASES[type]?.shown ?? CASES[type]?.values ?? [];
    assert.deepEqual([0, 1, 2].map((row) => named(shownOf(type, row))), wanted, type);
    if (type !== "reference") assert.equal(shownOf(type, 3), null, type);
  }
  for (const item of items) {
    const { pos: _, ...made } = item;
    assert.deepEqual(manager.expect(200, await manager.get(`${PATH}/${item.id}`)), made);
  }
});

test("bad values are refused with their fault named, new and edited alike", async () => {
  const most = Math.max(...types.map((type) => CASES[type]?.bad?.length ?? 0));
  for (let i = 0; i < most; i++) {
    const bad = types.flatMap((type) => (CASES[type]?.bad ?? []).slice(i, i + 1).map((one) => [key(type), ...one] as const));
    const fields = Object.fromEntries(bad.map(([field, value]) => [field, value]));
    const wanted = bad.map(([field, , code]) => [field, code]).sort();
    const told = async (reply: Promise<Reply>) => faults(await reply).sort();
    const parent = { [key("reference")]: CASES["reference"]?.values?.[0] as Json };
    assert.deepEqual(await told(manager.post(PATH, { fields: { name: "x", ...parent, ...fields } })), wanted);
    assert.deepEqual(await told(manager.patch(`${PATH}/${items[0]?.id}`, { fields }, "*")), wanted);
  }
});

test("every operator that a type takes finds the rows that it says", async () => {
  for (const type of types) {
    const [shown, ranks] = [items.map((_, row) => shownOf(type, row)), ranksOf(type)];
    const where = (good: (rank: number, row: number) => boolean) => ranks.flatMap((rank, row) => (rank >= 0 && good(rank, row) ? [row] : []));
    const has = (row: number, one: Json) => Array.isArray(shown[row]) && (shown[row] as Json[]).includes(one);
    const [middle, ends] = [named(shown[1] as Json), [named(shown[0] as Json), named(shown[2] as Json)]];
    const at = ranks[1] as number;
    const questions: Record<string, [value: Json, rows: number[]]> = {
      eq: [middle, where((rank) => rank === at)],
      ne: [middle, where((rank) => rank !== at)],
      in: [ends, where((rank) => rank === ranks[0] || rank === ranks[2])],
      nin: [ends, where((rank) => rank !== ranks[0] && rank !== ranks[2])],
      lt: [middle, where((rank) => rank < at)],
      le: [middle, where((rank) => rank <= at)],
      gt: [middle, where((rank) => rank > at)],
      ge: [middle, where((rank) => rank >= at)],
      empty: [true, ranks.flatMap((rank, row) => (rank < 0 ? [row] : []))],
      has: ["two", where((_, row) => has(row, "two"))],
      any: [["one", "six"], where((_, row) => has(row, "one"))],
      all: [["one", "two"], where((_, row) => has(row, "one") && has(row, "two"))],
      none: [["one"], where((_, row) => !has(row, "one"))],
      ...(CASES[type]?.values ? {} : { contains: [middle, where((rank) => rank === at)], starts: [middle, where((rank) => rank === at)] }),
      ...CASES[type]?.asks,
    };
    for (const op of operators[type] ?? []) {
      const [value, rows] = questions[op] ?? assert.fail(`${type}: no case of ${op}`);
      const filter = encodeURIComponent(JSON.stringify({ field: key(type), op, value }));
      assert.deepEqual((await rowsOf(`filter=${filter}`, ROWS + 1)).sort(), rows, `${type} ${op} ${JSON.stringify(value)}`);
    }
  }
});

test("sorted both ways, page by page, empty ones last; a type without an order says so", async () => {
  for (const type of types) {
    if (CASES[type]?.unsorted) {
      assert.deepEqual(faults(await manager.get(`${PATH}?sort=${key(type)}`)), [["sort", "unknown"]], type);
      continue;
    }
    const ranks = ranksOf(type);
    const wanted = (sign: number) =>
      ranks.map((_, row) => row).sort((a, b) => {
        const [x, y] = [ranks[a] as number, ranks[b] as number];
        return x < 0 || y < 0 ? Number(x < 0) - Number(y < 0) || sign * (a - b) : sign * (x - y || a - b);
      });
    assert.deepEqual(await rowsOf(`sort=${key(type)}`), wanted(1), type);
    assert.deepEqual(await rowsOf(`sort=-${key(type)}`), wanted(-1), `${type}, descending`);
  }
});

test("a grant's condition may ask of every type; what is hidden is not there; what is masked shows its mask", async () => {
  const condition = { and: types.map((type) => (operators[type]?.includes("eq") ? { field: key(type), op: "eq", value: named(shownOf(type, 1)) } : { field: key(type), op: "all", value: shownOf(type, 1) })) };
  await setGrants(grants([{ rule: "condition", condition, actions: ["list", "read"], fields: { name: "read" } }]), FORM);
  const [risk, clerk] = [await login("risk"), await login("clerk")];
  await waitUntil("the grant", async () => (await risk.get(PATH)).status === 200 || undefined);
  const seen = (await risk.list(PATH)).items;
  assert.deepEqual(seen.map((item) => [item.id, item.fields]), [[items[1]?.id, { name: "1" }]]);
  for (const type of types) {
    const filter = encodeURIComponent(JSON.stringify({ field: key(type), op: "empty" }));
    assert.deepEqual(faults(await risk.get(`${PATH}?filter=${filter}`)), [["filter.field", "unknown"]], type);
    assert.deepEqual(faults(await risk.get(`${PATH}?sort=${key(type)}`)), [["sort", "unknown"]], type);
    assert.deepEqual((await clerk.list(`${PATH}?filter=${filter}`)).items, [], `${type}: masked, so nothing is known of it`);
  }
  const item = clerk.expect<Item>(200, await clerk.get(`${PATH}/${items[0]?.id}`));
  assert.deepEqual([...item.masked].sort(), types.map(key).sort());
  for (const type of types) assert.deepEqual(item.fields[key(type)], CASES[type]?.masked ?? "***", type);
});

test("an edit of every type stands in the history, in the log in words, and on the screens of others at once", async () => {
  const [writer, reader, auditor] = [await sit("manager"), await sit("clerk"), await login("auditor")];
  const list = await writer.watch({ kind: "records", form: FORM, sort: "name", count: true });
  await reader.watch({ kind: "records", form: FORM, sort: "name" });
  const id = items[0]?.id as string;
  for (const type of writable()) {
    const done = manager.expect<Item>(200, await manager.patch(`${PATH}/${id}`, { fields: { [key(type)]: CASES[type]?.values?.[1] as Json } }, "*"));
    assert.deepEqual(done.fields[key(type)], shownOf(type, 1), type);
    await same(writer, done.pos as string);
    assert.deepEqual(last(list)?.put?.map((put) => [put.id, put.fields]), [[id, { [key(type)]: shownOf(type, 1) }]], type);
    const [event] = manager.expect<{ items: { changes: Json }[] }>(200, await manager.get(`${PATH}/${id}/history?limit=1`)).items;
    assert.deepEqual(event?.changes, [{ field: key(type), before: shownOf(type, 0), after: shownOf(type, 1) }]);
    const [logged] = auditor.expect(200, await auditor.get(`/audit?form=${FORM}&record=${id}&action=update&limit=1`)).items;
    assert.deepEqual(logged.changes.map((change: { field: string }) => change.field), [key(type)]);
    assert.match(logged.changes[0].after_text, /\S/, `${type}: in words`);
    await same(reader, done.pos as string);
  }
  // When a record was changed follows what everybody who lists it reads, and nothing else: here the name alone.
  const of = (item: Item) => [item.fields[key("changed_at")], (item.fields[key("changed_by")] as { id: string }).id] as const;
  const president = await login("president");
  const [, first] = of(items[0] as Item);
  assert.deepEqual(of(list.item(id) as Item), of(items[0] as Item), "changes of masked fields do not show in it");
  const named = president.expect<Item>(200, await president.patch(`${PATH}/${id}`, { fields: { name: "0b" } }, "*"));
  await same(writer, named.pos as string);
  assert.ok(String(of(named)[0]) > String(of(items[0] as Item)[0]));
  assert.notEqual(of(named)[1], first);
  assert.deepEqual(Object.keys(last(list)?.put?.[0]?.fields ?? {}), ["name", key("changed_at"), key("changed_by")]);
  await same(reader, named.pos as string);
  const alarms = auditor.expect(200, await auditor.get(`/audit?form=${FORM}&action=unaudited`)).items;
  assert.deepEqual(alarms, [], "what the product did itself was taken for a stranger's change");
});
