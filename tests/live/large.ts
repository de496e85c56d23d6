// A transaction of 20,000 rows, typed into the database, passes under open screens: in bounded memory, with every window and
// total as a fresh query gives them, with one alarm that says how many rows there were, while the server answers others.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MEASURED, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";
import { at, herd, same, sit, type } from "./desk.ts";

const ROWS = 20_000;
/** Half a kilobyte of each row. */
const NOTES = "大".repeat(170);
/**
 * What a transaction may add: the feed's queue (64 MiB), the part in each hand, and what the sanitizer adds to them. The update
 * has twice the images of the insert; kept whole, it would be past this.
 */
const GROWN_KB = 220_000;

/** A transaction that nobody needs to hear of. */
const NOTHING = "UPDATE presence SET at = at WHERE id = 0;\nINSERT INTO presence (id, user_id, form, record, at) VALUES (1, 1, 'none', 1, UTC_TIMESTAMP());\nDELETE FROM presence WHERE id = 1";

const server = new Server({ rows: 60, env: MEASURED });
before(async () => {
  await server.start();
  process.env["TEST_SERVER"] = JSON.stringify({ url: server.url, data: server.data, binary: server.binary });
});
after(async () => {
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});

/** How long the server took to answer, at the longest, while that ran: a probe needs nothing but its loop. */
async function longestPause<T>(run: () => Promise<T>): Promise<[T, number]> {
  const client = server.client();
  let [over, longest] = [false, 0];
  const probing = (async () => {
    while (!over) {
      const start = performance.now();
      await client.get("//healthz");
      longest = Math.max(longest, performance.now() - start);
    }
  })();
  const result = await run().finally(() => (over = true));
  await probing;
  return [result, longest];
}

/** The alarms of rows of that word's table: by the number of changes that they name. */
const alarms = () => server.sql("SELECT COUNT(*) AS n, JSON_VALUE(detail, '$.of') AS changes FROM tidemark_log.event WHERE action = 'unaudited' GROUP BY JSON_VALUE(detail, '$.pos') ORDER BY MIN(id)", "app").map((row) => [row["n"], row["changes"]]);

test(`a transaction of ${ROWS} rows passes under open screens in bounded memory and raises one alarm`, async (t) => {
  const manager = await sit("manager");
  const request = { kind: "records" as const, form: "customer", count: true };
  const lists = [await manager.watch({ ...request, sort: "registered_capital", range: [0, 50] }), await manager.watch({ ...request, sort: "-registered_capital", range: [0, 50] }), await manager.watch({ ...request, sort: "registered_capital", range: [10_000, 50] })];
  const total = Number(lists[0]?.total);
  server.forgetPeak();
  const kept = server.memoryKb();
  let word = "";
  const steps: [string, () => Promise<unknown>, number][] = [
    ["INSERT … SELECT", async () => ({ word } = await herd(manager.client, ROWS, { notes: NOTES })), ROWS - 1],
    ["UPDATE of what is sorted by", () => type(`UPDATE rec_customer SET registered_capital = MOD(CRC32(_id), 5000), stage = 'won' WHERE legal_person = '${word}'`), ROWS],
  ];
  for (const [i, [name, run, rows]] of steps.entries()) {
    const started = performance.now();
    const [took, pause] = await longestPause(async () => {
      await run();
      const committed = performance.now();
      // The next transaction stands behind it: once a mark is there, all of it has been told.
      await manager.until(at(manager, await type(NOTHING)), 120_000);
      return [committed - started, performance.now() - committed];
    });
    const grown = server.peakKb() - kept;
    t.diagnostic(`${name}: ${Math.round(took[0] as number)} ms to commit, ${Math.round(took[1] as number)} ms to the screens, ${Math.round(pause)} ms without an answer at the longest, ${grown} KB more at the most`);
    await same(manager, await type(NOTHING));
    for (const list of lists) assert.equal(list.total, String(total + ROWS));
    assert.ok(grown < GROWN_KB, `${name}: ${grown} KB more`);
    await waitUntil("the alarm", () => alarms().length > i);
    assert.deepEqual(alarms().at(-1), ["20", String(rows)], "one alarm: twenty are named, all are counted");
    assert.equal(alarms().length, i + 1);
  }
});
