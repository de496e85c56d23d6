// Resuming: whoever comes back with a position and a state gets what came after it, or a whole snapshot; never a part.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Client } from "../lib/client.ts";
import { epochOf, Live, type Mirror } from "../lib/live.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { at, herd, same, sit, type } from "./desk.ts";

const reopened = (mirrors: Mirror[]) => waitUntil("all are open again", () => mirrors.every((mirror) => mirror.open || mirror.over));

test("a cut cable heals: what came meanwhile is replayed, nothing is missing, nothing comes twice", async () => {
  const manager = await login("manager");
  const { filter, ids } = await herd(manager, 30);
  const live = await sit("president");
  const list = await live.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", count: true, limit: 20 });
  const record = await live.watch({ kind: "record", form: "customer", record: ids[3] as string });
  let sequence = 0;
  for (let round = 0; round < 6; round++) {
    sequence = await type(`UPDATE rec_customer SET notes = 'vor ${round}' WHERE _id = ${ids[3]}`);
    if (round % 2 === 0) await live.until(at(live, sequence));
    live.ws.cut();
    for (let i = 0; i < round * 4; i++) sequence = await type(`UPDATE rec_customer SET registered_capital = registered_capital + ${i % 7}, notes = '${round}/${i}' WHERE _id IN (${ids[i % 30]}, ${ids[(i * 7) % 30]})`);
    await live.reconnect();
    await reopened([list, record]);
    await same(live, sequence);
  }
  assert.deepEqual([list.snapshots, record.snapshots], [1, 1], "no snapshot was needed");
});

test("however many frames are missing, with somebody present: the replay is whole, or a snapshot comes", async () => {
  const manager = await sit("manager");
  const { ids } = await herd(manager.client, 1);
  const live = await sit("president");
  const request = { kind: "record" as const, form: "customer", record: ids[0] as string };
  const record = await live.watch(request);
  await manager.watch(request);
  manager.edit("customer", ids[0] as string, "notes");
  await waitUntil("the manager is seen", () => (record.users ?? []).length === 1);
  for (const missing of [1, 59, 60, 61, 62, 63, 64, 65, 66, 127, 128, 129, 140]) {
    live.ws.cut();
    let sequence = 0;
    for (let i = 0; i < missing; i++) sequence = await type(`UPDATE rec_customer SET level = '${i % 2 === 0 ? "key" : "growth"}', notes = '${missing}/${i}' WHERE _id = ${ids[0]}`);
    const snapshots = record.snapshots;
    await live.reconnect();
    await reopened([record]);
    await same(live, sequence);
    if (missing < 100) assert.equal(record.snapshots, snapshots, `${missing} frames are replayed`);
    if (missing > 128) assert.equal(record.snapshots, snapshots + 1, `${missing} frames are too many`);
  }
});

/** Subscribes with the token given; what is shown then must be right, whatever the token was. */
async function comeBack(client: Client, mirror: Mirror, token: { pos?: string; state?: string }, then: () => Promise<number>): Promise<Mirror> {
  const live = await Live.open(client);
  try {
    const again = live.sub(mirror.request, token as Record<string, string>);
    await waitUntil("it is open", () => again.open || again.over);
    await same(live, await then());
    return again;
  } finally {
    await live.close();
  }
}

test("a forged, stale or foreign token is answered by a snapshot", async () => {
  const manager = await login("manager");
  const { filter, ids } = await herd(manager, 5);
  const live = await sit("president");
  const list = await live.watch({ kind: "records", form: "customer", filter, sort: "name" });
  const other = await live.watch({ kind: "records", form: "customer", filter, sort: "-name" });
  const touch = () => type(`UPDATE rec_customer SET notes = CONCAT(COALESCE(notes, ''), '.') WHERE _id = ${ids[0]}`);
  await same(live, await touch());
  const [pos, state] = [list.pos as string, list.state as string];
  const number = Number(pos.split(".")[1]);
  const tokens: Record<string, { pos?: string; state?: string }> = {
    "no state": { pos },
    "no position": { state },
    "an empty state": { pos, state: "" },
    "a state that is one digit off": { pos, state: state.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")) },
    "the state of another list": { pos, state: other.state as string },
    "a longer state": { pos, state: `${state}0` },
    "random bytes": { pos, state: randomBytes(16).toString("hex") },
    "another epoch": { pos: `${epochOf(pos) === "00000000" ? "11111111" : "00000000"}.${number}`, state },
    "no epoch": { pos: `.${number}`, state },
    "a position to come": { pos: `${epochOf(pos)}.${number + 1_000_000}`, state },
    "a negative position": { pos: `${epochOf(pos)}.-5`, state },
    "the beginning of time": { pos: `${epochOf(pos)}.1`, state },
    "no number": { pos: `${epochOf(pos)}.x`, state },
    "too large a number": { pos: `${epochOf(pos)}.99999999999999999999`, state },
  };
  for (const [name, token] of Object.entries(tokens)) {
    const again = await comeBack(live.client, list, token, touch);
    assert.equal(again.snapshots, 1, name);
  }
});

test("whoever has lost the right to a row, or the list itself, gets no replay of the old rights", async () => {
  const clerk = await sit("clerk");
  const { filter, ids } = await herd(clerk.client, 3);
  const list = await clerk.watch({ kind: "records", form: "customer", filter, sort: "registered_capital" });
  assert.equal(list.items.length, 3);
  clerk.ws.cut();
  const clerk3 = await login("clerk3");
  const theirs = clerk3.session?.user;
  const sequence = await type(`UPDATE rec_customer SET _owner = ${theirs?.id}, _department = ${theirs?.department.id}, notes = '密' WHERE _id = ${ids[1]}`);
  await clerk.reconnect();
  await reopened([list]);
  await same(clerk, sequence);
  assert.equal(list.items.length, 2);
});
