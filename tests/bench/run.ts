// The benchmark table: release build, plain HTTP on loopback, median of five, each number beside its ceiling taken in the
// same run (bench_ceiling.c: a bare C client on the same private MariaDB; for sockets a bare libwebsockets, live.ts).
// Arguments choose rows by name (the keys of the tables below); without any, all are measured.
// Absolute numbers belong to one machine and one day; the ratios carry over. Targets are those of the issue that set them; a missed one fails.
import fs from "node:fs";
import { startBrowser } from "../lib/browser.ts";
import { PASSWORD, Server } from "../lib/server.ts";
import * as live from "./live.ts";
import * as query from "./query.ts";
import * as rights from "./rights.ts";
import { counts, heading, load, measure, median, middle, row, type Numbers } from "./table.ts";

const ROUNDS = 5;
const SECONDS = 4;
const CLIENTS = 16;
const KINDS = ["update", "read", "list"] as const;
type Kind = (typeof KINDS)[number];

function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function throughput(server: Server): void {
  const port = new URL(server.url).port;
  const ours: Record<Kind, Numbers[]> = { update: [], read: [], list: [] };
  const bare: Record<Kind, number[]> = { update: [], read: [], list: [] };
  const http = (kind: Kind, seconds: number) => measure("bench_http", [port, "manager", kind, CLIENTS, seconds]);
  const ceiling = (kind: Kind, seconds: number) => measure("bench_ceiling", [server.data, kind, CLIENTS, seconds]);
  for (const kind of KINDS) {
    http(kind, 1);
    ceiling(kind, 1);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of KINDS) {
      bare[kind].push(ceiling(kind, SECONDS)["per_s"] as number);
      ours[kind].push(http(kind, SECONDS));
    }
  }
  const names = { update: `audited updates/s, ${CLIENTS} clients`, read: `reads by id/s, audited, ${CLIENTS} clients`, list: `lists of 50/s, audited, ${CLIENTS} clients` };
  for (const kind of KINDS) {
    const [mine, top] = [middle(ours[kind], "per_s"), median(bare[kind])];
    const ratio = mine / top;
    const [p50, p99] = ["p50_ms", "p99_ms"].map((name) => middle(ours[kind], name).toFixed(2));
    const goal = kind === "update" ? ">= 0.6 of bare" : "";
    row(names[kind], mine.toFixed(0), `bare ${top.toFixed(0)}, ratio ${ratio.toFixed(2)}`, goal, kind === "update" ? ratio >= 0.6 : undefined);
    row("  time of one, p50 / p99", `${p50} / ${p99} ms`, "", "");
  }
}

/** `tidemark audit verify` on a made log: nine reads and lists for one change. */
function proof(): void {
  const seal = measure("bench_seal", []);
  const [middle, worst] = [seal["per_s"] as number, seal["worst_per_s"] as number];
  row("audit verify, events/s", middle.toFixed(0), `worst of five ${worst.toFixed(0)}, ${seal["bytes_each"]} bytes each`, ">= 300,000", middle >= 300_000);
}

async function startTimes(server: Server): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await server.kill();
    const started = process.hrtime.bigint();
    await server.start();
    times.push(Number(process.hrtime.bigint() - started) / 1e6);
  }
  const ms = median(times);
  row("server start, MariaDB up", `${ms.toFixed(0)} ms`, `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)}`, "<= 1000 ms", ms <= 1000);
}

