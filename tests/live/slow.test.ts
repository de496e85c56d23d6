// Who reads slowly costs himself alone: the server keeps no more than a partial frame for him, others hear each change as
// before, and when he wakes he is given what is true now, not all that he has missed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Live } from "../lib/live.ts";
import { MEASURED, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";
import { herd, same, sit, type } from "./desk.ts";

const STALLED = 20;
const CHANNELS = 5;
const CHANGES = 100;
/** Rows that each change concerns, and what it writes into each: some 30 KB to tell. */
const ROWS = 20;
const WIDE = "REPEAT('波', 450)";
/** Of a stalled socket: the partial frame, with the state of its list in it, and what the allocator wastes. */
const KEPT_KB = 150;

const server = new Server({ rows: 60, env: { ...MEASURED, TIDEMARK_LIMITS_WS_PER_USER: String(2 * STALLED) } });
before(async () => {
  await server.start();
  process.env["TEST_SERVER"] = JSON.stringify({ url: server.url, data: server.data, binary: server.binary });
});
const stalled: Live[] = [];
after(async () => {
  for (const live of stalled) live.ws.cut();
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});

test("sockets that read nothing are held to a partial frame, others hear each change, and who wakes is current", async (t) => {
  const prompt = await sit("manager");
  const { filter, ids } = await herd(prompt.client, ROWS, { notes: "慢" });
  const request = { kind: "records" as const, form: "customer", filter, sort: "registered_capital", count: true };
  const list = await prompt.watch({ ...request, limit: ROWS });
  stalled.push(await sit("president"));
  while (stalled.length < STALLED) stalled.push(await sit("president", { client: (stalled[0] as Live).client }));
  // Of several channels, so that their frames are not the same bytes, and none is that of the prompt reader.
  for (const [i, live] of stalled.entries()) await live.watch({ ...request, limit: ROWS + 1 + (i % CHANNELS) });

  let [sequence, number] = [0, 0];
  const change = async () => {
    const text = `${++number}波`;
    const deltas = list.deltas;
    sequence = await type(`UPDATE rec_customer SET notes = CONCAT(${number}, ${WIDE}) WHERE _id IN (${ids.join()})`);
    await waitUntil(`change ${number} at the prompt reader`, () => list.items.every((item) => String(item.fields["notes"]).startsWith(text)));
    assert.equal(list.deltas, deltas + 1);
  };
  const many = async (n: number) => {
    const started = performance.now();
    for (let i = 0; i < n; i++) await change();
    return (performance.now() - started) / n;
  };
  // What a server has that is at work, with full rings.
  const each = await many(10);
  for (const live of stalled) await same(live, sequence);

  const awake = stalled.map((live) => live.ws.bytesRead);
  for (const live of stalled) live.ws.pause();
  const [kept, resyncs, sent] = [server.memoryKb(), await server.metric("live_resyncs_total"), prompt.ws.bytesRead];
  const meanwhile = await many(CHANGES);
  const missed = prompt.ws.bytesRead - sent;
  const grown = server.memoryKb() - kept;
  assert.ok(missed * CHANNELS > 4 * STALLED * KEPT_KB * 1024, `only ${missed} bytes were told: a queue would not be seen`);
  t.diagnostic(`${CHANGES} changes of ${Math.round(missed / CHANGES / 1024)} KB, ${meanwhile.toFixed(1)} ms each (${each.toFixed(1)} before), ${grown} KB more for ${STALLED} stalled sockets`);
  assert.ok(grown < STALLED * KEPT_KB, `${grown} KB more for ${STALLED} stalled sockets`);
  assert.equal(await server.metric("live_sockets"), STALLED + 1, "nobody is sent away for it");
  await same(prompt, sequence);

  const most = { bytes: 0 };
  for (const [i, live] of stalled.entries()) {
    const [list] = live.mirrors.values();
    live.ws.resume();
    await same(live, sequence);
    assert.ok(String(list?.items[0]?.fields["notes"]).startsWith(`${number}波`));
    most.bytes = Math.max(most.bytes, live.ws.bytesRead - (awake[i] as number));
  }
  t.diagnostic(`of ${missed} bytes missed, ${most.bytes} at most are told to one who wakes`);
  assert.ok(most.bytes < missed / 4, "the state, not what was missed");
  assert.ok((await server.metric("live_resyncs_total")) >= resyncs + STALLED);
  // And they go on as before.
  await change();
  for (const live of stalled) await same(live, sequence);
});
