// Runs the *.test.ts files of the named folders on node's own test runner, one file after the other, against one shared
// server, so that its start is paid once. Prints TAP. The shared server must end cleanly, without a sanitizer's word:
// that is a test as well. A file that needs settings of its own, or kills what it talks to, starts its own server.
//
//   node lib/suite.ts FOLDER…        all of a folder
//   node --test api/rights.test.ts   one file by hand: it starts a server for itself
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { ROOT, Server } from "./server.ts";

const folders = process.argv.slice(2);
const files = folders.flatMap((folder) => {
  const full = path.join(ROOT, "tests", folder);
  return fs
    .readdirSync(full)
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => path.join(full, name));
});
if (files.length === 0) {
  console.log(`not ok - no tests in ${folders.join(" ")}`);
  process.exit(1);
}

const shares = folders.some((folder) => ["api", "live", "rights", "browser"].includes(folder));
const server = shares ? new Server({ env: { TIDEMARK_TEST_FAULTS: "true" } }) : undefined;
const env: NodeJS.ProcessEnv = { ...process.env };
if (server !== undefined) {
  try {
    await server.start();
  } catch (error) {
    console.log(`not ok - the server starts\n${String(error)}`);
    server.sweep();
    process.exit(1);
  }
  env["TEST_SERVER"] = JSON.stringify({ url: server.url, data: server.data, binary: server.binary });
}

const args = [
  "--disable-warning=ExperimentalWarning",
  "--test",
  "--test-concurrency=1",
  "--test-reporter=tap",
  "--test-timeout=1500000",
  ...files,
];
const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
let status = await new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 1)));

if (server !== undefined) {
  try {
    const alive = server.process?.exitCode === null && server.process.signalCode === null;
    if (!alive) throw new Error(`the server died during the tests:\n${server.stderr.slice(-6000)}`);
    await server.stop();
    console.log("ok - the shared server ends cleanly\n# pass 1");
  } catch (error) {
    console.log(`not ok - the shared server ends cleanly\n${String(error)}\n# fail 1`);
    server.sweep();
    status = 1;
  }
  fs.writeFileSync(path.join(ROOT, "build/test/server.log"), server.stderr);
}
process.exit(status);
