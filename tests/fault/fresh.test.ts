// ./run --fresh deletes a data folder of ours that nobody uses, and nothing else, ever; and what ./run says to wrong words. The
// functions are those of config/setup/data.sh; ./run itself would build the release first.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ROOT, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-fresh-"));
const data = path.join(scratch, "data");
const server = new Server({ rows: 0, data });
after(() => {
  server.sweep();
  fs.rmSync(scratch, { recursive: true, force: true });
});

function shell(text: string): { status: number | null; out: string; err: string } {
  const script = `set -euo pipefail; cd '${ROOT}'; . config/setup/setup.sh; . config/setup/data.sh; ${text}`;
  const run = spawnSync("bash", ["-c", script], { encoding: "utf8", timeout: 60_000 });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

const afresh = (folder: string) => shell(`begin_afresh '${folder}'`);

test("a folder that Tidemark did not make is not touched", () => {
  const foreign = path.join(scratch, "foreign");
  fs.mkdirSync(foreign);
  fs.writeFileSync(path.join(foreign, "letter"), "dear");
  assert.equal(shell(`make_data '${foreign}'`).status, 0);
  const run = afresh(foreign);
  assert.equal(run.status, 1);
  assert.match(run.err, /does not look like a data folder/);
  assert.deepEqual(fs.readdirSync(foreign), ["letter"]);
  assert.equal(afresh(path.join(scratch, "nowhere")).status, 0, "nothing there is fine");
});

test("a folder that is in use is not touched: by the server, or by a MariaDB that outlives it", async () => {
  assert.equal(shell(`make_data '${data}'`).status, 0);
  assert.equal(fs.statSync(data).mode & 0o777, 0o700);
  await server.start();
  for (const what of ["the server", "its MariaDB alone"]) {
    const run = afresh(data);
    assert.equal(run.status, 1, what);
    assert.match(run.err, /a server still uses/, what);
    assert.ok(fs.existsSync(path.join(data, "mariadb")), what);
    if (what === "the server") await server.kill();
  }
  const database = server.databasePid();
  assert.ok(database !== undefined);
  process.kill(database, "SIGKILL");
  await waitUntil("the end of MariaDB", () => server.databasePid() === undefined);
  const run = afresh(data);
  assert.equal(run.status, 0, run.err);
  assert.match(run.err, /Deleting the data folder/);
  assert.equal(fs.existsSync(data), false);
});

test("./run with wrong words says how it is used: 2, and begins nothing", () => {
  for (const words of [["--nonsense"], ["--port"], ["--port", "http"], ["--rows", "-1"], ["--data"], ["--data", ""], ["surplus"]]) {
    const run = spawnSync(path.join(ROOT, "run"), words, { cwd: scratch, encoding: "utf8", timeout: 60_000 });
    assert.equal(run.status, 2, `${words.join(" ")}: ${run.stderr}`);
    assert.match(run.stderr, /\.\/run \[--port N\]/);
    assert.equal(run.stdout, "");
  }
  const help = spawnSync(path.join(ROOT, "run"), ["--help"], { cwd: scratch, encoding: "utf8" });
  assert.equal(help.status, 0);
  assert.match(help.stdout, /--fresh .*deleted/);
});
