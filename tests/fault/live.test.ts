// kill -9 of the server, of MariaDB, of both, in turn, under write load, with people at their screens who come back and go on
// where they were: no screen complains, each shows what a fresh query gives, and every acknowledged write is on it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, phone } from "../lib/demo.ts";
import { difference, fresh, Live, sequenceOf, type Mirror } from "../lib/live.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const ROUNDS = 3;
const VICTIMS = ["server", "database", "both"] as const;
const WRITERS = 4;
const SCREENS = ["clerk", "manager", "president"];
const ACKS_A_ROUND = 30;
const PATH = "/forms/customer/records";
const WORD = `断${process.pid}x${Date.now() % 100000}`;

/** Writes numbers into one customer, one after the other, and each twelfth time makes a new one. */
class Writer {
  /** Of the newest acknowledged write: the number, and the position of its commit. */
  number = 0;
  pos = "";
  acknowledged = 0;
  readonly created: string[] = [];
  readonly surprises: string[] = [];
  readonly client: Client;
  readonly record: string;
  private attempts = 0;
  private running = false;
  private done: Promise<void> = Promise.resolve();

  constructor(client: Client, record: string) {
    this.client = client;
    this.record = record;
  }
  start(): void {
    this.running = true;
    this.done = this.run();
  }
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }
  private async run(): Promise<void> {
    const template = await customerFields(this.client);
    while (this.running) {
      const number = ++this.attempts;
      const creates = number % 12 === 0;
      try {
        const reply = creates
          ? await this.client.post(PATH, { fields: { ...template, credit_code: creditCode(), phone: phone(), legal_person: WORD, name: `${WORD} ${this.record} ${number}` } })
          : await this.client.patch(`${PATH}/${this.record}`, { fields: { notes: String(number) } }, "*");
        if (reply.status !== (creates ? 201 : 200)) {
          // While something is down 503 is the right answer, and nothing else.
          if (reply.status !== 503) this.surprises.push(`${reply.status} ${reply.text.slice(0, 300)}`);
          await pause(10);
          continue;
        }
        this.acknowledged++;
        if (creates) this.created.push(reply.json().id);
        else this.number = number;
        const { pos } = reply.json<{ pos: string }>();
        if (this.pos === "" || sequenceOf(pos) > sequenceOf(this.pos)) this.pos = pos;
      } catch {
        await pause(20); // no answer: nobody was told that it has happened
      }
    }
  }
}

/** A person with a list and the writers' records open, who comes back as often as it takes. */
class Screen {
  readonly client: Client;
  readonly live: Live;
  readonly list: Mirror;
  readonly records: Mirror[];
  returns = 0;
  private running = true;
  private readonly kept: Promise<void>;

  constructor(client: Client, live: Live, list: Mirror, records: Mirror[]) {
    this.client = client;
    this.live = live;
    this.list = list;
    this.records = records;
    this.kept = this.keep();
  }
  static async open(client: Client, records: string[]): Promise<Screen> {
    const live = await Live.open(client);
    const list = await live.watch({ kind: "records", form: "customer", filter: { field: "legal_person", op: "eq", value: WORD }, sort: "-no", range: [0, 200], count: true });
    return new Screen(client, live, list, await Promise.all(records.map((record) => live.watch({ kind: "record", form: "customer", record }))));
  }
  private async keep(): Promise<void> {
    while (this.running) {
      if (this.live.ws.closed !== undefined) {
        const back = await this.live.reconnect().then(() => true, () => false);
        if (back) this.returns++;
      }
      await pause(20);
    }
  }
  isOpen(): boolean {
    return this.live.ws.closed === undefined && [...this.live.mirrors.values()].every((mirror) => mirror.open || mirror.over);
  }
  async end(): Promise<void> {
    this.running = false;
    await this.kept;
    await this.live.close();
  }
}

let server: Server;
const writers: Writer[] = [];
const screens: Screen[] = [];
const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);

before(async () => {
  server = await new Server({ rows: 40 }).start();
  for (let i = 0; i < WRITERS; i++) {
    const client = await server.login("clerk");
    writers.push(new Writer(client, (await createCustomer(client, { legal_person: WORD, notes: "0" })).id));
  }
  for (const name of SCREENS) screens.push(await Screen.open(await server.login(name), writers.map((writer) => writer.record)));
});
after(async () => {
  for (const writer of writers) await writer.stop();
  for (const screen of screens) await screen.end();
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});

async function killAndRevive(victim: (typeof VICTIMS)[number]): Promise<void> {
  const database = server.databasePid();
  assert.ok(database !== undefined, "the private MariaDB's pid is not to be found");
  const returns = screens.map((screen) => screen.returns);
  if (victim !== "database") await server.kill();
  if (victim !== "server") process.kill(database, "SIGKILL");
  const target = acknowledged() + WRITERS;
  if (victim !== "database") await server.start();
  await waitUntil(`acknowledged writes after the end of ${victim}`, () => acknowledged() > target, 30_000);
  await waitUntil("every screen is back", () => screens.every((screen) => screen.isOpen()), 30_000);
  for (const [i, screen] of screens.entries()) {
    const times = screen.returns - (returns[i] as number);
    assert.ok(victim === "database" ? times === 0 : times >= 1, `${SCREENS[i]} came back ${times} times after the end of ${victim}`);
  }
  server.complain();
}

async function verify(name: string, screen: Screen): Promise<void> {
  const pos = writers.map((writer) => writer.pos).reduce((a, b) => (sequenceOf(a) > sequenceOf(b) ? a : b));
  await screen.live.settle(pos);
  for (const mirror of [screen.list, ...screen.records]) {
    assert.equal(mirror.problem, undefined, name);
    assert.equal(difference(mirror, await fresh(screen.client, mirror.request)), undefined, name);
  }
  for (const [i, writer] of writers.entries()) {
    assert.deepEqual(writer.surprises, []);
    // One that was not answered may have been done: then it is the newest.
    for (const item of [screen.records[i]?.items[0], screen.list.item(writer.record)]) {
      assert.ok(Number(item?.fields["notes"]) >= writer.number, `${name} is shown ${item?.fields["notes"]} of record ${i}, ${writer.number} was acknowledged`);
    }
    for (const id of writer.created) assert.ok(screen.list.item(id) !== undefined, `${name} is not shown ${id}, which was acknowledged`);
  }
  assert.equal(screen.list.total, String(screen.list.items.length), "all are in the window");
  assert.deepEqual(screen.live.complaints, [], name);
}

for (const victim of VICTIMS) {
  test(`${ROUNDS} times kill -9 of ${victim} under load: every screen comes back complete, with nothing doubled`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      for (const writer of writers) writer.start();
      const target = acknowledged() + ACKS_A_ROUND;
      await waitUntil("load", () => acknowledged() >= target, 30_000);
      await killAndRevive(victim);
      for (const writer of writers) await writer.stop();
      for (const [i, screen] of screens.entries()) await verify(`${SCREENS[i]}, round ${round + 1}`, screen);
      t.diagnostic(`${Math.round(performance.now() - started)} ms, ${acknowledged()} writes acknowledged, ${screens[0]?.list.total} customers, ${screens.reduce((sum, screen) => sum + screen.list.snapshots + screen.records.reduce((n, mirror) => n + mirror.snapshots, 0), 0)} snapshots, ${screens.reduce((sum, screen) => sum + screen.list.deltas, 0)} deltas`);
    }
  });
}
