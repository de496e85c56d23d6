// Live equals fresh (oracle.ts), and the proof that it would notice: the same with a fault planted between the socket and
// one viewer's client must fail.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../lib/live.ts";
import { freshLogin, sharedServer } from "../lib/shared.ts";
import { Oracle, type OracleOptions } from "./oracle.ts";

const SEED = Number(process.env["LIVE_SEED"] ?? (Date.now() % 1_000_000_007));
const PEOPLE = process.env["LIVE_PEOPLE"]?.split(",");
const CAREFUL = process.env["LIVE_CAREFUL"] !== undefined;
const STEPS = Number(process.env["LIVE_STEPS"] ?? 2000);

async function oracle(more: Partial<OracleOptions>): Promise<Oracle> {
  const { binary, data } = await sharedServer();
  return new Oracle({ seed: SEED, steps: STEPS, binary, data, logIn: freshLogin, careful: CAREFUL, ...(PEOPLE === undefined ? {} : { people: PEOPLE }), ...more });
}

test(`${STEPS} random writes: what frames have built is what a fresh query gives (seed ${SEED})`, async (t) => {
  const outcome = await (await oracle({})).run();
  t.diagnostic(JSON.stringify(outcome));
  assert.ok(outcome.writes >= STEPS * 0.6, "most writes go through");
  assert.ok(outcome.comparisons >= STEPS / 2);
  assert.ok(outcome.frames > outcome.writes / 2, "screens hear of writes");
});

const isDelta = (message: Message) => message.op === "delta";
/** Plants a fault at every third delta. */
const FAULTS: Record<string, () => (message: Message) => Message[]> = {
  "a delta is lost": () => {
    let n = 0;
    return (message) => (isDelta(message) && ++n % 3 === 0 ? [] : [message]);
  },
  "a delta comes twice": () => {
    let n = 0;
    return (message) => (isDelta(message) && ++n % 3 === 0 ? [message, message] : [message]);
  },
  // Only what they say is exchanged, not their positions: those alone would give it away.
  "two deltas of a channel change places": () => {
    const held = new Map<string, Message>();
    return (message) => {
      const chan = message.chan ?? "";
      const first = held.get(chan);
      if (!isDelta(message)) {
        const rest = message.op === "mark" ? [...held.values()] : [];
        for (const each of rest) held.delete(each.chan ?? "");
        return [...rest, message];
      }
      if (first === undefined) {
        held.set(chan, message);
        return [];
      }
      held.delete(chan);
      return [{ ...message, pos: first.pos as string }, { ...first, pos: message.pos as string }];
    };
  },
  "a field of a delta is left out": () => {
    let n = 0;
    return (message) => {
      const put = message.put?.find((each) => each.masked === undefined && Object.keys(each.fields ?? {}).length > 0);
      if (!isDelta(message) || put === undefined || ++n % 3 !== 0) return [message];
      return [{ ...message, put: (message.put ?? []).map((each) => (each === put ? { ...each, fields: {} } : each)) }];
    };
  },
  "an order is forgotten": () => (message) => [isDelta(message) && Object.keys(message.order ?? {}).length > 0 && (message.put ?? []).every((put) => put.masked === undefined) ? { ...message, order: {} } : message],
};

for (const [name, plant] of Object.entries(FAULTS)) {
  test(`the oracle fails where ${name}`, async () => {
    const run = (await oracle({ steps: 600, people: ["manager", "clerk"], tap: plant() })).run();
    await assert.rejects(run, /shown|complaints|a mark at/);
  });
}
