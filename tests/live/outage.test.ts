// Ends and outages, on a server of its own: stopped, killed, its MariaDB killed, its binlogs purged, changed by hand while it
// was down. Whoever comes back with his positions sees what a fresh query gives, and is told where a snapshot was needed.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Client, Item } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { difference, epochOf, fresh, Live, sequenceOf, type Mirror } from "../lib/live.ts";
import { SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";
let server: Server;
let clerk: Client;
let live: Live;
let list: Mirror;
let record: Mirror;

before(async () => {
  server = await new Server({ rows: 60, env: { TIDEMARK_AUDIT_LIVE_DIGEST_S: "1" } }).start();
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
interface Word {
  live: "open" | "digest" | "close";
  view: string;
  chan: string;
  pos: string;
  reason?: string;
  seen?: string;
  records: string[];
}
/** What the log says of views, in order. */
function words(where: string): Word[] {
  const rows = server.sql(`SELECT id, detail, HEX(records) AS records FROM tidemark_log.event WHERE detail LIKE '{"live"%' AND ${where} ORDER BY id`, "app");
  return rows.map((row) => ({ ...(JSON.parse(row["detail"] as string) as Word), records: (row["records"]?.match(/.{16}/g) ?? []).map((hex) => String(BigInt(`0x${hex}`))) }));
}
/** The views that have no end yet, by their names. */
function openViews(): string[] {
  const all = words("TRUE");
  const ended = new Set(all.filter((word) => word.live === "close").map((word) => word.view));
  return all.filter((word) => word.live === "open" && !ended.has(word.view)).map((word) => word.view).sort();
}
/**
 * What a hand types into MariaDB while the server is down, and then `PURGE BINARY LOGS`: it needs a right that no account has,
 * so MariaDB is stopped and runs again as it ran, with the statement as its first.
 */
async function purge(typed: string): Promise<void> {
  server.sql(typed);
  const logs = () => server.sql("SHOW BINARY LOGS", "feed").map((row) => row["Log_name"] as string);
  const last = logs().at(-1) as string;
  const pid = server.databasePid() as number;
  const [exe, words] = [fs.readlinkSync(`/proc/${pid}/exe`), fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(1).filter((word) => word !== "")];
  process.kill(pid, "SIGTERM");
  await waitUntil("MariaDB has ended", () => !fs.existsSync(`/proc/${pid}`), 60_000);
  const first = path.join(server.data, "purge.sql");
  fs.writeFileSync(first, "FLUSH BINARY LOGS;\nPURGE BINARY LOGS BEFORE UTC_TIMESTAMP() + INTERVAL 1 DAY;\n", { mode: 0o600 });
  spawn(exe, [...words, `--init-file=${first}`], { cwd: server.data, detached: true, stdio: "ignore" }).unref();
  let seen = "";
  await waitUntil("MariaDB is back, and has no log of before", () => {
    try {
      seen = logs().join();
    } catch (error) {
      seen = String(error);
    }
    return /^binlog/.test(seen) && (seen.split(",")[0] as string) > last;
  }, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${seen}, after ${last}`);
  });
}
const lastEvent = () => server.sql("SELECT MAX(id) AS id FROM tidemark_log.event", "app")[0]?.["id"] as string;
const alarms = () => Number(server.sql("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited'", "app")[0]?.["n"]);

test("a friendly stop closes sockets with 4409 and the ends of views are in the log; after the start all goes on", async () => {
  await same(await write("vor dem Halt"));
  await server.stopKeepingData();
  assert.equal((await live.ws.ended()).code, 4409);
  await server.start();
  await comeBack();
  await same(await write("nach dem Halt"));
  const ends = words(`record = ${record.request.record}`).map((word) => word.live).filter((word) => word !== "digest");
  assert.deepEqual(ends, ["open", "close", "open"]);
});

test("an open view says every now and then what it was told since, its end says the rest", async () => {
  const start = lastEvent();
  const away = await createCustomer(clerk, { legal_person: "去" });
  const quiet = await Live.open(clerk);
  const none = await quiet.watch({ kind: "records", form: "customer", filter: { field: "legal_person", op: "eq", value: "nobody" } });
  const some = await quiet.watch({ kind: "records", form: "customer", filter: { field: "legal_person", op: "eq", value: "去" } });
  const of = (mirror: Mirror) => words(`id > ${start}`).filter((word) => word.chan === mirror.chan);
  const view = (mirror: Mirror) => of(mirror)[0]?.view;
  await waitUntil("one to which nothing is told has a digest", () => of(none).some((word) => word.live === "digest" && word.records.length === 0));
  // Told, and gone again from the list: it has been seen.
  const { id: came, pos: made } = (await createCustomer(clerk, { legal_person: "去" })) as Item & { pos: string };
  await quiet.settle(made);
  assert.ok(some.items.some((item) => item.id === came));
  await quiet.settle(clerk.expect<{ pos: string }>(200, await clerk.patch(`${PATH}/${came}`, { fields: { legal_person: "别处" } }, "*")).pos);
  assert.deepEqual(some.items.map((item) => item.id), [away.id]);
  await waitUntil("the digest that names it", () => of(some).some((word) => word.live === "digest" && word.records.includes(came)));
  assert.equal(of(some).flatMap((word) => word.records).filter((id) => id === came).length, 1, "once");
  // Who has seen that record? The log says so.
  const auditor = await server.login("auditor");
  const seen = auditor.expect<{ items: { action: string; login: string; records: string[] }[] }>(200, await auditor.get(`/audit?record=${came}&action=list`));
  assert.ok(seen.items.some((event) => event.login === "clerk" && event.records.includes(came)));
  const { pos } = clerk.expect<{ pos: string }>(200, await clerk.patch(`${PATH}/${away.id}`, { fields: { notes: "zuletzt" } }, "*"));
  await quiet.settle(pos);
  const [viewOfSome, viewOfNone] = [view(some), view(none)];
  await quiet.close();
  const ended = await waitUntil("both ends", () => {
    const ends = words(`id > ${start}`).filter((word) => word.live === "close" && [viewOfSome, viewOfNone].includes(word.view));
    return ends.length === 2 ? ends : undefined;
  });
  assert.ok(ended.every((word) => word.reason === undefined && sequenceOf(word.pos) >= sequenceOf(pos)));
  assert.ok(words(`id > ${start}`).some((word) => word.view === viewOfSome && word.records.includes(away.id) && sequenceOf(word.pos) >= sequenceOf(pos)), "the last change is in a digest or in the end");
});

test("killed, the server goes on where it was, and so do its screens", async () => {
  for (const round of [1, 2]) {
    await same(await write(`vor ${round}`));
    const told = sequenceOf(list.pos);
    await waitUntil("the process has said how far it is", () => server.sql("SELECT pos FROM process_slot WHERE holder <> ''").some((row) => sequenceOf(row["pos"] ?? undefined) >= told));
    const open = openViews();
    assert.ok(open.length >= 2);
    await server.kill();
    await waitUntil("the socket is gone", () => live.ws.closed);
    await server.start();
    // Who looked at what has its end in the log, with the reason, past all that was shown.
    const ends = await waitUntil("their ends", () => {
      const found = words("detail LIKE '%\"close\"%'").filter((word) => open.includes(word.view));
      return found.length >= open.length ? found : undefined;
    }, 60_000);
    assert.deepEqual(ends.map((word) => word.view).sort(), open, "each one, once");
    for (const end of ends) {
      assert.equal(end.reason, "killed");
      assert.ok(sequenceOf(end.pos) >= told, `${end.pos}, but ${told} was told`);
      assert.match(end.seen ?? "", /^\d{4}-\d\d-\d\dT/);
    }
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
  await purge(`UPDATE rec_customer SET notes = 'zwischen' WHERE _id = ${record.request.record}`);
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

test("the log's seals say that binlog was lost, nothing is left without a seal, and the proof holds", async () => {
  const unsealed = "SELECT COUNT(*) AS n FROM tidemark_log.event e LEFT JOIN tidemark_log.seal_leaf l ON l.event = e.id WHERE l.event IS NULL AND e.at < UTC_TIMESTAMP(6) - INTERVAL 3 SECOND";
  await waitUntil("everything is sealed", () => server.sql(unsealed, "app")[0]?.["n"] === "0", 60_000);
  assert.notEqual(server.sql("SELECT COUNT(*) AS n FROM tidemark_log.seal WHERE gap = 'feed'", "app")[0]?.["n"], "0");
  const env = { ...process.env, ...SANITIZER_OPTIONS };
  const run = spawnSync(server.binary, ["audit", "verify", "--data", server.data], { encoding: "utf8", timeout: 120_000, env });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});
