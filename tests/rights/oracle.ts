// Rights once more, from the sentences of the contract alone and over the raw rows of the table: what a person has of a row,
// and what each interface must therefore answer. Shares no line with the server.
import type { Json } from "../lib/client.ts";
import type { Grant, Level } from "../lib/rights.ts";

export type Row = Record<string, string | null>;
export interface Viewer {
  id: string;
  department: string | null;
  /** His department and those below it. */
  subtree: Set<string>;
}
export type Truth = true | false | null;

const LEVELS: Level[] = ["hidden", "masked", "read", "write"];
const rank = (level: Level): number => LEVELS.indexOf(level);
export const column = (field: string): string => (field === "owner" || field === "department" ? `_${field}` : field);

const NUMBERS = new Set(["registered_capital", "credit_line"]);
const several = (value: string): string[] => JSON.parse(value) as string[];

interface Condition {
  field: string;
  op: string;
  value?: Json;
}

function compare(field: string, a: string, b: string): number {
  if (NUMBERS.has(field)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function leaf(condition: Condition, row: Row, viewer: Viewer, clear: (field: string) => boolean): Truth {
  const { field, op, value } = condition;
  if (!clear(field)) return null;
  const stored = row[column(field)] ?? null;
  if (op === "empty") return stored === null || (field === "tags" && several(stored).length === 0);
  if (stored === null) return null;
  const wanted = (Array.isArray(value) ? value : [value]).flatMap((one) =>
    one === "@me" ? [viewer.id] : one === "@my_department" ? [...viewer.subtree] : [String(one)],
  );
  switch (op) {
    case "eq":
    case "in":
      return wanted.some((one) => compare(field, stored, one) === 0);
    case "ne":
    case "nin":
      return !wanted.some((one) => compare(field, stored, one) === 0);
    case "ge":
      return compare(field, stored, wanted[0] as string) >= 0;
    case "lt":
      return compare(field, stored, wanted[0] as string) < 0;
    case "any":
      return wanted.some((one) => several(stored).includes(one));
    default:
      throw new Error(`the oracle does not know ${op}`);
  }
}

export function holds(tree: any, row: Row, viewer: Viewer, clear: (field: string) => boolean = () => true): Truth {
  if (tree.and !== undefined) {
    const parts = (tree.and as unknown[]).map((one) => holds(one, row, viewer, clear));
    return parts.includes(false) ? false : parts.includes(null) ? null : true;
  }
  if (tree.or !== undefined) {
    const parts = (tree.or as unknown[]).map((one) => holds(one, row, viewer, clear));
    return parts.includes(true) ? true : parts.includes(null) ? null : false;
  }
  if (tree.not !== undefined) {
    const inner = holds(tree.not, row, viewer, clear);
    return inner === null ? null : !inner;
  }
  return leaf(tree as Condition, row, viewer, clear);
}

function applies(grant: Grant, row: Row, viewer: Viewer): boolean {
  switch (grant.rule) {
    case "all":
      return true;
    case "owner":
      return row["_owner"] === viewer.id;
    case "department":
      return row["_department"] != null && row["_department"] === viewer.department;
    case "subtree":
      return row["_department"] != null && viewer.subtree.has(row["_department"]);
    case "condition":
      return holds(grant.condition, row, viewer) === true;
  }
}

const levelOf = (grant: Grant, field: string): Level => grant.fields[field] ?? grant.fields["*"] ?? (grant.deny ? "write" : "hidden");
const has = (actions: Set<string>, ...some: string[]): boolean => some.some((one) => actions.has(one));

/** What the grants that hold for one row come to. */
export class View {
  readonly actions: Set<string>;
  readonly grants: Grant[];
  constructor(grants: Grant[]) {
    this.grants = grants;
    this.actions = new Set(grants.filter((one) => !one.deny).flatMap((one) => one.actions));
    for (const deny of grants.filter((one) => one.deny)) for (const action of deny.actions) this.actions.delete(action);
  }
  level(field: string): Level {
    if (!has(this.actions, "list", "read")) return "hidden";
    let best = 0;
    let most = 3;
    for (const grant of this.grants) {
      const own = new Set(grant.actions);
      let level = rank(levelOf(grant, field));
      if (grant.deny) most = Math.min(most, level);
      else if (has(own, "list", "read")) {
        if (level === 3 && !has(own, "update", "create")) level = 2;
        best = Math.max(best, level);
      }
    }
    const level = Math.min(best, most);
    return LEVELS[level === 3 && !has(this.actions, "update", "create") ? 2 : level] as Level;
  }
  mask(field: string): string | undefined {
    for (const deny of [true, false])
      for (const grant of this.grants) {
        if ((grant.deny ?? false) !== deny || levelOf(grant, field) !== "masked" || (!deny && !has(new Set(grant.actions), "list", "read"))) continue;
        if (grant.masks?.[field] !== undefined) return grant.masks[field];
      }
    return undefined;
  }
}

export const viewOf = (grants: Grant[], row: Row, viewer: Viewer): View => new View(grants.filter((one) => applies(one, row, viewer)));

/** What there may be on some row: what is given anywhere, less what is taken everywhere. */
export const anywhere = (grants: Grant[]): View => new View(grants.filter((one) => !one.deny || one.rule === "all"));

/** "N+M" */
export function keep(mask: string, value: string): string {
  const [first = 0, last = 0] = mask.split("+").map(Number);
  const letters = [...value];
  if (letters.length < first + last + 3) return "***";
  return `${letters.slice(0, first).join("")}***${letters.slice(letters.length - last).join("")}`;
}
