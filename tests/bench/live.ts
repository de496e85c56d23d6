// The rows of live views: the real server under bench_live.c, plain and under TLS, and beside it the layers below.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { Server } from "../lib/server.ts";
import { FOLDER, measure, middle, row, type Numbers } from "./table.ts";

const ROUNDS = 5;
const SOCKETS = 5000;

/** Eight people who see all customers: sockets of one person are limited. Their events stand in the same transaction. */
const SQL_PEOPLE = `
START TRANSACTION;
INSERT INTO app_user (id, login, login_key, name, department_id, password, created_at)
  SELECT 900 + seq, CONCAT('bench', seq), CONCAT('bench', seq), CONCAT('bench', seq), department_id, password,
    UTC_TIMESTAMP(6) FROM app_user, seq_0_to_7 WHERE login = 'president';
INSERT INTO user_role (id, user_id, role_id)
  SELECT 900 + seq, 900 + seq, role_id FROM user_role, seq_0_to_7
  WHERE user_id = (SELECT id FROM app_user WHERE login = 'president');
INSERT INTO tidemark_log.event (id, at, login, action, form, record)
  SELECT 900 + seq, UTC_TIMESTAMP(6), 'bench', 'configure', '_user', 900 + seq FROM seq_0_to_7;
INSERT INTO tidemark_log.event (id, at, login, action, form, record)
  SELECT 920 + seq, UTC_TIMESTAMP(6), 'bench', 'configure', '_user_role', 900 + seq FROM seq_0_to_7;
UPDATE catalog_epoch SET epoch = epoch + 1;
COMMIT;`;

export function addPeople(server: Server): void {
  server.sql(SQL_PEOPLE, "app");
}

