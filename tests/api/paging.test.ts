// Pages in both directions, under every sort, with nulls and ties, against an order that is worked out from the rows
// themselves; and while others change what is paged through.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Item, type List } from "../lib/client.ts";
import { createCustomer, formOf, type FieldDefinition } from "../lib/demo.ts";
import { login, query } from "../lib/shared.ts";

const PATH = "/forms/customer/records";
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
let state = SEED;
const below = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % 65536 % n;
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

const MARK = `翻页${process.pid}`;
const list = (sort: string, rest: string) => `${PATH}?filter=${encodeURIComponent(JSON.stringify({ field: "name", op: "starts", value: MARK }))}&sort=${sort}${rest}`;
type Row = Record<string, string | null>;

/** What a sort compares: the pinyin key, the option's place, the number; null last. */
function keyOf(field: FieldDefinition, row: Row): string | number | null {
  const value = row[field.key] ?? null;
  if (value === null) return null;
  if (field.options !== undefined) return field.options.findIndex((option) => option.key === value);
  if (field.type === "money") return Number(value);
  return row[`_k_${field.key}`] ?? value;
}

function ordered(rows: Row[], terms: { field: FieldDefinition; down: boolean }[]): string[] {
  const sorted = [...rows].sort((a, b) => {
    for (const { field, down } of terms) {
      const [x, y] = [keyOf(field, a), keyOf(field, b)];
      if (x === y) continue;
      if (x === null || y === null) return x === null ? 1 : -1;
      return (x < y ? -1 : 1) * (down ? -1 : 1);
    }
    return (BigInt(a["_id"] as string) < BigInt(b["_id"] as string) ? -1 : 1) * (terms[0]?.down ? -1 : 1);
  });
  return sorted.map((row) => row["_id"] as string);
}

