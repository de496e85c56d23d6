// The real server under test: the binary of the sanitizer build with a data folder and a private MariaDB of its own, on a
// port that the system chose. A sanitizer's report, an assertion or a bad end of the process fails whoever started it.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "./client.ts";
import { waitUntil } from "./wait.ts";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const PASSWORD = "Tide-and-Mark-2026";

export interface ServerOptions {
  /** Customers of the demo bank; 0: an empty system (--no-demo). */
  rows?: number;
  env?: Record<string, string>;
  binary?: string;
  /** An existing data folder, kept when the server stops. */
  data?: string;
  port?: number;
}

export class Server {
  readonly binary: string;
  readonly data: string;
  readonly rows: number;
  url = "";
  stderr = "";
  stdout = "";
  process: ChildProcess | undefined;
  private env: Record<string, string>;
  private port: number;
  private ownsData: boolean;
  private ended: Promise<{ code: number | null; signal: string | null }> | undefined;

  constructor(options: ServerOptions = {}) {
    this.binary = options.binary ?? process.env["TEST_BINARY"] ?? path.join(ROOT, "build/dev/tidemark");
    this.rows = options.rows ?? 300;
    this.port = options.port ?? 0;
    this.ownsData = options.data === undefined;
    this.data = options.data ?? fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-test-"));
    this.env = {
      TIDEMARK_DEMO_PASSWORD: PASSWORD,
      TIDEMARK_SERVER_WEB_DIR: path.join(ROOT, "web/dist"),
      TIDEMARK_LOGIN_PER_ADDRESS_PER_MINUTE: "100000",
      TIDEMARK_SESSION_PER_USER: "1000",
      TIDEMARK_DB_BUFFER_POOL_MB: "128",
      ...options.env,
    };
  }

