// How long refusals take: what is hidden and what was never there must not be told apart by a clock. Rounds of both, in
// random order, compared by the two-sample test of Kolmogorov and Smirnov; long, and for a quiet machine (./test long).
//
//   TIMING_ROUNDS=4000 node --test tests/rights/timing.ts
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../lib/client.ts";
import { login } from "../lib/shared.ts";
import { pairs } from "./refusals.ts";

const ROUNDS = Number(process.env["TIMING_ROUNDS"] ?? 1000);
/** Beyond this, chance is no explanation (0.01 over all pairs)… */
const CHANCE = 0.01 / 13;
/** … and a difference of medians below this part is none that a network lets through. */
const MEDIANS = 0.05;

const median = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;

/** The greatest distance of the two distributions, and how probable one as great is by chance. */
function distance(a: number[], b: number[]): { d: number; p: number } {
  const [x, y] = [a.toSorted((m, n) => m - n), b.toSorted((m, n) => m - n)];
  let [i, j, d] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    if ((x[i] as number) <= (y[j] as number)) i++;
    else j++;
    d = Math.max(d, Math.abs(i / x.length - j / y.length));
  }
  const n = Math.sqrt((x.length * y.length) / (x.length + y.length));
  const lambda = (n + 0.12 + 0.11 / n) * d;
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * lambda * lambda);
  return { d, p: lambda < 0.2 ? 1 : Math.min(1, Math.max(0, p)) };
}

async function timed(ask: () => Promise<Reply>): Promise<number> {
  const began = performance.now();
  await ask();
  return performance.now() - began;
}

test(`refusals of what is hidden take as long as of what is not there (${ROUNDS} rounds)`, async (t) => {
  const clerk = await login("clerk");
  for (const pair of await pairs(clerk)) {
    const times: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      const first = Math.random() < 0.5 ? 0 : 1;
      for (const which of [first, 1 - first]) times[which as 0 | 1].push(await timed(which === 0 ? pair.hidden : pair.invented));
    }
    const [hidden, invented] = [median(times[0]), median(times[1])];
    const { d, p } = distance(times[0], times[1]);
    const apart = Math.abs(hidden - invented) / Math.max(hidden, invented);
    t.diagnostic(`${pair.name}: medians ${hidden.toFixed(3)} and ${invented.toFixed(3)} ms, distance ${d.toFixed(3)}, by chance ${p.toFixed(4)}`);
    assert.ok(p > CHANCE || apart < MEDIANS, `${pair.name}: hidden ${hidden} ms, invented ${invented} ms, p ${p}`);
  }
});

test("two distributions that differ are told apart", () => {
  const noise = () => 5 + Math.random();
  const same = distance(Array.from({ length: 1000 }, noise), Array.from({ length: 1000 }, noise));
  const apart = distance(Array.from({ length: 1000 }, noise), Array.from({ length: 1000 }, () => noise() + 0.3));
  assert.ok(same.p > 1e-6 && apart.p < 1e-6, JSON.stringify({ same, apart }));
});
