// Ends and outages, on a server of its own: stopped, killed, its MariaDB killed, its binlogs purged, changed by hand while it
// was down. Whoever comes back with his positions sees what a fresh query gives, and is told where a snapshot was needed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Client } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { difference, epochOf, fresh, Live, type Mirror } from "../lib/live.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";
let server: Server;
let clerk: Client;
let live: Live;
let list: Mirror;
let record: Mirror;

before(async () => {
  server = await new Server({ rows: 60 }).start();
  clerk = await server.login("clerk");
  live = await Live.open(clerk);
  const own = await createCustomer(clerk, { legal_person: "停" });
  list = await live.watch({ kind: "records", form: "customer", sort: "-no", limit: 20, count: true });
  record = await live.watch({ kind: "record", form: "customer", record: own.id });
});
after(async () => {
  await live.close().catch(() => undefined);
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});

const write = async (note: string): Promise<string> => clerk.expect<{ pos: string }>(200, await clerk.patch(`${PATH}/${record.request.record}`, { fields: { notes: note } }, "*")).pos;
/** Sessions outlive the server, sockets do not: every subscription goes on where it was. */
async function comeBack(): Promise<void> {
  await waitUntil("the socket is open again", async () => {
    await live.reconnect();
    return true;
  }, 60_000);
  await waitUntil("all is open again", () => [list, record].every((mirror) => mirror.open), 30_000);
}
async function same(pos: string): Promise<void> {
  await live.settle(pos);
  for (const mirror of [list, record]) assert.equal(difference(mirror, await fresh(clerk, mirror.request)), undefined);
  assert.deepEqual(live.complaints, []);
}
const alarms = () => Number(server.sql("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited'", "app")[0]?.["n"]);

test("a friendly stop closes sockets with 4409 and the ends of views are in the log; after the start all goes on", async () => {
  await same(await write("vor dem Halt"));
  await server.stopKeepingData();
  assert.equal((await live.ws.ended()).code, 4409);
  await server.start();
  await comeBack();
  await same(await write("nach dem Halt"));
  const ends = server.sql(`SELECT detail FROM tidemark_log.event WHERE record = ${record.request.record} AND detail LIKE '%"live"%' ORDER BY id`, "app").map((row) => (JSON.parse(row["detail"] as string) as { live: string }).live);
  assert.deepEqual(ends, ["open", "close", "open"]);
});

test("killed, the server goes on where it was, and so do its screens", async () => {
  for (const round of [1, 2]) {
    await same(await write(`vor ${round}`));
    await server.kill();
    await waitUntil("the socket is gone", () => live.ws.closed);
    await server.start();
    await comeBack();
    await same(await write(`nach ${round}`));
  }
});

test("what is typed while the server is down is on the screens after it, and raises its alarm, once", async () => {
  await same(await write("noch alles gut"));
  const before = alarms();
  await server.kill();
  server.sql(`UPDATE rec_customer SET stage = 'won' WHERE _id = ${record.request.record}`);
  await server.start();
  await comeBack();
  await same(await write("wieder da"));
  assert.equal(record.items[0]?.fields["stage"], "won");
  await waitUntil("the alarm", () => alarms() > before);
  await server.stopKeepingData();
  await waitUntil("the socket is gone", () => live.ws.closed);
  await server.start();
  await comeBack();
  await same(await write("und noch einmal"));
  assert.equal(alarms(), before + 1);
});

test("MariaDB is killed under open sockets: they stay, and go on when it is back", async () => {
  const snapshots = [list.snapshots, record.snapshots];
  process.kill(server.databasePid() as number, "SIGKILL");
  const pos = await waitUntil("writes go through again", () => write("nach MariaDB").catch(() => undefined), 60_000);
  await same(pos);
  assert.equal(live.ws.closed, undefined);
  assert.deepEqual([list.snapshots, record.snapshots], snapshots, "nothing was lost, so nothing is told anew");
});

test("where the binlog that the feed stood in is gone, a new epoch is told by snapshots, and old tokens mean nothing", async () => {
  await same(await write("vor der Lücke"));
  const [epoch, token] = [epochOf(list.pos as string), { pos: list.pos as string, state: list.state as string }];
  const before = alarms();
  const snapshots = [list.snapshots, record.snapshots];
  await server.kill();
  await waitUntil("the socket is gone", () => live.ws.closed);
  // A position that MariaDB's binlogs do not hold, as after a purge or a restore.
  server.sql("UPDATE feed_position SET gtid = '0-1-999999999' WHERE name = 'check'");
  await server.start();
  await comeBack();
  const pos = await write("nach der Lücke");
  await live.settle(pos);
  assert.notEqual(epochOf(pos), epoch, "positions of the old epoch mean nothing");
  assert.ok(list.snapshots > (snapshots[0] as number) && record.snapshots > (snapshots[1] as number));
  assert.equal(epochOf(list.pos as string), epochOf(pos));
  await same(await write("weiter"));
  await waitUntil("that something may be missing is in the log", () => alarms() > before);
  const other = await Live.open(clerk);
  const again = other.sub(list.request, token);
  await waitUntil("it is open", () => again.open);
  await other.settle(await write("alte Marke"));
  assert.equal(again.snapshots, 1);
  await other.close();
});

test("a session's absolute end closes its sockets by itself", async () => {
  const short = await server.login("clerk2");
  const id = server.sql(`SELECT MAX(id) AS id FROM session WHERE user_id = ${short.session?.user.id}`)[0]?.["id"];
  await server.stopKeepingData();
  await server.start();
  server.sql(`UPDATE session SET ends_at = UTC_TIMESTAMP(6) + INTERVAL 6 SECOND WHERE id = ${id}`);
  const socket = await Live.open(short);
  await socket.watch({ kind: "records", form: "customer", limit: 1 });
  assert.equal((await socket.ws.ended(20_000)).code, 4401);
  await comeBack();
});
