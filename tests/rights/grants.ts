// Random grants, for whoever compares what they come to with what the server says.
import type { Json } from "../lib/client.ts";
import type { Grant, Level } from "../lib/rights.ts";

/** A number below n, from the seed of whoever asks. */
export type Pick = (n: number) => number;

export const ACTIONS = ["list", "read", "create", "update", "delete", "restore", "history", "export", "print", "reveal"];
export const STAGES = ["lead", "contacted", "quoted", "negotiating", "won", "lost"];
const LEVELS = ["hidden", "masked", "read", "write"] as const;

const of = <T>(pick: Pick, from: readonly T[]): T => from[pick(from.length)] as T;

export function randomCondition(pick: Pick, depth = 2): Json {
  if (depth > 0 && pick(3) === 0) return { [of(pick, ["and", "or"])]: [randomCondition(pick, depth - 1), randomCondition(pick, depth - 1)] };
  if (depth > 0 && pick(5) === 0) return { not: randomCondition(pick, depth - 1) };
  return of<() => Json>(pick, [
    () => ({ field: "stage", op: of(pick, ["eq", "ne"]), value: of(pick, STAGES) }),
    () => ({ field: "level", op: of(pick, ["in", "nin"]), value: ["key", "growth"] }),
    () => ({ field: "registered_capital", op: of(pick, ["ge", "lt"]), value: "5000000.00" }),
    () => ({ field: "owner", op: "eq", value: "@me" }),
    () => ({ field: "department", op: of(pick, ["eq", "ne"]), value: "@my_department" }),
    () => ({ field: "tags", op: "any", value: ["high_value", "dormant"] }),
    () => ({ field: "credit_line", op: "empty", value: true }),
  ])();
}

export function randomGrant(pick: Pick, keys: readonly string[]): Grant {
  const deny = pick(4) === 0;
  const rule = of(pick, ["all", "owner", "department", "subtree", "condition", "condition"] as const);
  const level = (): Level => of(pick, LEVELS);
  const fields: Grant["fields"] = deny && pick(3) > 0 ? {} : { "*": deny ? of(pick, ["masked", "read", "write"] as const) : level() };
  for (let i = pick(6); i > 0; i--) fields[of(pick, keys)] = level();
  const masks: Record<string, string> = pick(2) ? { phone: of(pick, ["0+4", "3+0", "1+1"]) } : {};
  const actions = ACTIONS.filter((action) => (deny ? pick(8) === 0 : ["list", "read"].includes(action) ? pick(6) > 0 : pick(2)));
  return { rule, condition: rule === "condition" ? randomCondition(pick) : null, deny, actions: actions.length ? actions : ["list"], fields, masks };
}
