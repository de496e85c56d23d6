// The program under TLS: what it tells, what it takes, and certificates that change while it serves (SIGHUP).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-tls-"));
const certificate = path.join(scratch, "server.pem");
const key = path.join(scratch, "server.key");
const server = new Server({ rows: 0, env: { TIDEMARK_TLS_CERTIFICATE_FILE: certificate, TIDEMARK_TLS_KEY_FILE: key } });
const fingerprints = new Map<string, string>();

function makePair(name: string): void {
  const run = spawnSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
      "-keyout", path.join(scratch, `${name}.key`), "-out", path.join(scratch, `${name}.pem`)],
    { encoding: "utf8" },
  );
  assert.equal(run.status, 0, run.stderr);
  fingerprints.set(name, new X509Certificate(fs.readFileSync(path.join(scratch, `${name}.pem`))).fingerprint256);
}

function use(name: string): void {
  fs.copyFileSync(path.join(scratch, `${name}.pem`), certificate);
  fs.copyFileSync(path.join(scratch, `${name}.key`), key);
}

before(async () => {
  makePair("first");
  makePair("second");
  use("first");
  await server.start();
});
after(async () => {
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
});

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

function ask(method: string, target: string, body?: unknown, headers: http.OutgoingHttpHeaders = {}, agent?: https.Agent): Promise<Answer> {
  const ca = ["first", "second"].map((name) => fs.readFileSync(path.join(scratch, `${name}.pem`)));
  const given = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const request = https.request(server.url + target, { method, ca, agent: agent ?? false, headers: { ...given, ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() }));
    });
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A handshake: the version and the certificate's name, or what went wrong. */
function shake(options: tls.ConnectionOptions = {}): Promise<{ version: string | null; name: string }> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port: Number(new URL(server.url).port), rejectUnauthorized: false, ...options }, () => {
      const shown = socket.getPeerCertificate().fingerprint256;
      const name = [...fingerprints].find(([, fingerprint]) => fingerprint === shown)?.[0] ?? "unknown";
      resolve({ version: socket.getProtocol(), name });
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("it says https, and a log-in's cookie is bound to the host and to TLS", async () => {
  assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const [, password] = /^first log-in: admin  password: (\S+)$/m.exec(server.stdout) as RegExpExecArray;
  const reply = await ask("POST", "/api/v1/session", { login: "admin", password }, { origin: server.url });
  assert.equal(reply.status, 200, reply.text);
  assert.match(reply.headers["strict-transport-security"] ?? "", /max-age=\d{6,}/);
  const [cookie = "", ...attributes] = (reply.headers["set-cookie"]?.[0] ?? "").split(/; */);
  assert.match(cookie, /^__Host-sid=[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(attributes.map((attribute) => attribute.toLowerCase()).sort(), ["httponly", "path=/", "samesite=strict", "secure"]);
  assert.equal((await ask("GET", "/api/v1/session", undefined, { cookie })).status, 200);
  assert.equal((await ask("GET", "/api/v1/session", undefined, { cookie: cookie.replace("__Host-", "") })).status, 401, "the name for plain loopback is none under TLS");
  const other = await ask("POST", "/api/v1/session", { login: "admin", password }, { origin: server.url.replace("https", "http") });
  assert.equal(other.status, 403, "the same host without TLS is another origin");
});

test("TLS 1.2 and 1.3 and nothing older; without TLS there is no answer", async () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) assert.equal((await shake({ minVersion: version, maxVersion: version })).version, version);
  await assert.rejects(() => shake({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }), /alert|version|ECONNRESET|disconnected/i);
  await assert.rejects(
    () =>
      new Promise((resolve, reject) => {
        http.get(`${server.url.replace("https", "http")}/healthz`, resolve).on("error", reject);
      }),
    /socket hang up|ECONNRESET|Parse Error/,
  );
});

test("SIGHUP takes a new certificate for new connections and leaves the open ones; a bad one is refused and told", async () => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await shake()).name, "first");
  assert.equal((await ask("GET", "/healthz", undefined, {}, agent)).status, 200);
  use("second");
  server.process?.kill("SIGHUP");
  await waitUntil("the new certificate", async () => (await shake()).name === "second");
  assert.equal((await ask("GET", "/healthz", undefined, {}, agent)).status, 200);
  agent.destroy();
  for (const spoil of [
    () => fs.copyFileSync(path.join(scratch, "first.key"), key), // of another pair
    () => fs.writeFileSync(certificate, "no certificate"),
    () => fs.rmSync(certificate),
  ]) {
    const told = server.stderr.length;
    use("second");
    spoil();
    server.process?.kill("SIGHUP");
    await waitUntil("the complaint", () => /certificate not reloaded/.test(server.stderr.slice(told)));
    assert.match(server.stderr.slice(told), /server\.(pem|key)/, "it names the file");
    assert.equal((await shake()).name, "second");
  }
  use("first");
  server.process?.kill("SIGHUP");
  await waitUntil("the first certificate again", async () => (await shake()).name === "first");
});

test("what cannot be served safely is not served", () => {
  const start = (env: Record<string, string>) => {
    const data = path.join(scratch, "none");
    const run = spawnSync(server.binary, ["serve", "--no-demo", "--data", data, "--port", "0"], {
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, ...SANITIZER_OPTIONS, TIDEMARK_DB_BUFFER_POOL_MB: "128", ...env },
    });
    assert.doesNotMatch(run.stdout, /ready/);
    assert.notEqual(run.status, 0);
    return run.stderr;
  };
  assert.match(start({ TIDEMARK_TLS_CERTIFICATE_FILE: certificate }), /key_file/, "a certificate without its key");
  assert.match(start({ TIDEMARK_SERVER_LISTEN: "0.0.0.0" }), /loopback/, "an open address without TLS");
  assert.match(start({ TIDEMARK_SERVER_LISTEN: "0.0.0.0", TIDEMARK_TLS_CERTIFICATE_FILE: certificate, TIDEMARK_TLS_KEY_FILE: key }), /server\.name/, "any host name");
  const gone = path.join(scratch, "gone.pem");
  assert.match(start({ TIDEMARK_TLS_CERTIFICATE_FILE: gone, TIDEMARK_TLS_KEY_FILE: key }), /gone\.pem/, "a certificate that is not there");
});
