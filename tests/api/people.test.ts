// Accounts as the system administrator keeps them: made, with a first password that is told once and good for choosing one's
// own; reset; what is refused, and what the log says of it all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client } from "../lib/client.ts";
import { ownKey } from "../lib/rights.ts";
import { PASSWORD } from "../lib/server.ts";
import { login, query, sharedServer, stranger } from "../lib/shared.ts";
import { SqlShell } from "../lib/sql.ts";
import { waitUntil } from "../lib/wait.ts";

interface Made {
  person: { id: string; login: string; name: string; department: { id: string; title: string } | null; disabled: boolean; roles: unknown[]; rights: string[]; version: string };
  password: string;
  until: string;
  pos: string;
}
const make = async (body: object): Promise<Made> => {
  const admin = await login("admin");
  return admin.expect<Made>(201, await admin.post("/people", body));
};
const eventsOf = async (id: string) =>
  (await query(`SELECT login, detail, changes FROM tidemark_log.event WHERE form = '_user' AND record = ${id} ORDER BY id`, "app")).map(
    (event) => `${event["login"]}${event["detail"] ?? ""}: ${(JSON.parse(event["changes"] as string) as { field: string; after: unknown }[]).map(({ field, after }) => `${field}=${String(after)}`).join(" ")}`,
  );
const logIn = async (name: string, password: string): Promise<[Client, number]> => {
  const client = await stranger();
  return [client, (await client.logIn(name, password)).status];
};

test("a new account: no roles, a first password told once, which opens nothing until another one is chosen", async () => {
  const name = ownKey("Zhang");
  const place = (await query("SELECT id, name FROM department WHERE `key` = 'head'"))[0];
  const made = await make({ login: `  ${name} `, name: " 欧阳新员 ", department: place?.["id"] });
  assert.deepEqual(
    [made.person.login, made.person.name, made.person.department, made.person.disabled, made.person.roles, made.person.rights],
    [name, "欧阳新员", { id: place?.["id"], title: place?.["name"] }, false, [], []],
  );
  assert.match(made.password, /^[\w-]{12}$/);
  const hours = (Date.parse(made.until) - Date.now()) / 3_600_000;
  assert.ok(hours > 23.9 && hours <= 24, `good for ${hours} h`);
  const [client] = await logIn(name.toUpperCase(), made.password);
  assert.equal(client.session?.must_change_password, true);
  for (const [method, path] of [["GET", "/forms"], ["GET", "/people"], ["GET", "/members"], ["POST", "/forms/customer/records"]] as const) {
    const reply = await client.request(method, path, method === "POST" ? { body: { fields: {} } } : {});
    assert.deepEqual([reply.status, reply.problem().type], [403, "/problems/password_change"], `${method} ${path}`);
  }
  assert.equal((await client.get("/session")).status, 200);
  const chosen = await client.changePassword(made.password, `${PASSWORD}-own`);
  assert.equal(client.expect<{ must_change_password: boolean }>(200, chosen).must_change_password, false);
  assert.deepEqual(client.expect<{ items: unknown[] }>(200, await client.get("/forms")).items, []);
  assert.equal((await logIn(name, made.password))[1], 401, "the first password is over");
  assert.equal((await logIn(name, `${PASSWORD}-own`))[1], 200);
  assert.deepEqual(await eventsOf(made.person.id), [`admin: login=${name} name=欧阳新员 department=${place?.["id"]}`, `${name}{"what":"own"}: password=null`]);
  const log = JSON.stringify(await query(`SELECT * FROM tidemark_log.event WHERE record = ${made.person.id}`, "app"));
  assert.ok(!log.includes(made.password) && !log.includes(PASSWORD), "a password in the log");
});

test("what is wrong with a new account is told all at once, and a log-in name is taken whatever its letters look like", async () => {
  const admin = await login("admin");
  const all = await admin.post("/people", { login: "", name: "x".repeat(101), department: "99" });
  assert.equal(all.status, 422);
  assert.deepEqual(faults(all).map((fault) => fault.join(" ")).sort(), ["department unknown", "login required", "name too_long"]);
  const wrong: [object, string][] = [
    [{ login: "x".repeat(65), name: "长" }, "login too_long"],
    [{ login: "a\u202Eb", name: "方向" }, "login not_text"],
    [{ login: "\u200B", name: "零宽" }, "login not_text"],
    [{ login: "a", name: "换\n行" }, "name not_text"],
    [{ login: "a", name: "甲", department: 5 }, "department not_an_id"],
    [{ login: "a", name: "甲", roles: [] }, "roles unknown"],
    [{ name: "甲" }, "login required"],
  ];
  for (const [body, fault] of wrong) {
    const reply = await admin.post("/people", body);
    assert.deepEqual([reply.status, faults(reply).map((one) => one.join(" "))], [422, [fault]], JSON.stringify(body));
  }
  for (const taken of ["CLERK", "ｃｌｅｒｋ", "cle\u200Brk"]) {
    const reply = await admin.post("/people", { login: taken, name: "同名" });
    assert.deepEqual([reply.status, faults(reply)], [409, [["login", "not_unique"]]], taken);
  }
});

