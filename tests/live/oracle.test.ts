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
/** Rights change under way in a tenth of them, more often. */
const RIGHTS = Number(process.env["LIVE_RIGHTS"] ?? 0.15);
const STEPS_OF_RIGHTS = Math.ceil(STEPS / 10);

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

test(`${STEPS_OF_RIGHTS} random writes while rights change: what is shown is what may be seen now (seed ${SEED})`, async (t) => {
  const outcome = await (await oracle({ steps: STEPS_OF_RIGHTS, rights: RIGHTS, subscriptions: 5 })).run();
  t.diagnostic(JSON.stringify(outcome));
  assert.ok(outcome.comparisons >= STEPS_OF_RIGHTS / 2);
  assert.ok(outcome.rightsChanged > 0, "rights change under way");
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
  // Only what they say is exchanged, not their positions: those alone would give it away. Whatever comes between the two
  // waits with the first, marks too, so that nothing is late: but not past a second mark, for people wait for marks.
  "two deltas of a channel change places": () => {
    let held: Message[] = [];
    const release = (last: Message) => [...held.splice(0), last];
    return (message) => {
      const first = held[0];
      if (message.op === "hello") held = [];
      if (first === undefined && isDelta(message)) held.push(message);
      if (first === undefined || message.op === "hello") return isDelta(message) ? [] : [message];
      if (isDelta(message) && message.chan === first.chan) {
        const between = held.splice(0).slice(1);
        return [{ ...message, pos: first.pos as string }, ...between, { ...first, pos: message.pos as string }];
      }
      if (!isDelta(message) && (message.op !== "mark" || held.some((each) => each.op === "mark"))) return release(message);
      held.push(message);
      return [];
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

/** Something of the old rights that was still on its way, and arrives behind the first word of the new ones. */
function lateFrame(): (message: Message) => Message[] {
  const last = new Map<string, Message>();
  const chans = new Map<string, string>();
  let before: string | undefined;
  return (message) => {
    if (isDelta(message)) last.set(message.chan as string, message);
    if (message.op === "subscribed") {
      before = chans.get(message.id as string);
      chans.set(message.id as string, message.chan as string);
    }
    const late = message.op === "schema" && before !== undefined ? last.get(before) : undefined;
    return late === undefined ? [message] : [message, late];
  };
}

test("the oracle fails where a frame of the old rights arrives behind the new ones", async () => {
  await assert.rejects((await oracle({ people: ["manager"], rights: 0.3, tap: lateFrame() })).run(), /a frame of an ended channel/);
});

for (const [name, plant] of Object.entries(FAULTS)) {
  test(`the oracle fails where ${name}`, async () => {
    const run = (await oracle({ steps: STEPS, people: ["manager", "clerk"], tap: plant() })).run();
    await assert.rejects(run, /shown|complaints|a mark at/);
  });
}