test(`pages go both ways through every sort (seed ${SEED})`, async () => {
  const manager = await login("manager");
  const form = await formOf(manager);
  const options = (key: string) => (form.fields.find((field) => field.key === key)?.options ?? []).map((option) => option.key).slice(0, 3);
  for (let i = 0; i < 18; i++) {
    const some = <T>(values: T[]) => (below(3) === 0 ? null : pick(values));
    await createCustomer(manager, { name: `${MARK}${pick(["重庆", "长沙", "abc", "安"])}`, level: some(options("level")), source: some(options("source")), stage: pick(options("stage")), registered_capital: some(["1.00", "1.00", "20.50", "3.00"]), birthday: some(["1990-01-01", "2001-02-03"]), next_follow_up_on: some(["2026-11-01", "2026-12-01"]) } as any);
  }
  const sortable = form.fields.filter((field) => field.sortable);
  const keys = sortable.filter((field) => field.type === "text").map((field) => `HEX(_k_${field.key}) AS _k_${field.key}`);
  const rows = await query(`SELECT _id, ${sortable.map((field) => `\`${field.key}\``).join(", ")}, ${keys.join(", ")} FROM rec_customer WHERE name LIKE '${MARK}%'`);
  assert.equal(rows.length, 18);
  const combinations = [...sortable.map((field) => [field]), ...Array.from({ length: 8 }, () => [pick(sortable), pick(sortable)].filter((field, i, all) => all.indexOf(field) === i))];
  for (const fields of combinations) {
    const terms = fields.map((field) => ({ field, down: below(2) === 0 }));
    const sort = terms.map(({ field, down }) => (down ? "-" : "") + field.key).join(",");
    const all = ordered(rows, terms);
    let limit = 1 + below(7);
    let page: List = await manager.list(list(sort, `&limit=${limit}`));
    let from = 0;
    for (let step = 0; step < 6; step++) {
      const to = from + page.items.length;
      const where = `sort=${sort} from ${from} limit ${limit} (seed ${SEED})`;
      assert.deepEqual(page.items.map((item) => item.id), all.slice(from, to), where);
      assert.equal(page.previous === null, from === 0, `previous, ${where}`);
      if (to === all.length) assert.equal(page.next, null, `next, ${where}`);
      else assert.notEqual(page.next, null, `next, ${where}`);
      const back = page.next === null || (page.previous !== null && below(3) === 0);
      const expected = back ? Math.min(from, (limit = 1 + below(7))) : Math.min(all.length - to, (limit = 1 + below(7)));
      page = await manager.list(list(sort, `&limit=${limit}&${back ? "before" : "after"}=${back ? page.previous : page.next}`));
      assert.equal(page.items.length, expected, where);
      from = back ? from - expected : to;
    }
  }
});

test("before and after are bound to their query, and only one of them is given", async () => {
  const manager = await login("manager");
  const second = await manager.list(`${PATH}?sort=name&limit=2&after=${(await manager.list(`${PATH}?sort=name&limit=2`)).next}`);
  assert.equal((await manager.list(`${PATH}?sort=name&limit=2`)).previous, null);
  assert.deepEqual(faults(await manager.get(`${PATH}?sort=-name&before=${second.previous}`)), [["before", "bad_value"]]);
  assert.deepEqual(faults(await manager.get(`${PATH}?sort=name&before=${second.previous}&after=${second.next}`)), [["before", "bad_value"]]);
  assert.deepEqual(faults(await manager.get(`${PATH}?before=x`)), [["before", "bad_value"]]);
});

test("what does not change meanwhile is met once, whichever way the pages go", async () => {
  const manager = await login("manager");
  const mark = `变动${process.pid}`;
  const path = (rest: string) => `${PATH}?filter=${encodeURIComponent(JSON.stringify({ field: "name", op: "starts", value: mark }))}&sort=level,-name${rest}`;
  const levels = ((await formOf(manager)).fields.find((field) => field.key === "level")?.options ?? []).map((option) => option.key);
  const make = (i: number) => createCustomer(manager, { name: `${mark}${String(i).padStart(2, "0")}`, level: ([null, levels[0], levels[1]] as any)[i % 3] });
  const still: Item[] = [], moving: Item[] = [];
  for (let i = 0; i < 12; i++) (i % 2 === 0 ? still : moving).push(await make(i));
  const walk = async (direction: "after" | "before", start: string): Promise<string[]> => {
    const met: string[] = [];
    let cursor: string | null = start;
    for (let i = 0; cursor !== null; i++) {
      const page: List = await manager.list(path(`&limit=2&${direction}=${cursor}`));
      met.push(...page.items.map((item) => item.id));
      cursor = direction === "after" ? page.next : page.previous;
      const item = moving[i % moving.length] as Item;
      manager.expect(200, await manager.patch(`${PATH}/${item.id}`, { fields: { level: pick([...levels, null]) } }, "*"));
      if (i < 3) await make(20 + i);
    }
    return met.filter((id) => still.some((item) => item.id === id));
  };
  const first = await manager.list(path("&limit=1"));
  const begun = first.items.map((item) => item.id).filter((id) => still.some((item) => item.id === id));
  const down = [...begun, ...(await walk("after", first.next as string))];
  assert.deepEqual([...down].sort(), still.map((item) => item.id).sort());
  const end = await manager.list(path("&limit=1&after=" + (await lastCursor(manager, path))));
  const tail = end.items.map((item) => item.id).filter((id) => still.some((item) => item.id === id));
  assert.deepEqual([...tail, ...(await walk("before", end.previous as string))].sort(), still.map((item) => item.id).sort());
});

/** The cursor of the last row but one. */
async function lastCursor(client: Awaited<ReturnType<typeof login>>, path: (rest: string) => string): Promise<string> {
  let cursor = "";
  for (let next: string | null = ""; next !== null; ) {
    const page: List = await client.list(path(`&limit=1${next === "" ? "" : `&after=${next}`}`));
    if (page.next !== null) cursor = page.next;
    next = page.next;
  }
  return cursor;
}
