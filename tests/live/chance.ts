// Random questions and random values from a seed: the same seed asks the same, so that a failure can be played again.
import type { Json } from "../lib/client.ts";
import { creditCode, idNo, phone, type FieldDefinition } from "../lib/demo.ts";
import type { Filter, Request } from "../lib/live.ts";

/** mulberry32: small, and good enough to choose by. */
export class Chance {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  true(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("nothing to choose from");
    return list[this.below(list.length)] as T;
  }
  some<T>(list: readonly T[], most: number): T[] {
    const left = [...list];
    const chosen: T[] = [];
    for (let n = this.between(1, most); n > 0 && left.length > 0; n--) chosen.push(...left.splice(this.below(left.length), 1));
    return chosen;
  }
}

const WITHIN = ["today", "yesterday", "tomorrow", "this_week", "last_week", "next_week", "this_month", "last_month", "next_month", "this_quarter", "this_year", "last_7_days", "next_30_days"];
const WORDS = ["科技", "公司", "杭州", "a", "贸易", "中", "测试", "有限", "１", "%", "有意向"];

/** Who and where there is, for references. */
export interface Places {
  users: string[];
  departments: string[];
}

const day = (chance: Chance, around: number, spread: number) =>
  new Date(Date.now() + (around + chance.between(-spread, spread)) * 86_400_000).toISOString().slice(0, 10);

/** A value that a field may take; a small set of each kind, so that filters and orders meet the same ones often. */
export function valueFor(field: FieldDefinition, chance: Chance, places: Places): Json {
  const options = (field.options ?? []).filter((option) => option.retired !== true).map((option) => option.key);
  if (!field.required && chance.true(0.15)) return null;
  switch (field.type) {
    case "choice":
    case "region":
      return options.length > 0 ? chance.pick(options.slice(0, 8)) : "330100";
    case "tags":
      return chance.some(options, 3);
    case "money":
      return `${chance.pick([0, 1, 10, 100, 5000, 380000, 99999999])}.${chance.pick(["00", "01", "99"])}`;
    case "date":
      return field.key === "birthday" ? `19${chance.between(60, 99)}-0${chance.between(1, 9)}-1${chance.between(0, 9)}` : day(chance, 0, 40);
    case "datetime":
      return `${day(chance, -20, 19)}T0${chance.between(0, 9)}:15:00.${chance.pick(["000000", "000001"])}Z`;
    case "member":
      return chance.pick(places.users);
    case "department":
      return chance.pick(places.departments);
    case "phone":
      return phone();
    case "id_no":
      return idNo();
    case "credit_code":
      return creditCode();
    default:
      return `${chance.pick(["安", "重庆", "成都", "Ａｂ", "赵", "钟", "zz"])}${chance.pick(WORDS)}${chance.below(40)}`;
  }
}

function condition(fields: readonly FieldDefinition[], chance: Chance, places: Places): Filter {
  const field = chance.pick(fields);
  const of = (op: string, value?: Json): Filter => (value === undefined ? { field: field.key, op } : { field: field.key, op, value });
  const given = (): Json => {
    for (;;) {
      const value = valueFor(field, chance, places);
      if (value !== null) return value;
    }
  };
  if (chance.true(0.08)) return of("empty");
  switch (field.type) {
    case "choice":
    case "region":
      return chance.true(0.5) ? of(chance.pick(["eq", "ne"]), given()) : of(chance.pick(["in", "nin"]), [given(), given(), given()]);
    case "tags":
      return chance.true(0.3) ? of("has", (given() as Json[])[0] ?? null) : of(chance.pick(["any", "all", "none"]), given());
    case "money":
      return of(chance.pick(["eq", "ne", "lt", "le", "gt", "ge"]), given());
    case "date":
    case "datetime":
      return chance.true(0.4) ? of("within", chance.pick(WITHIN)) : of(chance.pick(["lt", "le", "gt", "ge"]), given());
    case "member":
      return chance.true(0.5) ? of("eq", "@me") : of("in", [given(), given(), "@me"]);
    case "department":
      return chance.true(0.5) ? of("eq", "@my_department") : of("in", [given(), given()]);
    default:
      return of(chance.pick(["contains", "starts", "eq", "ne"]), chance.pick(WORDS));
  }
}

export function filterOver(fields: readonly FieldDefinition[], chance: Chance, places: Places, depth = 3): Filter {
  if (depth === 0 || chance.true(0.55)) return condition(fields, chance, places);
  const kind = chance.pick(["and", "or", "not"]);
  if (kind === "not") return { not: filterOver(fields, chance, places, depth - 1) };
  const parts = Array.from({ length: chance.between(1, 3) }, () => filterOver(fields, chance, places, depth - 1));
  return kind === "and" ? { and: parts } : { or: parts };
}

/** A random window over a random list, or a record. `records`: ids to choose from, `rows`: how many there are about. */
export function requestOver(fields: readonly FieldDefinition[], chance: Chance, places: Places, records: readonly string[]): Request {
  if (chance.true(0.15)) return { kind: "record", form: "customer", record: chance.pick(records) };
  const request: Request = { kind: "records", form: "customer" };
  const sortable = fields.filter((field) => field.sortable).map((field) => field.key);
  if (chance.true(0.65)) request.filter = filterOver(fields, chance, places);
  if (chance.true(0.7)) request.sort = chance.some(sortable, 3).map((key) => (chance.true(0.5) ? `-${key}` : key)).join(",");
  if (chance.true(0.2)) request.fields = chance.some(fields.map((field) => field.key), 6);
  if (chance.true(0.5)) request.count = true;
  if (chance.true(0.5)) request.range = [chance.true(0.3) ? 0 : chance.below(records.length), chance.pick([1, 5, 20, 60])];
  else request.limit = chance.pick([1, 3, 10, 50, 200]);
  return request;
}

/** Another window of the same list. */
export function rangeOver(chance: Chance, records: readonly string[]): [number, number] {
  return [chance.below(records.length), chance.pick([1, 10, 40])];
}
