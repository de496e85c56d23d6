// Forty clerks at work on the demo bank, through the public HTTP API.
//
//   tidemark serve … | node config/pulse/pulse.mts [--rate N] [--clerks N]
//
// Reads the server's output, hands it on, and learns from it the address and the password of the demo log-ins. Ends with
// the server. --rate: changes a second (1); --clerks: how many (40).
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Client, Refused } from "./client.mts";
import { visit } from "./clerk.mts";
import { makeClerks } from "./people.mts";

const say = (text: string): void => void process.stderr.write(`pulse: ${text}\n`);
const RETRY_MS = 2000;

interface Counts {
  changes: number;
  refused: number;
}

/** A clerk who does one thing after the other. What goes wrong is told; the next visit begins anew. */
class Worker {
  busy = false;
  private notBefore = 0;
  private readonly clerk: Client;
  private readonly password: string;
  private readonly counts: Counts;

  constructor(clerk: Client, password: string, counts: Counts) {
    this.clerk = clerk;
    this.password = password;
    this.counts = counts;
  }
  get free(): boolean {
    return !this.busy && Date.now() >= this.notBefore;
  }
  async work(): Promise<void> {
    this.busy = true;
    try {
      await visit(this.clerk);
      this.counts.changes++;
    } catch (error) {
      await this.failed(error);
    } finally {
      this.busy = false;
    }
  }
  private async failed(error: unknown): Promise<void> {
    this.notBefore = Date.now() + RETRY_MS;
    if (!(error instanceof Refused)) return; // nobody answers; the server may be on its way down or up
    // Somebody was faster, or the session has come to its end: both are a clerk's everyday life.
    if (error.answer.status === 412) return;
    if (error.answer.status === 401 && this.clerk.user !== undefined) {
      await this.clerk.logIn(this.clerk.user.login, this.password).catch(() => false);
      return;
    }
    this.notBefore = Date.now() + Math.max(RETRY_MS, error.answer.retryAfter * 1000);
    this.counts.refused++;
    say(error.message);
  }
}

/** Gives work at the rate that was asked for to whoever is free; returns the end of it. */
function keepGoing(workers: Worker[], rate: number): () => void {
  let last = -1;
  const timer = setInterval(() => {
    // Not in turn: a bank is no clockwork. But nobody twice before another one.
    const free = workers.flatMap((worker, i) => (worker.free && i !== last ? [i] : []));
    const next = free[Math.floor(Math.random() * free.length)];
    if (next === undefined) return;
    last = workers.length > 1 ? next : -1;
    void workers[next]!.work();
  }, 1000 / rate);
  return () => clearInterval(timer);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rate: { type: "string", default: "1" }, clerks: { type: "string", default: "40" } } });
  const [rate, clerks] = [Number(values.rate), Number(values.clerks)];
  if (!Number.isInteger(rate) || rate < 1 || rate > 200 || !Number.isInteger(clerks) || clerks < 1 || clerks > 40) {
    say("--rate is 1 to 200 changes a second, --clerks 1 to 40");
    process.exitCode = 2;
    return;
  }
  const counts: Counts = { changes: 0, refused: 0 };
  let password = "";
  let stop = (): void => undefined;
  let ended = false;
  const begin = async (url: string): Promise<void> => {
    if (password === "") return say("there is no demo bank here; nothing to do");
    try {
      const people = await makeClerks(url, password, clerks);
      if (ended) return;
      stop = keepGoing(people.map((clerk) => new Worker(clerk, password, counts)), rate);
      say(`${people.length} ${people.length === 1 ? "clerk" : "clerks"} at work, ${rate} ${rate === 1 ? "change" : "changes"} a second`);
    } catch (error) {
      if (!ended) say(`cannot begin: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const end = (): void => {
    ended = true;
    stop();
  };
  // The server has the same signal; what it still says is handed on until it is gone.
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${line}\n`);
    password = /^demo password: (.+)$/.exec(line)?.[1] ?? password;
    const url = /^ready: (\S+)$/.exec(line)?.[1];
    if (url !== undefined) void begin(url.replace(/\/+$/, ""));
  }
  end();
  if (counts.changes > 0) say(`${counts.changes} changes, ${counts.refused} refused`);
  process.exit(0);
}

await main();
