// kill -9 of the server, of MariaDB, of both, in turn, under write load from eight clients: no acknowledged write is lost,
// there is no row without its event and no event without its row, a batch is there whole or not at all, and writes go through again within five seconds.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { checkChains } from "../lib/chain.ts";
import type { Client } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, phone } from "../lib/demo.ts";
import { SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const ROUNDS = Number(process.env["CRASH_ROUNDS"] ?? 8);
const CLIENTS = 8;
const AWAY_MS = 5000;
const ACKS_A_ROUND = 60;
const VICTIMS = ["server", "database", "both"] as const;

/** One clerk who changes one customer again and again, and now and then makes a new one. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly created: string[] = [];
  readonly surprises: string[] = [];
  attempts = 0;
  /** When the last acknowledged write was sent: an answer to an older one says nothing of a recovery. */
  lastSent = 0;
  readonly client: Client;
  readonly record: string;
  readonly number: number;
  private running = true;
  private done: Promise<void> = Promise.resolve();

  constructor(number: number, client: Client, record: string) {
    this.number = number;
    this.client = client;
    this.record = record;
  }
  start(): void {
    this.done = this.run();
  }
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }
  private async run(): Promise<void> {
    const template = await customerFields(this.client);
    while (this.running) {
      const note = `w${this.number}-${++this.attempts}`;
      const sent = performance.now();
      try {
        if (this.attempts % 10 === 5) {
          const fields = [1, 2, 3, 4, 5].map((n) => ({ fields: { ...template, credit_code: creditCode(), phone: phone(), name: `Stapel ${note} ${n}`, notes: `Stapel ${note}` } }));
          const reply = await this.client.post("/forms/customer/records:batch", { create: fields, update: [{ id: this.record, version: "*", fields: { notes: `Stapel ${note}` } }] }, { headers: { "idempotency-key": `crash-${note}` } });
          if (reply.status === 200) {
            this.created.push(...reply.json<{ create: { id: string }[] }>().create.map((item) => item.id));
            this.acknowledged.push(`Stapel ${note}`);
            this.lastSent = sent;
          } else this.refused(reply.status, reply.text);
        } else if (this.attempts % 10 === 0) {
          const fields = { ...template, credit_code: creditCode(), phone: phone(), name: `崩溃测试 ${note}` };
          const reply = await this.client.post("/forms/customer/records", { fields });
          if (reply.status === 201) {
            this.created.push(reply.json().id);
            this.lastSent = sent;
          } else this.refused(reply.status, reply.text);
        } else {
          const reply = await this.client.patch(`/forms/customer/records/${this.record}`, { fields: { notes: note } }, "*");
          if (reply.status === 200) {
            this.acknowledged.push(note);
            this.lastSent = sent;
          } else this.refused(reply.status, reply.text);
        }
      } catch {
        // No answer: the write may have happened or not. Nobody was told that it had.
        await pause(20);
      }
    }
  }
  // While something is down a 503 is the right answer; anything else is not. A session outlives a crash.
  private refused(status: number, text: string): void {
    if (status !== 503) this.surprises.push(`${status} ${text.slice(0, 300)}`);
  }
}

let server: Server;
const writers: Writer[] = [];
const total = () => writers.reduce((sum, writer) => sum + writer.acknowledged.length + writer.created.length, 0);

before(async () => {
  server = await new Server({ rows: 40 }).start();
  for (let i = 0; i < CLIENTS; i++) {
    const client = await server.login(i % 2 === 0 ? "clerk" : "clerk2");
    writers.push(new Writer(i, client, (await createCustomer(client)).id));
  }
});
after(async () => {
  for (const writer of writers) await writer.stop();
  server.sweep();
});

async function killAndRevive(victim: (typeof VICTIMS)[number]): Promise<number> {
  const database = server.databasePid();
  assert.ok(database !== undefined, "the private MariaDB's pid is not to be found");
  const started = performance.now();
  if (victim !== "database") await server.kill();
  if (victim !== "server") process.kill(database, "SIGKILL");
  const killed = performance.now();
  if (victim !== "database") await server.start();
  await waitUntil(`an acknowledged write after the end of ${victim}`, () => writers.some((writer) => writer.lastSent > killed), 60_000);
  server.complain();
  return Math.round(performance.now() - started);
}