/** The same data folder, served under TLS. */
export async function startTls(plain: Server): Promise<Server> {
  const [certificate, key] = ["cert.pem", "key.pem"].map((name) => path.join(plain.data, name)) as [string, string];
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate]);
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr?.toString() ?? made.error}`);
  const server = new Server({ data: plain.data, binary: plain.binary, rows: plain.rows, env: { TIDEMARK_LIMITS_WS_PER_USER: "1000", TIDEMARK_TLS_CERTIFICATE_FILE: certificate, TIDEMARK_TLS_KEY_FILE: key } });
  await server.start();
  return server;
}

function live(server: Server, kind: string, a: number, b: number, seconds = 240): Numbers {
  const scheme = server.url.startsWith("https") ? "tls" : "plain";
  const pair = scheme === "tls" ? ["cert.pem", "key.pem"].map((name) => path.join(server.data, name)) : [];
  return measure("bench_live", [kind, scheme, new URL(server.url).port, server.process?.pid as number, server.data, a, b, ...pair], seconds);
}

const repeat = (server: Server, kind: string, a: number, b: number): Numbers[] => Array.from({ length: ROUNDS }, () => live(server, kind, a, b));
const ms = (value: number): string => value.toFixed(2);

export function viewer(server: Server): void {
  const runs = repeat(server, "viewer", 500, 50);
  const [p50, p99] = [middle(runs, "p50_ms"), middle(runs, "p99_ms")];
  const beside = `COMMIT itself ${ms(middle(runs, "commit_p50_ms"))} / ${ms(middle(runs, "commit_p99_ms"))} ms`;
  const seen = runs.every((run) => run["seen"] === run["changes"] && run["lost"] === 0);
  row("commit to frame, one viewer, p50 / p99", `${ms(p50)} / ${ms(p99)} ms`, beside, "p99 <= 5 ms", p99 <= 5 && seen);
}

/** own: each of the 1,000 has a window of its own, so that a change is told 50 times; else 50 share one. */
export function crowd(server: Server, own: boolean): void {
  const runs = repeat(server, "crowd", 6, own ? 0 : 1);
  const [p50, p99] = [middle(runs, "p50_ms"), middle(runs, "p99_ms")];
  const concerned = runs.every((run) => Math.abs((run["concerned"] as number) - 50) < 0.5 && run["lost"] === 0);
  const beside = `COMMIT itself ${ms(middle(runs, "commit_p50_ms"))} / ${ms(middle(runs, "commit_p99_ms"))} ms`;
  row(`1,000 viewers, 50 concerned, 200/s, ${own ? "own windows" : "shared"}`, `${ms(p50)} / ${ms(p99)} ms`, beside, "5 / 30 ms", p50 <= 5 && p99 <= 30 && concerned);
  // Beats and polls go on by the clock: one second's worth may fall on either side.
  const [busy, quiet] = [middle(runs, "statements"), middle(runs, "statements_quiet")];
  row("  statements, as long without a change", `${busy} for ${runs[0]?.["changes"]}`, `${quiet}; refills ${middle(runs, "refills")}, read audits ${middle(runs, "read_groups")}`, "none caused", busy - quiet <= 5);
  row("  of a core, for the server", `${(middle(runs, "cpu") * 100).toFixed(0)} %`, "", "");
}

export function fanout(server: Server): void {
  const run = live(server, "fanout", SOCKETS, 15);
  const [ratio, cpu] = [run["ratio"] as number, run["cpu_ratio"] as number];
  const name = server.url.startsWith("https") ? "TLS" : "plain";
  row(`one change to ${SOCKETS} sockets, ${name}`, `${run["ours_mb_s"]?.toFixed(1)} MB/s`, `bare ${run["bare_mb_s"]?.toFixed(1)}, ratio ${ratio.toFixed(2)}`, ">= 0.7 of bare", ratio >= 0.7 && run["lost"] === 0);
  row("  by processor time", `${run["ours_cpu_mb_s"]?.toFixed(1)} MB/s`, `bare ${run["bare_cpu_mb_s"]?.toFixed(1)}, ratio ${cpu.toFixed(2)}`, ">= 0.7 of bare", cpu >= 0.7);
  row("  COMMIT to the last socket's bytes", `${ms(run["ours_ms"] as number)} ms`, `bare, from its start ${ms(run["bare_ms"] as number)} ms`, "");
  if (name === "TLS") row("idle TLS socket, one subscription", `${run["kb_socket"]?.toFixed(1)} KB`, "one list for all", "<= 25 KB", (run["kb_socket"] as number) <= 25);
}

export function weight(server: Server): void {
  const run = live(server, "weight", SOCKETS, 1);
  row("idle TLS socket, one subscription", `${run["kb_socket"]?.toFixed(1)} KB`, "a record of its own for each", "<= 25 KB", (run["kb_socket"] as number) <= 25 && (run["channels"] as number) >= SOCKETS);
}

export function comeBack(server: Server): void {
  const run = live(server, "return", SOCKETS, 3);
  const name = server.url.startsWith("https") ? "TLS" : "plain";
  const all = run["resumes"] === SOCKETS * 3 && run["loads"] === 0;
  row(`${SOCKETS} cut at once are current again, ${name}`, `${run["current_s"]?.toFixed(1)} s`, `${run["server_cpu_s"]?.toFixed(1)} s of processor; refused ${run["refused"]}`, "<= 8 s", (run["current_s"] as number) <= 8 && all);
}

export function stalled(server: Server): void {
  const run = live(server, "stalled", 1000, 120, 400);
  const base = Math.max(run["base_p99_ms"] as number, run["base_again_p99_ms"] as number);
  const [p99, kb] = [run["stalled_p99_ms"] as number, run["kb_stalled"] as number];
  row("1,000 stalled for 120 s at 500/s: others' p99", `${ms(p99)} ms`, `without them ${ms(run["base_p99_ms"] as number)}, ${ms(run["base_again_p99_ms"] as number)}`, "<= +10 %", p99 <= base * 1.1);
  row("  memory of one", `${kb.toFixed(1)} KB`, `lost ${run["lost"]}`, "<= 20 KB", kb <= 20 && run["lost"] === 0);
  row("  awake and current", `${run["awake_s"]?.toFixed(2)} s`, `by ${run["resyncs"]} snapshots`, "1,000", run["resyncs"] === 1000);
}

/** The layers below: matching alone. */
export function match(): void {
  const index = measure("bench_index", [1000000]);
  row("match at 1,000,000 subscriptions", `${index["index_us"]?.toFixed(2)} us`, `scan ${index["scan_us"]?.toFixed(0)} us, a line of memory ${index["line_us"]?.toFixed(2)}`, "<= 1 us", (index["index_us"] as number) <= 1);
}

/** Frames to sockets alone. */
export function net(): void {
  for (const kind of ["plain", "tls"]) {
    const run = measure("bench_broadcast", [kind, SOCKETS, 15]);
    row(`net/ alone, one frame to ${SOCKETS}, ${kind}`, `${run["ours_mb_s"]?.toFixed(1)} MB/s`, `bare ${run["bare_mb_s"]?.toFixed(1)}, ratio ${run["ratio"]?.toFixed(2)}`, "");
  }
}

export const BINARY = path.join(FOLDER, "tidemark");
