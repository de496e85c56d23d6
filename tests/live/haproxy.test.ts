// Two processes on one database behind Debian's HAProxy with the shipped configuration: sessions hold on both, screens of
// both hear of every write, and a socket whose process is killed goes on at the other one, where it was.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Client } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { difference, fresh, Live, type Mirror } from "../lib/live.ts";
import { PASSWORD, ROOT, SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";
const HAPROXY = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].find((file) => fs.existsSync(file)) ?? "haproxy";
let first: Server;
let second: Server;
let proxy: ChildProcess;
let said = "";
let url: string;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-proxy-"));

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const port = (probe.address() as net.AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

before(async () => {
  const env = { TIDEMARK_SERVER_TRUSTED_PROXY: "127.0.0.1" };
  first = await new Server({ rows: 60, env }).start();
  const data = path.join(folder, "b");
  fs.mkdirSync(data, { mode: 0o700 });
  fs.cpSync(path.join(first.data, "secrets"), path.join(data, "secrets"), { recursive: true });
  const socket = fs.readdirSync(path.join(first.data, "run")).find((name) => name.endsWith(".sock")) as string;
  second = await new Server({ rows: 60, data, env: { ...env, TIDEMARK_DB_MODE: "external", TIDEMARK_DB_SOCKET: path.join(first.data, "run", socket) } }).start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  proxy = spawn(HAPROXY, ["-W", "-db", "-f", path.join(ROOT, "config/haproxy.cfg")], {
    env: { ...process.env, TIDEMARK_BIND: `127.0.0.1:${port}`, TIDEMARK_A: new URL(first.url).host, TIDEMARK_B: new URL(second.url).host },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const pipe of [proxy.stdout, proxy.stderr]) pipe?.on("data", (part: Buffer) => (said += part.toString()));
  await waitUntil("HAProxy lets somebody in", async () => (await new Client(url).get("/openapi.json")).status === 200, 20_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${said}`);
  });
});
after(async () => {
  proxy?.kill("SIGTERM");
  for (const server of [second, first]) {
    try {
      await server?.stop();
    } catch (error) {
      server.sweep();
      throw error;
    }
  }
  fs.rmSync(folder, { recursive: true, force: true });
});

async function login(name: string, at = url): Promise<Client> {
  const client = new Client(at);
  const reply = await client.logIn(name, PASSWORD);
  assert.equal(reply.status, 200, reply.text);
  return client;
}
/** The same person, asked at a door of his own. */
function through(client: Client, door: string): Client {
  const other = new Client(door);
  for (const [name, value] of client.cookies) other.cookies.set(name, value);
  other.csrf = client.csrf;
  other.session = client.session;
  return other;
}
const count = (server: Server, where: string) => Number(server.sql(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE ${where}`, "app")[0]?.["n"]);

test("the shipped configuration is accepted by HAProxy", () => {
  const run = spawnSync(HAPROXY, ["-c", "-f", path.join(ROOT, "config/haproxy.cfg")], {
    encoding: "utf8",
    env: { ...process.env, TIDEMARK_BIND: "127.0.0.1:9", TIDEMARK_A: "127.0.0.1:8", TIDEMARK_B: "127.0.0.1:7" },
  });
  assert.equal(run.status, 0, run.stderr);
});

test("counters and probes are not passed on, and nobody can name another address as his own", async () => {
  for (const hidden of ["//metrics", "//readyz", "//healthz"]) assert.equal((await new Client(url).get(hidden)).status, 404, hidden);
  const client = await login("clerk");
  client.expect(200, await client.get(`${PATH}?limit=1`, { headers: { "x-forwarded-for": "6.6.6.6" } }));
  assert.equal(count(first, "address = '6.6.6.6'"), 0);
});

test("screens of both processes hear of a write that came in by either, and one change raises one alarm", async () => {
  const client = await login("clerk");
  const own = await createCustomer(client, { legal_person: "两处" });
  const screens = await Promise.all([first.url, second.url].map((door) => Live.open(through(client, door))));
  const mirrors = await Promise.all(screens.map((live) => live.watch({ kind: "record", form: "customer", record: own.id })));
  for (const door of [second.url, first.url, url]) {
    const reply = await through(client, door).patch(`${PATH}/${own.id}`, { fields: { notes: `von ${door}` } }, "*");
    const { pos } = client.expect<{ pos: string }>(200, reply);
    for (const [i, live] of screens.entries()) {
      await live.settle(pos);
      assert.equal((mirrors[i] as Mirror).items[0]?.fields["notes"], `von ${door}`);
      assert.deepEqual(live.complaints, []);
    }
  }
  // Who is at the record is known at the other process, too.
  screens[0]?.edit("customer", own.id, "notes");
  await waitUntil("presence at the other process", () => mirrors[1]?.users?.[0]?.field === "notes");
  const before = count(first, "action = 'unaudited'");
  first.sql(`UPDATE rec_customer SET stage = 'lost' WHERE _id = ${own.id}`);
  const { pos } = client.expect<{ pos: string }>(200, await client.patch(`${PATH}/${own.id}`, { fields: { notes: "danach" } }, "*"));
  for (const live of screens) await live.settle(pos);
  await waitUntil("the alarm", () => count(first, "action = 'unaudited'") > before);
  // Both have checked past it once their position is past it.
  await waitUntil("both have passed it", () => count(first, `detail LIKE '%"live"%' AND record = ${own.id}`) >= 2);
  assert.equal(count(first, "action = 'unaudited'"), before + 1);
  for (const live of screens) await live.close();
});

test("who is at a record is gone from it within seconds of the end of his process, and his views have their end in the log", async (t) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const own = await createCustomer(clerk, { legal_person: "猝死" });
  const [his, hers] = [await Live.open(through(clerk, second.url)), await Live.open(through(manager, first.url))];
  const request = { kind: "record" as const, form: "customer", record: own.id };
  await his.watch(request);
  const shown = await hers.watch(request);
  his.edit("customer", own.id, "notes");
  await waitUntil("he is there", () => shown.users?.[0]?.field === "notes");
  const ended = () => count(first, `detail LIKE '%"reason":"killed"%' AND actor_id = ${clerk.session?.user.id} AND record = ${own.id}`);
  await second.kill();
  const start = performance.now();
  await waitUntil("he is gone", () => shown.users?.length === 0, 60_000);
  t.diagnostic(`gone after ${Math.round(performance.now() - start)} ms`);
  await waitUntil("his view has an end", () => ended() === 1);
  assert.equal(count(first, `detail LIKE '%"reason":"killed"%' AND actor_id = ${manager.session?.user.id}`), 0, "the living keep theirs");
  await second.start();
  await hers.close();
  // One that only stood still comes back to find itself buried, and ends: another holds its place.
  const pid = second.process?.pid as number;
  const lost = await Live.open(through(clerk, second.url));
  await lost.watch(request);
  process.kill(pid, "SIGSTOP");
  await waitUntil("it is given up", () => ended() === 2, 60_000);
  process.kill(pid, "SIGCONT");
  assert.equal((await lost.ws.ended(30_000)).code, 4409);
  await waitUntil("it has ended", () => second.process?.exitCode !== null, 60_000);
  await second.stopKeepingData();
  await second.start();
});

test("a log-out at one process closes the sockets at the other", async () => {
  const client = await login("clerk2");
  const screen = await Live.open(through(client, second.url));
  await through(client, first.url).logOut();
  assert.equal((await screen.ws.ended()).code, 4401);
});

test("whoever was killed or slept, the log has been sealed by one process at a time: one chain, nothing left out", async () => {
  const unsealed = "SELECT COUNT(*) AS n FROM tidemark_log.event e LEFT JOIN tidemark_log.seal_leaf l ON l.event = e.id WHERE l.event IS NULL AND e.at < UTC_TIMESTAMP(6) - INTERVAL 3 SECOND";
  await waitUntil("everything is sealed", () => first.sql(unsealed, "app")[0]?.["n"] === "0", 60_000);
  const held = "SELECT COUNT(*) AS n FROM lease WHERE name = 'seal' AND holder <> '' AND until > UTC_TIMESTAMP(6)";
  await waitUntil("a holder", () => first.sql(held)[0]?.["n"] === "1");
  const env = { ...process.env, ...SANITIZER_OPTIONS };
  const run = spawnSync(first.binary, ["audit", "verify", "--data", first.data], { encoding: "utf8", timeout: 120_000, env });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test("a socket whose process is killed comes back through HAProxy to the other one and shows what is so now", async () => {
  const client = await login("manager");
  const own = await createCustomer(client, { legal_person: "搬家" });
  const live = await Live.open(client);
  const list = await live.watch({ kind: "records", form: "customer", sort: "-no", limit: 10, count: true });
  const record = await live.watch({ kind: "record", form: "customer", record: own.id });
  const write = (note: string) => waitUntil("a write goes through", async () => {
    const reply = await client.patch(`${PATH}/${own.id}`, { fields: { notes: note } }, "*").catch(() => undefined);
    return reply?.status === 200 ? reply.json<{ pos: string }>().pos : undefined;
  }, 30_000);
  const same = async (pos: string) => {
    await live.settle(pos);
    for (const mirror of [list, record]) assert.equal(difference(mirror, await fresh(client, mirror.request)), undefined);
    assert.deepEqual(live.complaints, []);
  };
  await same(await write("vorher"));
  // The one of the two that holds the socket dies: nothing outside tells which, so the other may have to die first.
  let victim = second;
  await victim.kill();
  if ((await waitUntil("the socket is gone", () => live.ws.closed, 3000).catch(() => undefined)) === undefined) {
    await victim.start();
    victim = first;
    await victim.kill();
    await waitUntil("the socket is gone", () => live.ws.closed);
  }
  const other = victim === first ? second : first;
  const reopened = async () => {
    await waitUntil("the way back", async () => {
      await live.reconnect();
      return true;
    }, 30_000);
    await waitUntil("all is open again", () => [list, record].every((mirror) => mirror.open), 20_000);
  };
  await reopened();
  await same(await write("beim andern"));
  // And back, friendly this time: the other one is stopped once the first has come again.
  await victim.start();
  await waitUntil("HAProxy has found it again", async () => (await new Client(victim.url).get("//readyz")).status === 200, 20_000);
  await same(await write("wieder zu zweit"));
  if (other === second) {
    await second.stopKeepingData();
    assert.equal((await live.ws.ended()).code, 4409);
    await reopened();
    await same(await write("heim"));
    await second.start();
  }
  await live.close();
});
