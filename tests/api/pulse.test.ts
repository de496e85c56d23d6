// The simulated clerks of `./run --pulse`: accounts made as people make them, work that the server never has to refuse, an
// end with the server's output, and a second start that goes on with the same people.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { PASSWORD, ROOT } from "../lib/server.ts";
import { login, query, sharedServer } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const CLERKS = 2;

class Pulse {
  stdout = "";
  stderr = "";
  private readonly child;
  private readonly ended: Promise<number | null>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path.join(ROOT, "config/pulse/pulse.mts"), ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdout.on("data", (part: Buffer) => (this.stdout += part.toString()));
    this.child.stderr.on("data", (part: Buffer) => (this.stderr += part.toString()));
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
  }
  tell(...lines: string[]): void {
    this.child.stdin.write(lines.map((line) => `${line}\n`).join(""));
  }
  /** What the server's end is to it. */
  async end(): Promise<number | null> {
    this.child.stdin.end();
    return this.ended;
  }
}

const rows = async (statement: string) => query(statement, "app");
const work = () => rows("SELECT login, form, action FROM tidemark_log.event WHERE login LIKE 'pulse%' AND action IN ('create', 'update') AND form IN ('customer', 'follow_up') ORDER BY id");

test("a pulse: clerks of their own in different outlets change records, are refused nothing, and end with the server", async () => {
  const { url } = await sharedServer();
  const pulse = new Pulse("--rate", "50", "--clerks", String(CLERKS));
  try {
    pulse.tell("some line", `demo password: ${PASSWORD}`, `ready: ${url}/`);
    await waitUntil("the clerks at work", () => pulse.stderr.includes(`${CLERKS} clerks at work, 50 changes a second`));
    await waitUntil("changes of each clerk, of both kinds", async () => {
      const done = await work();
      return new Set(done.map((one) => one["login"])).size === CLERKS && done.some((one) => one["form"] === "follow_up") && done.some((one) => one["action"] === "update");
    });
  } finally {
    assert.equal(await pulse.end(), 0, pulse.stderr);
  }
  assert.match(pulse.stdout, new RegExp(`^some line\ndemo password: ${PASSWORD}\nready: \\S+\n$`), "what the server says is handed on");
  assert.match(pulse.stderr, /pulse: \d+ changes, 0 refused\n$/);
  assert.deepEqual(await rows("SELECT login, form, detail FROM tidemark_log.event WHERE login LIKE 'pulse%' AND action = 'refuse'"), []);
  const admin = await login("admin");
  const people = admin.expect<{ items: { login: string; department: { title: string }; roles: { title: string }[] }[] }>(200, await admin.get("/people?q=pulse")).items;
  assert.equal(people.length, CLERKS);
  assert.equal(new Set(people.map((one) => one.department.title)).size, CLERKS, "each in another outlet");
  assert.ok(people.every((one) => one.roles.length === 1));

  // The next start finds them, and one who was disabled stays at home.
  const last = people.find((one) => one.login === "pulse02") as unknown as { id: string; version: string };
  admin.expect(200, await admin.patch(`/people/${last.id}`, { disabled: true }, last.version));
  const before = (await work()).length;
  const again = new Pulse("--rate", "50", "--clerks", String(CLERKS));
  try {
    again.tell(`demo password: ${PASSWORD}`, `ready: ${url}`);
    await waitUntil("one of them", () => again.stderr.includes("1 clerk at work"));
    await waitUntil("another change", async () => (await work()).length > before);
  } finally {
    assert.equal(await again.end(), 0, again.stderr);
  }
  assert.equal(admin.expect<{ items: unknown[] }>(200, await admin.get("/people?q=pulse")).items.length, CLERKS);
});

test("a pulse without a demo bank, or with a rate that is none, says so", async () => {
  const pulse = new Pulse();
  pulse.tell("ready: http://127.0.0.1:9");
  assert.equal(await pulse.end(), 0);
  assert.match(pulse.stderr, /no demo bank/);
  const wrong = new Pulse("--rate", "201");
  assert.equal(await wrong.end(), 2);
  assert.match(wrong.stderr, /1 to 200/);
});