test("a reset: the old password and every session end; not for oneself, not for an administrator", async () => {
  const admin = await login("admin");
  const name = ownKey("reset");
  const made = await make({ login: name, name: "李娜" });
  const [client] = await logIn(name, made.password);
  client.expect(200, await client.changePassword(made.password, PASSWORD));
  const again = admin.expect<Made>(200, await admin.post(`/people/${made.person.id}/password`, {}));
  assert.notEqual(again.password, made.password);
  await waitUntil("the end of the session", async () => (await client.get("/session")).status === 401);
  assert.equal((await logIn(name, PASSWORD))[1], 401);
  assert.equal((await logIn(name, again.password))[0].session?.must_change_password, true);
  assert.deepEqual((await eventsOf(made.person.id)).at(-1), "admin: password=null");
  for (const [who, fault] of [["admin", ["", "own_account"]], ["security", ["password", "separated"]], ["auditor", ["password", "separated"]]] as const) {
    const reply = await admin.post(`/people/${(await login(who)).session?.user.id}/password`, {});
    assert.deepEqual([reply.status, faults(reply)], [422, [fault]], who);
  }
  assert.equal((await admin.post("/people/99/password", {})).status, 404);
});

test("choosing a password: the present one is asked for, and what a good one is", async () => {
  const name = ownKey("choose");
  const made = await make({ login: name, name: "赵敏" });
  const [client] = await logIn(name, made.password);
  client.expect(200, await client.changePassword(made.password, PASSWORD));
  const other = (await logIn(name, PASSWORD))[0];
  const wrong: [string, string, string][] = [
    [PASSWORD, "Short-1", "new too_short"],
    [PASSWORD, "x1".repeat(65), "new too_long"],
    [PASSWORD, "onlyletters-here", "new bad_password"],
    [PASSWORD, "123456789012345", "new bad_password"],
    [PASSWORD, `${name.toUpperCase()}-2026-x`, "new bad_password"],
    [PASSWORD, "with-a-tab-\t-1234", "new not_text"],
    [PASSWORD, PASSWORD, "new same_password"],
    ["not-the-one-1", `${PASSWORD}-b`, "password wrong_password"],
  ];
  for (const [now, next, fault] of wrong) {
    const reply = await client.put("/session/password", { password: now, new: next }, undefined);
    assert.deepEqual([reply.status, faults(reply).map((one) => one.join(" "))], [422, [fault]], `${now} → ${next}`);
  }
  const cookie = [...client.cookies.values()].join();
  client.expect(200, await client.changePassword(PASSWORD, "新密码-一二三四五六789"));
  assert.notEqual([...client.cookies.values()].join(), cookie, "a new session");
  await waitUntil("the end of the other session", async () => (await other.get("/session")).status === 401);
  assert.equal((await client.get("/session")).status, 200);
  const refused = await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE actor_id = ${made.person.id} AND action = 'refuse' AND detail LIKE '%password%'`, "app");
  assert.equal(refused[0]?.["n"], "1");
  const noToken = await client.put("/session/password", { password: "a", new: "b" }, undefined, { headers: { "x-csrf-token": "x" } });
  assert.equal(noToken.problem().type, "/problems/csrf");
});

test("wrong guesses at the present password count as failed log-ins do, and lock", async () => {
  const name = ownKey("guess");
  const made = await make({ login: name, name: "钱多" });
  const [client] = await logIn(name, made.password);
  for (let i = 0; i < 5; i++) await client.put("/session/password", { password: `guess-${i}`, new: `${PASSWORD}-c` }, undefined);
  const right = await client.put("/session/password", { password: made.password, new: `${PASSWORD}-c` }, undefined);
  assert.deepEqual(faults(right), [["password", "wrong_password"]]);
});

test("a password that is replaced while an old one is being checked lets nobody in, and is not overwritten", async () => {
  const name = ownKey("race");
  const made = await make({ login: name, name: "赵急" });
  const { binary, data } = await sharedServer();
  const shell = new SqlShell(binary, data);
  const waiting = async () => Number((await query("SELECT COUNT(*) AS n FROM information_schema.processlist WHERE INFO LIKE '%app_user%' AND ID <> CONNECTION_ID()", "app"))[0]?.["n"]);
  try {
    const [client] = await logIn(name, made.password);
    const second = await stranger();
    for (const attempt of [() => client.put("/session/password", { password: made.password, new: `${PASSWORD}-own` }, undefined), () => second.logIn(name, made.password)]) {
      const stored = (await query(`SELECT password FROM app_user WHERE id = ${made.person.id}`))[0]?.["password"] as string;
      // The reset has the account's row; the attempt, its password already found right, waits for it.
      await shell.run(`START TRANSACTION;\nSELECT id FROM app_user WHERE id = ${made.person.id} FOR UPDATE`);
      const answer = attempt();
      await waitUntil("the attempt at the account's row", async () => (await waiting()) > 0);
      await shell.run(`UPDATE app_user SET password = CONCAT(password, 'x') WHERE id = ${made.person.id};\nUPDATE session SET ended_at = UTC_TIMESTAMP(6), end_reason = 'reset' WHERE user_id = ${made.person.id} AND ended_at IS NULL;\nCOMMIT`);
      assert.equal((await answer).status, 401);
      assert.equal((await query(`SELECT password FROM app_user WHERE id = ${made.person.id}`))[0]?.["password"], `${stored}x`);
      assert.equal((await query(`SELECT COUNT(*) AS n FROM session WHERE user_id = ${made.person.id} AND ended_at IS NULL`))[0]?.["n"], "0");
      await shell.run(`UPDATE app_user SET password = '${stored}' WHERE id = ${made.person.id}`);
    }
  } finally {
    await shell.end();
  }
});

test("who makes accounts has users.manage, and only he", async () => {
  const id = (await login("clerk3")).session?.user.id;
  for (const who of ["security", "auditor", "manager", "clerk"]) {
    const client = await login(who);
    assert.equal((await client.post("/people", { login: "x", name: "x" })).status, 403, who);
    assert.equal((await client.post(`/people/${id}/password`, {})).status, 403, who);
  }
});
