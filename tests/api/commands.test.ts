// The program's commands as an operator meets them: exit status 0 good, 1 the answer is no, 2 wrong use, 3 could not; settings
// that are wrong name file, line and what was expected; people from the command line, with the log knowing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { query, sharedServer } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-commands-"));
const server = new Server({ rows: 0 });
after(() => {
  server.sweep();
  fs.rmSync(scratch, { recursive: true, force: true });
});

interface Run {
  status: number | null;
  out: string;
  err: string;
}

function tidemark(args: string[], env: Record<string, string> = {}, input = ""): Run {
  const run = spawnSync(server.binary, args, {
    input,
    encoding: "utf8",
    timeout: 60_000,
    cwd: scratch,
    env: { ...process.env, ...SANITIZER_OPTIONS, ...env },
  });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

const COMMANDS = ["serve", "sql", "migrate", "check", "user", "form", "audit", "config", "version"];

test("--help tells every command, and each command its own use; both are good", () => {
  const all = tidemark(["--help"]);
  assert.equal(all.status, 0);
  for (const command of COMMANDS) {
    assert.match(all.out, new RegExp(`^${command}\\b`, "m"));
    const one = tidemark([command, "--help"]);
    assert.equal(one.status, 0, command);
    assert.match(one.out, new RegExp(`^${command}\\b`));
    assert.equal(one.err, "");
  }
  assert.match(tidemark(["version"]).out, /^tidemark \d+\.\d+\.\d+\n$/);
});

test("wrong use is 2, says how it is used, and does nothing", () => {
  const wrong = [
    [],
    ["polish"],
    ["serve", "--nonsense"],
    ["serve", "--as", "app"],
    ["serve", "--port"],
    ["serve", "--port", "seventy"],
    ["serve", "--port", "65536"],
    ["serve", "--rows", "-1"],
    ["serve", "surplus"],
    ["version", "surplus"],
    ["check", "--rows", "5"],
    ["sql", "--as", "root"],
    ["user"],
    ["user", "add"],
    ["form"],
    ["form", "add"],
    ["form", "drop", "customer"],
    ["form", "add", "a.json", "b.json"],
    ["user", "add", "somebody"],
    ["user", "promote", "somebody"],
    ["user", "reset", "somebody", "--role", "audit_admin"],
    ["user", "reset", "somebody", "else"],
  ];
  for (const args of wrong) {
    const run = tidemark(args);
    assert.equal(run.status, 2, `${args.join(" ")}: ${run.out}${run.err}`);
    assert.notEqual(run.err, "", args.join(" "));
    assert.equal(run.out, "", args.join(" "));
  }
  assert.deepEqual(fs.readdirSync(scratch), [], "a data folder was made all the same");
});

test("a wrong setting names file, line and what was expected; all of them at once, and nothing is started", () => {
  const file = path.join(scratch, "wrong.conf");
  fs.writeFileSync(file, "[server]\nport = 99999\n\n[limits]\nbody_bits = 7\nidle_ms = soon\n[session]\nidle_minutes = 20\n");
  for (const [command, status] of [["serve", 2], ["migrate", 2], ["user", 2], ["check", 1]] as const) {
    const words = command === "user" ? ["user", "reset", "admin"] : [command];
    const run = tidemark([...words, "--config", file]);
    assert.equal(run.status, status, `${command}: ${run.err}`);
    assert.deepEqual(
      run.err.trim().split("\n").map((line) => line.replace(`${file}:`, "")),
      [
        '2, server.port: expected a whole number from 0 to 65535, not "99999"',
        '5: unknown key "body_bits" in [limits]',
        '6, limits.idle_ms: expected a whole number from 100 to 3600000 ms, not "soon"',
      ],
      command,
    );
  }
  const good = path.join(scratch, "good.conf");
  fs.writeFileSync(good, "[server]\nport = 8123\n");
  const overridden = tidemark(["serve", "--config", good], { TIDEMARK_SERVER_PORT: "no" });
  assert.equal(overridden.status, 2);
  assert.match(overridden.err, /^environment, TIDEMARK_SERVER_PORT: expected .*"no"/);
  assert.match(tidemark(["serve", "--config", good], { TIDEMARK_SERVER_PROT: "1" }).err, /TIDEMARK_SERVER_PROT/);
  const missing = tidemark(["serve", "--config", path.join(scratch, "missing.conf")]);
  assert.equal(missing.status, 2);
  assert.match(missing.err, /missing\.conf: No such file/);
  const open = tidemark(["serve"], { TIDEMARK_SERVER_LISTEN: "0.0.0.0" });
  assert.equal(open.status, 2, "without TLS on loopback only");
  assert.match(open.err, /loopback/);
  assert.deepEqual(fs.readdirSync(scratch).sort(), ["good.conf", "wrong.conf"]);
});

test("without an instance, what needs one says so: 3, and makes no folder", () => {
  const nowhere = path.join(scratch, "nowhere");
  for (const words of [["sql"], ["check"], ["user", "reset", "admin"]]) {
    const run = tidemark([...words, "--data", nowhere]);
    assert.equal(run.status, 3, `${words.join(" ")}: ${run.err}`);
    assert.match(run.err, /nowhere/);
  }
  assert.equal(fs.existsSync(nowhere), false);
});

function firstLogIns(out: string): [string, string][] {
  return [...out.matchAll(/^first log-in: (\S+)  password: (\S+)$/gm)].map((match) => [match[1] as string, match[2] as string]);
}

test("an empty system prints the first log-ins of its three administrators, once, and they work", async () => {
  await server.start();
  const printed = firstLogIns(server.stdout);
  assert.deepEqual(printed.map(([login]) => login), ["admin", "security", "auditor"]);
  assert.equal(new Set(printed.map(([, password]) => password)).size, 3);
  for (const [login, password] of printed) await server.login(login, password);
  assert.match(server.stdout.trim().split("\n").at(-1) as string, /^ready: http:\/\/127\.0\.0\.1:\d+$/);
  await server.stopKeepingData();
  await server.start();
  assert.deepEqual(firstLogIns(server.stdout), []);
  await server.login(...(printed[0] as [string, string]));
});

test("check is good on a system that is, and tells what is not", () => {
  const good = tidemark(["check", "--data", server.data]);
  assert.deepEqual([good.status, good.out, good.err], [0, "good\n", ""]);
  const zone = tidemark(["check", "--data", server.data], { TIDEMARK_SERVER_TIME_ZONE: "Mars/Olympus" });
  assert.equal(zone.status, 1);
  assert.match(zone.out, /time_zone "Mars\/Olympus" is not a time zone; use/);
});

test("sql is the client as the account that is named, and hands on how it ended", () => {
  for (const [flags, user] of [[[], "owner"], [["--as", "owner"], "owner"], [["--as", "app"], "app"], [["--as", "feed"], "feed"]] as const) {
    const run = tidemark(["sql", "--data", server.data, ...flags], {}, "SELECT CURRENT_USER() AS who, DATABASE() AS what");
    assert.equal(run.status, 0, run.err);
    assert.match(run.out, new RegExp(`^who\twhat\ntidemark_${user}@localhost\ttidemark\n$`));
  }
  assert.equal(tidemark(["sql", "--data", server.data, "--", "--skip-column-names"], {}, "SELECT 7").out, "7\n");
  const refused = tidemark(["sql", "--data", server.data, "--as", "app"], {}, "DELETE FROM tidemark_log.event");
  assert.equal(refused.status, 1);
  assert.match(refused.err, /denied/);
});

test("a folder that is served is not migrated by a second hand: 3", () => {
  const run = tidemark(["migrate", "--data", server.data]);
  assert.equal(run.status, 3);
  assert.match(run.err, /another|in use|serves/i);
});

function user(...words: string[]): Run {
  return tidemark(["user", ...words, "--data", server.data]);
}

function password(run: Run, login: string): string {
  assert.equal(run.status, 0, run.err);
  const [first] = firstLogIns(run.out);
  assert.equal(first?.[0], login);
  return first?.[1] as string;
}

function changesOf(id: string): string[] {
  return server
    .sql(`SELECT changes, login, address, action FROM tidemark_log.event WHERE form = '_user' AND record = ${id} ORDER BY id`, "app")
    .map((event) => {
      assert.equal(event["login"], "system");
      assert.equal(event["address"], `uid ${process.getuid?.()}`);
      assert.equal(event["action"], "configure");
      return (JSON.parse(event["changes"] as string) as { field: string; after: unknown }[])
        .map(({ field, after }) => `${field}=${String(after)}`)
        .join(" ");
    });
}

const alarms = (): number => Number(server.sql("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited'", "app")[0]?.["n"]);

test("people from the command line: added, reset, disabled, enabled; each with its event, and their sessions end", async () => {
  const none = alarms();
  const first = password(user("add", "Li.Lei", "--name", "李雷", "--department", "head", "--role", "audit_admin"), "Li.Lei");
  const client = await waitUntil("the new person", () => server.login("li.lei", first));
  assert.deepEqual([client.session?.user.name, client.session?.user.roles, client.session?.rights], ["李雷", ["audit_admin"], ["audit.read"]]);
  const id = client.session?.user.id as string;
  assert.equal(client.session?.must_change_password, true, "it is a first password");
  assert.equal((await client.get("/audit")).status, 403);

  const refused: [string[], RegExp][] = [
    [["add", "ＬＩ.LEI", "--name", "另一个"], /there is such a log-in/],
    [["add", "han", "--name", "韩梅梅", "--role", "wizard"], /no role of this key: wizard/],
    [["add", "han", "--name", "韩梅梅", "--department", "moon"], /no department of this key: moon/],
    [["add", "han", "--name", "韩梅梅", "--role", "audit_admin", "--role", "security_admin"], /two of the three/],
    [["add", "han", "--name", ""], /a name has/],
    [["add", "x".repeat(65), "--name", "长"], /a log-in has/],
    [["reset", "nobody"], /no such log-in/],
    [["enable", "li.lei"], /is not disabled/],
  ];
  for (const [words, why] of refused) {
    const run = user(...words);
    assert.equal(run.status, 1, `${words.join(" ")}: ${run.err}`);
    assert.match(run.err, why);
    assert.equal(run.out, "");
  }
  assert.equal(server.sql("SELECT COUNT(*) AS n FROM app_user")[0]?.["n"], "4", "a refused one was added");

  const second = password(user("reset", "LI.LEI"), "Li.Lei");
  assert.notEqual(second, first);
  await waitUntil("the end of the session", async () => (await client.get("/session")).status === 401);
  await assert.rejects(() => server.login("li.lei", first), /401/);
  const again = await server.login("li.lei", second);

  assert.equal(user("disable", "li.lei").status, 0);
  await waitUntil("the end of the session", async () => (await again.get("/session")).status === 401);
  await assert.rejects(() => server.login("li.lei", second), /401/);
  assert.equal(user("disable", "li.lei").status, 1);
  assert.equal(user("enable", "li.lei").status, 0);
  assert.equal((await again.get("/session")).status, 401, "enabling brings no session back");
  await server.login("li.lei", second);

  assert.deepEqual(changesOf(id), [
    `login=Li.Lei name=李雷 department=${server.sql("SELECT id FROM department")[0]?.["id"]}`,
    "password=null",
    "disabled=true",
    "disabled=false",
  ]);
  assert.equal(alarms(), none, "what the command did was taken for a stranger's change");
});

test("an administrator who works with records is not made", async () => {
  const { data } = await sharedServer();
  const run = tidemark(["user", "add", "han", "--name", "韩梅梅", "--role", "audit_admin", "--role", "clerk", "--data", data]);
  assert.equal(run.status, 1, run.err);
  assert.match(run.err, /no administrator works with records/);
  assert.equal((await query("SELECT COUNT(*) AS n FROM app_user WHERE login = 'han'"))[0]?.["n"], "0");
});

test("a form that cannot be is not added, and all that is wrong with it is told", async () => {
  const { data } = await sharedServer();
  const file = path.join(scratch, "form.json");
  const add = (definition: object) => {
    fs.writeFileSync(file, JSON.stringify(definition));
    return tidemark(["form", "add", file, "--data", data]);
  };
  const label = { zh: "名", en: "Name" };
  const definition = { v: 1, key: "customer", label, title_field: "name", groups: [{ key: "g", label }], fields: [{ key: "name", type: "text", label, group: "g" }] };
  const broken = add({ ...definition, fields: [{ key: "name", type: "text", label, group: "h", pattern: "(" }] });
  assert.deepEqual([broken.status, broken.out], [1, ""]);
  assert.match(broken.err, /fields\[0\]\.pattern: .*\n.*fields\[0\]\.group: /);
  const there = add(definition);
  assert.deepEqual([there.status, there.err], [1, "tidemark: form: a form of this key is there\n"]);
  assert.equal(tidemark(["form", "add", `${file}.none`, "--data", data]).status, 3);
});

test("a stopped instance: check and user cannot, migrate can and finds nothing to do", async () => {
  await server.stopKeepingData();
  for (const words of [["check"], ["user", "reset", "admin"]]) {
    const run = tidemark([...words, "--data", server.data], { TIDEMARK_DB_WAIT_MS: "200" });
    assert.equal(run.status, 3, `${words.join(" ")}: ${run.out}${run.err}`);
    assert.notEqual(run.err, "");
  }
  const migrate = tidemark(["migrate", "--data", server.data], { TIDEMARK_DB_BUFFER_POOL_MB: "128" });
  assert.deepEqual([migrate.status, migrate.out], [0, "migrations applied: 0\n"], migrate.err);
  assert.equal(server.databasePid(), undefined, "migrate leaves its MariaDB behind");
});
