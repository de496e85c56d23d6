// Who reads slowly costs himself alone: the server keeps no more than a partial frame for him, others hear as before, and
// when he wakes he is current. And a transaction of twenty thousand rows passes in bounded memory.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { login, sharedServer } from "../lib/shared.ts";
import { Client } from "../lib/client.ts";
import { waitUntil } from "../lib/wait.ts";
import { herd, same, sit, type } from "./desk.ts";

async function metric(name: string): Promise<number> {
  const { url } = await sharedServer();
  const text = (await new Client(url).get("//metrics")).text;
  const line = new RegExp(`^tidemark_${name} (\\S+)$`, "m").exec(text) ?? new RegExp(`^${name} (\\S+)$`, "m").exec(text);
  if (line === null) throw new Error(`no ${name} in:\n${text}`);
  return Number(line[1]);
}

/** Resident memory of the process that listens at the shared server's port. */
async function residentKb(): Promise<number> {
  const { data } = await sharedServer();
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (!words.includes("serve") || !words.includes(data)) continue;
      return Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("no server with that data folder");
}

test("sockets that read nothing are held to a partial frame, others hear as before, and who wakes is current", async () => {
  const manager = await login("manager");
  const { filter, ids } = await herd(manager, 200, { notes: "长".repeat(400) });
  const request = { kind: "records" as const, form: "customer", filter, sort: "registered_capital", limit: 200 };
  const stalled = await Promise.all([1, 2, 3, 4, 5, 6].map(() => sit("president")));
  for (const live of stalled) await live.watch(request);
  const reader = await sit("risk");
  const prompt = await sit("manager");
  const list = await prompt.watch(request);
  for (const live of stalled) live.ws.pause();
  const before = await residentKb();
  const bytes = await metric("live_bytes_total");
  let sequence = 0;
  for (let i = 0; i < 60; i++) {
    sequence = await type(`UPDATE rec_customer SET notes = CONCAT(${i}, REPEAT('波', 390)), _f_notes = notes WHERE _id IN (${ids.join()})`);

    await waitUntil("the prompt reader", () => String(list.items[0]?.fields["notes"]).startsWith(`${i}波`), 20_000);
  }
  // 60 times 200 rows of more than a kilobyte: more than 12 MB for each who reads.
  assert.ok((await metric("live_bytes_total")) - bytes > 12e6);
  const grown = (await residentKb()) - before;
  assert.ok(grown < 60_000, `six stalled sockets and a reader: ${grown} KB more`);
  assert.equal(reader.ws.closed, undefined);
  for (const live of stalled) {
    live.ws.resume();
    await same(live, sequence);
  }
  assert.ok((await metric("live_resyncs_total")) >= 6, "they were given the state, not what they had missed");
  assert.deepEqual(prompt.complaints, []);
});

test("a transaction of 20,000 rows passes every open window, in bounded memory", async () => {
  const manager = await sit("manager");
  const { filter, ids } = await herd(manager.client, 20_000, { notes: "大" });
  const lists = await Promise.all(
    ([[0, 50], [10_000, 50], [19_980, 50]] as [number, number][]).flatMap((range) =>
      ["registered_capital", "-registered_capital"].map((sort) => manager.watch({ kind: "records", form: "customer", filter, sort, range, count: true })),
    ),
  );
  const one = await manager.watch({ kind: "record", form: "customer", record: ids[7] as string });
  const before = await residentKb();
  const word = (filter as { value: string }).value;
  const where = `WHERE legal_person = '${word}'`;
  await same(manager, await type(`UPDATE rec_customer SET registered_capital = MOD(CRC32(_id), 5000), notes = '大写' ${where}`));
  await same(manager, await type(`UPDATE rec_customer SET _live = NULL ${where} AND _id % 2 = 0`));
  assert.equal(lists[0]?.total, "10000");
  // Its window is refilled while the rest of the same transaction is still on its way.
  await same(manager, await type(`UPDATE rec_customer SET registered_capital = registered_capital + 1, _live = 1 ${where}`));
  const grown = (await residentKb()) - before;
  assert.ok(grown < 250_000, `${grown} KB more`);
  assert.equal(one.items.length, 1);
  await type(`DELETE FROM rec_customer ${where}`);
});
