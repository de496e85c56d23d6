// The first start may be killed anywhere: initialising MariaDB, making accounts, migrating, loading the demo bank. The next
// start goes on from there, and at the end everything is there once.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { checkChains } from "../lib/chain.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const ROWS = 120;
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.sweep();
});

async function killedAfter(server: Server, ms: number, both: boolean): Promise<boolean> {
  const start = server.start().then(
    () => "ready" as const,
    (error: unknown) => error,
  );
  const first = await Promise.race([start, pause(ms).then(() => "time" as const)]);
  const pid = server.databasePid();
  await server.kill();
  if (both && pid !== undefined) process.kill(pid, "SIGKILL");
  const end = await start;
  if (first !== "ready" && first !== "time") throw new Error(`the server gave up by itself: ${String(end)}`);
  return first === "ready";
}

test("killed at ever later moments of the first start, it ends up whole", async (t) => {
  const server = new Server({ rows: ROWS });
  servers.push(server);
  let step = 0;
  // Each try gets a little longer; a try that became ready ends the row.
  for (let ms = 80; step < 40; ms = Math.round(ms * 1.35), step++) {
    if (await killedAfter(server, ms, step % 2 === 1)) break;
  }
  t.diagnostic(`${step} kills before the first ready line`);
  assert.ok(step >= 4, "too few kills to mean anything");
  await server.start();
  const chains = checkChains((statement, account) => server.sql(statement, account));
  assert.equal(chains.size, ROWS);
  const [users, forms, departments] = ["app_user", "form", "department"].map((table) => Number(server.sql(`SELECT COUNT(*) AS n FROM ${table}`)[0]?.["n"]));
  assert.ok((users as number) >= 9);
  assert.equal(forms, 6);
  assert.equal(departments, 13);
  const clerk = await server.login("clerk");
  assert.ok((await clerk.list("/forms/customer/records?limit=5")).items.length > 0);
  // What belongs to the customers is loaded once, too: as much as a start that nobody disturbed gives.
  const whole = new Server({ rows: ROWS });
  servers.push(whole);
  await whole.start();
  const children = (one: Server) => ["rec_contact", "rec_follow_up", "rec_opportunity", "rec_contract", "rec_payment"].map((table) => one.sql(`SELECT COUNT(*) AS n FROM ${table}`)[0]?.["n"]);
  assert.deepEqual(children(server), children(whole));
  await whole.stop();
  await server.stop();
});

/** A friendly stop as soon as `moment` has come: it ends good, leaves no MariaDB behind and was never ready. */
async function stoppedAt(server: Server, signal: "SIGINT" | "SIGTERM", what: string, moment: () => boolean): Promise<void> {
  const start = server.start().then(
    () => "ready",
    (error: unknown) => String(error),
  );
  await waitUntil(what, moment, 60_000);
  server.process?.kill(signal);
  assert.match(await start, /the server ended with 0 before it was ready/, `${signal}, ${what}`);
  server.complain();
  assert.equal(server.databasePid(), undefined, `${signal}, ${what}: MariaDB outlives the server`);
}

test("stopped in a friendly way in the middle of the first start, it ends good, and the next start goes on", async () => {
  const rows = 800;
  const server = new Server({ rows });
  servers.push(server);
  const loaded = (): number => {
    try {
      return Number(server.sql("SELECT COUNT(*) AS n FROM rec_customer")[0]?.["n"]);
    } catch {
      return 0; // not yet there
    }
  };
  await stoppedAt(server, "SIGTERM", "MariaDB being made", () => fs.existsSync(path.join(server.data, "mariadb.log")));
  await stoppedAt(server, "SIGINT", "the first customers", () => loaded() > 0);
  await server.start();
  const first = /^demo bank: (\d+) of/m.exec(server.stdout)?.[1];
  assert.notEqual(first, undefined, "there was nothing left to load: the stop came too late to mean anything");
  assert.equal(checkChains((statement, account) => server.sql(statement, account)).size, rows);
  await server.stop();
});

test("an empty system killed as soon as it has told its first log-ins: those that it told last work", async () => {
  const server = new Server({ rows: 0 });
  servers.push(server);
  const told = new Map<string, string>();
  const listen = (): number => {
    const found = [...server.stdout.matchAll(/^first log-in: (\S+)  password: (\S+)$/gm)];
    for (const [, login, password] of found) told.set(login as string, password as string);
    return found.length;
  };
  const start = server.start().catch(() => undefined);
  await waitUntil("the first log-ins", () => listen() === 3, 60_000);
  await server.kill();
  await start;
  await server.start();
  listen();
  assert.deepEqual([...told.keys()], ["admin", "security", "auditor"]);
  for (const [login, password] of told) await server.login(login, password);
  await server.stop();
});

test("two servers in one data folder: the second one says so and ends", async () => {
  const server = await new Server({ rows: 0 }).start();
  servers.push(server);
  const second = new Server({ rows: 0, data: server.data });
  await assert.rejects(() => second.start(30_000), /ended with 3/);
  assert.match(second.stderr, /^tidemark: cannot serve: another process serves the data folder /m);
  assert.equal((await server.client().get("//readyz")).status, 200, "the first one is not disturbed");
  await server.stop();
});
