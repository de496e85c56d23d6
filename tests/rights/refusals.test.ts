// What is hidden and what was never there answer alike: in bytes, and in what the server has to do for it. Times are
// compared by `./test long` (timing.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../lib/client.ts";
import { login, stranger } from "../lib/shared.ts";
import { pairs, plain } from "./refusals.ts";

const COUNTERS = ["db_statements_total", "db_transactions_total", "audit_reads_total"];

async function counted(): Promise<number[]> {
  const text = (await (await stranger()).get("//metrics")).text;
  return COUNTERS.map((name) => Number(new RegExp(`^tidemark_${name} (\\d+)$`, "m").exec(text)?.[1]));
}

/** Statements, transactions and events of one request; the least of some tries, for the beat and the like come on top. */
async function cost(ask: () => Promise<Reply>, tries: number): Promise<number[]> {
  let least = COUNTERS.map(() => Infinity);
  for (let i = 0; i < tries; i++) {
    const before = await counted();
    await ask();
    const after = await counted();
    least = least.map((value, at) => Math.min(value, (after[at] as number) - (before[at] as number)));
  }
  return least;
}

test("a hidden field or record and an invented one are refused by the same bytes and the same work", async () => {
  const clerk = await login("clerk");
  for (const pair of await pairs(clerk)) {
    const [hidden, invented] = [await pair.hidden(), await pair.invented()];
    assert.equal(plain(hidden), plain(invented), pair.name);
    assert.ok(hidden.status >= 400, pair.name);
    // What comes on top may meet one side in all its tries: then both get more of them.
    let [one, other]: [number[], number[]] = [[], []];
    for (const tries of [3, 6, 20]) {
      [one, other] = [await cost(pair.hidden, tries), await cost(pair.invented, tries)];
      if (one.join() === other.join()) break;
    }
    assert.deepEqual(one, other, `${pair.name}: ${COUNTERS.join()}`);
  }
});