  /** Starts the process and returns when it has said that it is ready. */
  async start(ms = 180_000): Promise<this> {
    const args = ["serve", "--data", this.data, "--port", String(this.port)];
    args.push(...(this.rows === 0 ? ["--no-demo"] : ["--rows", String(this.rows)]));
    this.url = "";
    this.stdout = "";
    const child = spawn(this.binary, args, {
      cwd: ROOT,
      env: { ...process.env, ...SANITIZER_OPTIONS, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    child.stdout.on("data", (part: Buffer) => {
      this.stdout += part.toString();
      const ready = /^ready: (https?:\/\/\S+)$/m.exec(this.stdout);
      if (ready) this.url = ready[1] as string;
    });
    child.stderr.on("data", (part: Buffer) => (this.stderr += part.toString()));
    this.ended = new Promise((resolve) => {
      child.on("error", () => resolve({ code: 127, signal: null }));
      child.on("close", (code, signal) => resolve({ code, signal }));
    });
    let end: { code: number | null; signal: string | null } | undefined;
    void this.ended.then((value) => (end = value));
    await waitUntil("the ready line", () => this.url !== "" || end !== undefined, ms);
    // A next start after a crash is at the same address: its clients find it again.
    if (this.url !== "") this.port = Number(new URL(this.url).port);
    if (end !== undefined) {
      throw new Error(`the server ended with ${end.code ?? end.signal} before it was ready:\n${tail(this.stderr)}`);
    }
    return this;
  }

  client(): Client {
    return new Client(this.url);
  }

  async login(name: string, password = PASSWORD): Promise<Client> {
    const client = this.client();
    const reply = await client.logIn(name, password);
    if (client.session === undefined) throw new Error(`${name} cannot log in: ${reply.status} ${reply.text}`);
    return client;
  }

  /** Ends it in the friendly way and throws if the process, or a sanitizer in it, had anything to complain of. */
  async stop(): Promise<void> {
    await this.stopKeepingData();
    if (this.ownsData) fs.rmSync(this.data, { recursive: true, force: true });
  }

  async stopKeepingData(): Promise<void> {
    const child = this.process;
    if (child === undefined || this.ended === undefined) return;
    this.process = undefined;
    child.kill("SIGTERM");
    const end = await Promise.race([this.ended, timeout(60_000)]);
    if (end === undefined) {
      child.kill("SIGKILL");
      await this.ended;
      this.sweep();
      throw new Error(`the server did not end within 60 s of SIGTERM:\n${tail(this.stderr)}`);
    }
    this.complain();
    if (end.code !== 0) throw new Error(`the server ended with ${end.code ?? end.signal}:\n${tail(this.stderr)}`);
  }

  /** kill -9, and nothing else: its MariaDB goes on. */
  async kill(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    child?.kill("SIGKILL");
    await this.ended;
    this.complain();
  }

  /** The pid of the private MariaDB, from its pid file; undefined where it does not live. */
  databasePid(): number | undefined {
    return databasePid(this.data);
  }

  /** Resident memory of the process. */
  memoryKb(): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${this.process?.pid}/status`, "utf8"))?.[1]);
  }
  /** The same at its highest since `forgetPeak`. */
  peakKb(): number {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${this.process?.pid}/status`, "utf8"))?.[1]);
  }
  forgetPeak(): void {
    fs.writeFileSync(`/proc/${this.process?.pid}/clear_refs`, "5");
  }
  /** A number of /metrics. */
  async metric(name: string): Promise<number> {
    const text = (await this.client().get("//metrics")).text;
    const value = new RegExp(`^tidemark_${name} (\\d+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`no ${name} in:\n${text}`);
    return Number(value);
  }

  /** After a failure: no process of ours may outlive the test. */
  sweep(): void {
    this.process?.kill("SIGKILL");
    this.process = undefined;
    const pid = this.databasePid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    if (this.ownsData) fs.rmSync(this.data, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  complain(): void {
    const report = sanitizerReport(this.stderr);
    if (report !== undefined) throw new Error(`a sanitizer complains:\n${report}`);
  }

  /** Rows of a statement, by `tidemark sql`, as objects of text (NULL: null). */
  sql(statement: string, account?: "app" | "feed"): Record<string, string | null>[] {
    return sql(this.binary, this.data, statement, account);
  }
}

export const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: "detect_leaks=1:abort_on_error=0:exitcode=99:strict_string_checks=1:detect_stack_use_after_return=0",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};

/** For servers whose memory is measured: the sanitizer does not keep what has been freed. */
export const MEASURED = { ASAN_OPTIONS: `${SANITIZER_OPTIONS.ASAN_OPTIONS}:quarantine_size_mb=1` };

export function sanitizerReport(text: string): string | undefined {
  const at = text.search(/ERROR: (Address|Leak|Undefined)\w*Sanitizer|runtime error:|Assertion .* failed|must\(.*\) failed/);
  return at < 0 ? undefined : text.slice(Math.max(0, at - 500), at + 6000);
}

/** The pid of the server that works in this data folder, by its command line. */
export function processOf(binary: string, data: string): number {
  for (const entry of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const command = fs.readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      if (command[0] === binary && command[1] === "serve" && command.includes(data)) return Number(entry);
    } catch {
      continue; // gone meanwhile
    }
  }
  throw new Error("the server's process is not to be found");
}

export function databasePid(data: string): number | undefined {
  for (const folder of [path.join(data, "run"), path.join(data, "mariadb")]) {
    let names: string[] = [];
    try {
      names = fs.readdirSync(folder).filter((name) => name.endsWith(".pid"));
    } catch {
      continue;
    }
    for (const name of names) {
      const pid = Number(fs.readFileSync(path.join(folder, name), "utf8").trim());
      if (!Number.isSafeInteger(pid) || pid < 2) continue;
      try {
        const command = fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
        if (/^(mariadbd|mysqld)/.test(command)) return pid;
      } catch {
        continue;
      }
    }
  }
  return undefined;
}

export function sql(
  binary: string,
  data: string,
  statement: string,
  account?: "app" | "feed",
): Record<string, string | null>[] {
  const args = ["sql", "--data", data, ...(account === undefined ? [] : ["--as", account])];
  const run = spawnSync(binary, args, {
    input: statement,
    encoding: "utf8",
    maxBuffer: 1 << 30,
    timeout: 120_000,
    env: { ...process.env, ...SANITIZER_OPTIONS },
  });
  if (run.status !== 0) throw new Error(`tidemark sql: ${run.status ?? run.signal} ${run.stderr}\n${statement}`);
  const lines = run.stdout.split("\n");
  const names = (lines.shift() ?? "").split("\t");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => {
    const cells = line.split("\t");
    return Object.fromEntries(names.map((name, i) => [name, unescape(cells[i] ?? "")]));
  });
}

// The client's batch mode: NULL is the word, \t \n \\ and \0 are escaped.
function unescape(cell: string): string | null {
  if (cell === "NULL") return null;
  return cell.replace(/\\([tn0\\])/g, (_, c: string) => ({ t: "\t", n: "\n", "0": "\0", "\\": "\\" })[c] as string);
}

export function tail(text: string, lines = 40): string {
  return text.split("\n").slice(-lines).join("\n");
}

function timeout(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}
