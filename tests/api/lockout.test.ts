// The guard of the log-in and the ends of sessions, on a server of its own with tight settings: locks survive a crash of
// the server, idle and absolute ends are judged at each use. Time passes by moving it in the database, never by sleeping.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

let server: Server;

before(async () => {
  server = await new Server({ rows: 20, env: { TIDEMARK_LOGIN_MAX_FAILURES: "3" } }).start();
});
after(async () => {
  try {
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});

async function tryLogin(login: string, password: string): Promise<number> {
  return (await server.client().logIn(login, password)).status;
}

function withoutRequest(text: string): unknown {
  return { ...(JSON.parse(text) as object), request: "" };
}

test("after too many failures even the right password is answered like a wrong one", async () => {
  const client = server.client();
  const wrong = await client.logIn("clerk", "wrong 1");
  assert.equal(wrong.status, 401);
  for (const password of ["wrong 2", "wrong 3"]) assert.equal(await tryLogin("clerk", password), 401);
  const locked = await client.logIn("clerk", PASSWORD);
  assert.equal(locked.status, 401, locked.text);
  assert.deepEqual(withoutRequest(locked.text), withoutRequest(wrong.text));
});

test("a lock is of one account: others log in from the same address", async () => {
  assert.equal(await tryLogin("clerk2", PASSWORD), 200);
});

test("an unknown account is locked like a known one", async () => {
  const client = server.client();
  let last = "";
  for (let i = 0; i < 5; i++) {
    const reply = await client.logIn("no-such-person", "wrong");
    assert.equal(reply.status, 401);
    last = reply.text;
  }
  const known = await client.logIn("clerk", "wrong");
  assert.deepEqual(withoutRequest(last), withoutRequest(known.text));
});

test("a success in between forgets the failures before it", async () => {
  for (let round = 0; round < 2; round++) {
    assert.equal(await tryLogin("clerk3", "wrong"), 401);
    assert.equal(await tryLogin("clerk3", "wrong"), 401);
    assert.equal(await tryLogin("clerk3", PASSWORD), 200);
  }
});

test("a lock survives kill -9 of the server, and ends with its time", async () => {
  await server.kill();
  await server.start();
  assert.equal(await tryLogin("clerk", PASSWORD), 401);
  server.sql("UPDATE login_guard SET locked_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, last_failure_at = UTC_TIMESTAMP(6) - INTERVAL 31 MINUTE WHERE locked_until IS NOT NULL");
  assert.equal(await tryLogin("clerk", PASSWORD), 200);
});

test("the guard's table tells no name and no address", () => {
  const rows = server.sql("SELECT HEX(guard_key) AS k FROM login_guard");
  assert.ok(rows.length > 0);
  for (const row of rows) assert.match(row["k"] ?? "", /^[0-9A-F]{64}$/);
});

test("a session ends when its person has been away, and at its absolute end; a restart changes neither", async () => {
  const [idle, old, good] = [await server.login("clerk"), await server.login("manager"), await server.login("president")];
  const rows = (login: string) =>
    `user_id = (SELECT id FROM app_user WHERE login = '${login}') AND ended_at IS NULL`;
  // The server keeps sessions in memory: it must not write its own view back on the way down.
  await server.kill();
  await server.start();
  server.sql(`UPDATE session SET last_seen_at = UTC_TIMESTAMP(6) - INTERVAL 31 MINUTE WHERE ${rows("clerk")}`);
  server.sql(`UPDATE session SET ends_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE ${rows("manager")}`);
  assert.equal((await good.get("/session")).status, 200, "a live session survives the restart");
  assert.equal((await idle.get("/session")).status, 401, "idle");
  assert.equal((await old.get("/session")).status, 401, "absolute");
});

test("a session ended by another process dies here within a second or two", async () => {
  const client = await server.login("president");
  assert.equal((await client.get("/session")).status, 200);
  server.sql("UPDATE session SET ended_at = UTC_TIMESTAMP(6), end_reason = 'other' WHERE ended_at IS NULL AND user_id = (SELECT id FROM app_user WHERE login = 'president')");
  await waitUntil("the session's end", async () => (await client.get("/session")).status === 401, 3000);
});

test("a disabled account is logged out and cannot log in, and is answered like a wrong password", async () => {
  const before = server.client();
  const wrong = await before.logIn("risk", "wrong");
  const client = await server.login("risk");
  assert.equal(client.session?.user.login, "risk");
  server.sql("UPDATE app_user SET disabled_at = UTC_TIMESTAMP(6), _rev = _rev + 1 WHERE login = 'risk'; UPDATE catalog_epoch SET epoch = epoch + 1");
  await waitUntil("the log-out", async () => (await client.get("/session")).status === 401, 5000);
  const reply = await server.client().logIn("risk", PASSWORD);
  assert.equal(reply.status, 401);
  assert.deepEqual(withoutRequest(reply.text), withoutRequest(wrong.text));
});

test("more than so many log-ins a minute from one address are 429 with Retry-After", async () => {
  const tight = new Server({
    rows: 0,
    env: { TIDEMARK_LOGIN_PER_ADDRESS_PER_MINUTE: "5" },
  });
  try {
    await tight.start();
    // Twelve, not six: a new minute may begin in between.
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const reply = await tight.client().logIn(`someone-${i}`, "wrong");
      statuses.push(reply.status);
      if (reply.status === 429) {
        assert.match(reply.problem().type, /too_many$/);
        assert.match(reply.headers["retry-after"] ?? "", /^[1-9]\d*$/);
      }
    }
    assert.deepEqual(statuses.slice(0, 5), [401, 401, 401, 401, 401]);
    assert.ok(statuses.includes(429), String(statuses));
    assert.ok(statuses.every((status) => status === 401 || status === 429), String(statuses));
    await tight.stop();
  } catch (error) {
    tight.sweep();
    throw error;
  }
});

test("past the sessions a person may have, the oldest ends", async () => {
  const few = new Server({ rows: 20, env: { TIDEMARK_SESSION_PER_USER: "2" } });
  try {
    await few.start();
    const [one, two] = [await few.login("clerk"), await few.login("clerk")];
    const three = await few.login("clerk");
    await waitUntil("the end of the oldest", async () => (await one.get("/session")).status === 401, 3000);
    assert.equal((await two.get("/session")).status, 200);
    assert.equal((await three.get("/session")).status, 200);
    await few.stop();
  } catch (error) {
    few.sweep();
    throw error;
  }
});
