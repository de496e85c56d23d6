// `tidemark sql` kept open: many statements by one client, each answered before the next. What a person types there is how
// changes come that the server has not made.
import { spawn, type ChildProcess } from "node:child_process";
import { SANITIZER_OPTIONS } from "./server.ts";
import { waitUntil } from "./wait.ts";

export class SqlShell {
  private readonly child: ChildProcess;
  private out = "";
  private errors = "";
  private turn = 0;
  private ended = false;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(binary: string, data: string) {
    const args = ["sql", "--data", data, "--", "--batch", "--unbuffered", "--force", "--skip-reconnect"];
    this.child = spawn(binary, args, { env: { ...process.env, ...SANITIZER_OPTIONS }, stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdout?.on("data", (part: Buffer) => (this.out += part.toString()));
    this.child.stderr?.on("data", (part: Buffer) => (this.errors += part.toString()));
    this.child.on("close", () => (this.ended = true));
  }

  /** Runs statements (without a semicolon at the end); the lines of their answers. Throws what the client says is wrong. */
  run(statements: string): Promise<string[]> {
    const answer = this.queue.then(() => this.now(statements));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  private async now(statements: string): Promise<string[]> {
    const end = `end-of-${++this.turn}`;
    this.out = "";
    this.errors = "";
    this.child.stdin?.write(`${statements};\nSELECT '${end}';\n`);
    await waitUntil("the end of a statement", () => this.ended || this.out.includes(`\n${end}\n`) || undefined, 60_000);
    const lines = this.out.split("\n");
    const at = lines.indexOf(end);
    if (this.errors !== "" || at < 0) throw new Error(`sql: ${this.errors}\n${statements}`);
    return lines.slice(0, at).filter((line) => line !== end);
  }

  /** As `run`; returns the number of the transaction that it committed, -1 where it wrote nothing. */
  async write(statements: string): Promise<number> {
    const lines = await this.run(`${statements};\nSELECT CONCAT('gtid=', @@last_gtid)`);
    const gtid = lines.findLast((line) => line.startsWith("gtid=")) ?? "";
    return gtid === "gtid=" ? -1 : Number(gtid.slice(gtid.lastIndexOf("-") + 1));
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    await waitUntil("the end of the client", () => this.ended).catch(() => this.child.kill("SIGKILL"));
  }
}