/** All of a batch is there, or nothing of it, whether or not its answer came. */
function verifyBatches(chains: ReturnType<typeof checkChains>): void {
  const found = new Map<string, number>();
  for (const chain of chains.values()) for (const note of chain.written.get("notes") ?? []) if (String(note).startsWith("Stapel ")) found.set(String(note), (found.get(String(note)) ?? 0) + 1);
  for (const [note, n] of found) assert.equal(n, 6, `${note}: ${n} of 6 records of a batch`);
}

function verify(): void {
  const chains = checkChains((statement, account) => server.sql(statement, account));
  verifyBatches(chains);
  for (const writer of writers) {
    assert.deepEqual(writer.surprises, [], `writer ${writer.number}`);
    const notes = new Set(chains.get(writer.record)?.written.get("notes") ?? []);
    for (const note of writer.acknowledged) assert.ok(notes.has(note), `acknowledged and lost: ${note}`);
    for (const id of writer.created) assert.ok(chains.has(id), `acknowledged and lost: customer ${id}`);
  }
}

/** Every event has been sealed in its place, whoever was killed: one chain, no gap but the first start's own. */
async function proveLog(): Promise<void> {
  const unsealed = "SELECT COUNT(*) AS n FROM tidemark_log.event e LEFT JOIN tidemark_log.seal_leaf l ON l.event = e.id WHERE l.event IS NULL AND e.at < UTC_TIMESTAMP(6) - INTERVAL 3 SECOND";
  await waitUntil("everything is sealed", () => server.sql(unsealed, "app")[0]?.["n"] === "0", 60_000);
  assert.equal(server.sql("SELECT COUNT(*) AS n FROM tidemark_log.seal WHERE gap <> 'begin'", "app")[0]?.["n"], "0");
  const made = "SELECT COUNT(*) AS n FROM tidemark_log.seal_leaf l JOIN tidemark_log.event e ON e.id = l.event WHERE l.pos = 0 AND e.session IS NOT NULL";
  assert.equal(server.sql(made, "app")[0]?.["n"], "0", "what people did has its place in the order of commits");
  const env = { ...process.env, ...SANITIZER_OPTIONS };
  const run = spawnSync(server.binary, ["audit", "verify", "--data", server.data], { encoding: "utf8", timeout: 120_000, env });
  assert.equal(run.status, 0, run.stdout + run.stderr);
}

test(`${ROUNDS} rounds of kill -9 under load: nothing acknowledged is lost, and it serves again within ${AWAY_MS} ms`, async (t) => {
  for (const writer of writers) writer.start();
  for (let round = 0; round < ROUNDS; round++) {
    const victim = VICTIMS[round % VICTIMS.length] as (typeof VICTIMS)[number];
    const target = total() + ACKS_A_ROUND;
    await waitUntil("load", () => total() >= target, 60_000);
    const away = await killAndRevive(victim);
    t.diagnostic(`round ${round + 1}: ${victim}, serving again after ${away} ms, ${total()} writes acknowledged`);
    assert.ok(away <= AWAY_MS, `round ${round + 1}, ${victim}: serving again only after ${away} ms`);
    if (round % 25 === 24) verify();
  }
  for (const writer of writers) await writer.stop();
  for (const writer of writers) assert.ok(writer.acknowledged.length > 0, `writer ${writer.number} never wrote`);
  verify();
});

test("a friendly stop under load loses nothing either, and the next start finds everything", async () => {
  const more = new Writer(99, await server.login("clerk"), writers[0]?.record as string);
  writers.push(more);
  more.start();
  await waitUntil("load", () => more.acknowledged.length >= 20, 60_000);
  const pid = server.databasePid();
  await server.stopKeepingData();
  assert.equal(server.databasePid(), undefined, `MariaDB ${pid} outlives the server that started it`);
  await more.stop();
  await server.start();
  verify();
  // What has been in the recycle bin for its days goes with the first look after a start, with its event.
  const client = await server.login("clerk");
  const [old, young] = [await createCustomer(client), await createCustomer(client)];
  for (const item of [old, young]) client.expect(200, await client.delete(`/forms/customer/records/${item.id}`));
  server.sql(`UPDATE tidemark.rec_customer SET _deleted_at = _deleted_at - INTERVAL 61 DAY WHERE _id = ${old.id}`);
  await server.stopKeepingData();
  await server.start();
  await waitUntil("the purge", () => server.sql(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'purge' AND record = ${old.id}`, "app")[0]?.["n"] === "1", 30_000);
  const left = server.sql(`SELECT _id FROM tidemark.rec_customer WHERE _id IN (${old.id}, ${young.id})`);
  assert.deepEqual(left.map((row) => row["_id"]), [young.id]);
  await proveLog();
  await server.stop();
});