/** What a browser with an empty cache fetches from the log-in page to the first rows of the list. */
async function firstLoad(server: Server): Promise<void> {
  const browser = await startBrowser();
  try {
    const page = await (await browser.newContext()).newPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    const urls = new Map<string, string>();
    const bytes = { files: 0, data: 0 };
    devtools.on("Network.responseReceived", (event) => urls.set(event.requestId, event.response.url));
    devtools.on("Network.loadingFinished", (event) => {
      const kind = (urls.get(event.requestId) ?? "").includes("/api/") ? "data" : "files";
      bytes[kind] += event.encodedDataLength;
    });
    await page.goto(server.url);
    await page.locator('[data-test="login-name"]').fill("clerk");
    await page.locator('[data-test="login-password"]').fill(PASSWORD);
    await page.locator('[data-test="login-submit"]').click();
    await page.locator('[data-test="row"]').first().waitFor();
    await page.waitForLoadState("networkidle");
    const kb = bytes.files / 1024;
    row("first load, log-in and list", `${kb.toFixed(0)} KB`, `and ${(bytes.data / 1024).toFixed(0)} KB of data`, "<= 350 KB", kb <= 350 && kb > 5);
  } finally {
    await browser.close();
  }
}

async function request(server: Server): Promise<void> {
  const started = Date.now();
  await server.start();
  row("first start, 10,000 customers loaded", `${((Date.now() - started) / 1000).toFixed(1)} s`, "", "");
  await startTimes(server);
  const idle = residentKb(server.process?.pid as number) / 1024;
  row("idle memory without MariaDB", `${idle.toFixed(1)} MB`, "", "<= 40 MB", idle <= 40);
  await firstLoad(server);
  throughput(server);
  const loaded = residentKb(server.process?.pid as number) / 1024;
  row("memory after the load", `${loaded.toFixed(1)} MB`, "", "");
}

async function underTls(server: Server, rows: (tls: Server) => void): Promise<void> {
  const tls = await live.startTls(server);
  try {
    rows(tls);
    await tls.stopKeepingData();
  } finally {
    tls.sweep();
  }
}

/** In this order: the rows of rights come last on the server, for afterwards its rows have other owners. */
const PLAIN: Record<string, (plain: Server) => void | Promise<void>> = {
  viewer: live.viewer,
  own: (plain) => live.crowd(plain, true),
  shared: (plain) => live.crowd(plain, false),
  fanout: live.fanout,
  return: live.comeBack,
  stalled: live.stalled,
};
/** A server for each weight: what others have given back to it would be taken for nothing. */
const TLS: Record<string, (tls: Server) => void> = {
  weight: live.weight,
  tls: (tls) => {
    live.fanout(tls);
    live.comeBack(tls);
  },
};
const RIGHTS: Record<string, (plain: Server) => void | Promise<void>> = { restricted: rights.restricted, revoke: rights.revoke, scopes: rights.scopes, queries: query.rows };
const OTHERS: Record<string, () => void> = { match: live.match, net: live.net, proof };

/** Those rows that were asked for by name, or all. */
async function rows(wanted: (name: string) => boolean): Promise<void> {
  const some = (all: object): boolean => Object.keys(all).some(wanted);
  const of = <Row>(all: Record<string, Row>): Row[] => Object.keys(all).filter(wanted).map((name) => all[name] as Row);
  if (wanted("request") || some(PLAIN) || some(TLS) || some(RIGHTS)) {
    await (wanted("request") ? request(server) : server.start());
    live.addPeople(server);
    for (const row of of(PLAIN)) await row(server);
    await server.stopKeepingData();
    for (const row of of(TLS)) await underTls(server, row);
    if (some(RIGHTS)) {
      await server.start();
      rights.addRoles(server);
      for (const row of of(RIGHTS)) await row(server);
      await server.stopKeepingData();
    }
  }
  for (const row of of(OTHERS)) row();
}

const server = new Server({ rows: 10_000, binary: live.BINARY, env: { TIDEMARK_LIMITS_WS_PER_USER: "1000", TIDEMARK_LIMITS_WS_SILENT_S: "600" } });
const names = process.argv.slice(2);
try {
  heading();
  await rows((name) => names.length === 0 || names.includes(name));
  console.log(`load average at the end ${load()}`);
} catch (error) {
  console.log(String(error instanceof Error ? error.stack : error));
  counts.failed++;
} finally {
  server.sweep();
}
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
