// Log-in, the session's cookie and page token, log-out: CONTRACT 2 "Log-in".
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../lib/client.ts";
import { customerFields } from "../lib/demo.ts";
import { PASSWORD } from "../lib/server.ts";
import { freshLogin, login, sharedServer, stranger } from "../lib/shared.ts";

/** What a stranger may compare between two answers: everything but the request's own number. */
function visible(text: string): Problem {
  return { ...(JSON.parse(text) as Problem), request: "" };
}

test("a right password gives the person, the page token and the rights", async () => {
  const client = await stranger();
  const reply = await client.post("/session", { login: "clerk", password: PASSWORD });
  assert.equal(reply.status, 200, reply.text);
  const body = reply.json();
  assert.equal(body.user.login, "clerk");
  assert.match(body.user.id, /^\d+$/);
  assert.ok(body.user.name.length > 0);
  assert.deepEqual(body.user.roles, ["clerk"]);
  assert.match(body.user.department.id, /^\d+$/);
  assert.ok(body.user.department.title.length > 0);
  assert.ok(body.csrf.length >= 32);
  assert.deepEqual(body.rights, []);
  assert.match(reply.headers["content-type"] ?? "", /^application\/json/);
  assert.equal(reply.headers["cache-control"], "no-store");
});

test("the cookie is HttpOnly, SameSite=Strict, for the whole site, without Secure on plain loopback, and not in the body", async () => {
  const client = await stranger();
  const reply = await client.post("/session", { login: "clerk", password: PASSWORD });
  const lines = reply.headers["set-cookie"] ?? [];
  assert.equal(lines.length, 1);
  const [pair, ...attributes] = (lines[0] as string).split(";").map((part) => part.trim());
  const [name, value] = (pair as string).split("=");
  assert.equal(name, "sid");
  assert.ok((value as string).length >= 43, "32 random bytes at least");
  const lower = attributes.map((attribute) => attribute.toLowerCase());
  assert.ok(lower.includes("httponly"));
  assert.ok(lower.includes("samesite=strict"));
  assert.ok(lower.includes("path=/"));
  assert.ok(!lower.includes("secure"));
  assert.ok(!lower.some((attribute) => attribute.startsWith("domain")));
  assert.ok(!reply.text.includes(value as string));
});

test("a wrong password, an unknown name and an empty one are answered alike", async () => {
  const client = await stranger();
  const name = `nobody-${process.pid}`;
  const replies = [];
  for (const [who, password] of [[name, PASSWORD], ["president", "not the password"], [name, "not the password"]]) {
    replies.push(await client.post("/session", { login: who, password }));
  }
  for (const reply of replies) {
    assert.equal(reply.status, 401, reply.text);
    assert.match(reply.problem().type, /login_failed$/);
    assert.equal(reply.headers["set-cookie"], undefined);
    assert.deepEqual(visible(reply.text), visible((replies[0] as { text: string }).text));
    assert.deepEqual(Object.keys(reply.headers).sort(), Object.keys((replies[0] as typeof reply).headers).sort());
  }
  // The right one clears the failures counted above.
  assert.equal((await client.logIn("president", PASSWORD)).status, 200);
});

test("an unknown name takes as long as a wrong password", async () => {
  const client = await stranger();
  const times: Record<string, number[]> = { known: [], unknown: [] };
  for (let i = 0; i < 4; i++) {
    for (const [kind, who] of [["known", "risk"], ["unknown", `ghost-${process.pid}-${i}`]] as const) {
      const started = process.hrtime.bigint();
      assert.equal((await client.post("/session", { login: who, password: "wrong" })).status, 401);
      times[kind]?.push(Number(process.hrtime.bigint() - started) / 1e6);
    }
  }
  assert.equal((await client.logIn("risk", PASSWORD)).status, 200);
  const median = (list: number[] = []) => list.sort((a, b) => a - b)[list.length >> 1] as number;
  const ratio = median(times["known"]) / median(times["unknown"]);
  assert.ok(ratio > 0.4 && ratio < 2.5, `known/unknown = ${ratio.toFixed(2)}`);
});

test("GET /session tells who is logged in; without a session it is 401, whatever the cookie", async () => {
  const clerk = await login("clerk");
  const same = clerk.expect(200, await clerk.get("/session"));
  assert.deepEqual(same, clerk.session);
  const client = await stranger();
  const answers = [];
  for (const cookie of [undefined, "sid=", "sid=x", `sid=${"A".repeat(43)}`, "other=1", `__Host-sid=${"A".repeat(43)}`]) {
    const reply = await client.get("/session", { headers: { cookie } });
    assert.equal(reply.status, 401, `cookie ${cookie}`);
    answers.push(visible(reply.text));
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.match((answers[0] as Problem).type, /login_needed$/);
});

test("every route of data needs a session", async () => {
  const client = await stranger();
  for (const path of ["/forms", "/forms/customer", "/forms/customer/records", "/forms/customer/records/1", "/audit", "/members", "/departments"]) {
    const reply = await client.get(path);
    assert.equal(reply.status, 401, path);
    reply.problem();
  }
});

test("a log-out ends the session for good and drops the cookie", async () => {
  const client = await freshLogin("clerk");
  const cookie = `sid=${client.cookies.get("sid")}`;
  const reply = await client.logOut();
  assert.equal(reply.status, 204);
  assert.equal(reply.bytes.length, 0);
  assert.equal(client.cookies.has("sid"), false, "the answer must clear the cookie");
  assert.equal((await client.get("/session", { headers: { cookie } })).status, 401);
  assert.equal((await client.get("/forms", { headers: { cookie } })).status, 401);
});

test("a log-in never takes over a session that the browser already carries", async () => {
  const client = await freshLogin("clerk");
  const first = client.cookies.get("sid");
  await client.logIn("clerk2", PASSWORD);
  assert.notEqual(client.cookies.get("sid"), first);
  client.cookies.set("sid", "A".repeat(43));
  await client.logIn("clerk", PASSWORD);
  assert.notEqual(client.cookies.get("sid"), "A".repeat(43));
});

test("sessions of one person are apart from each other", async () => {
  const one = await freshLogin("clerk2");
  const two = await freshLogin("clerk2");
  assert.notEqual(one.cookies.get("sid"), two.cookies.get("sid"));
  assert.notEqual(one.csrf, two.csrf);
  await one.logOut();
  assert.equal((await two.get("/session")).status, 200);
});

test("an unsafe method needs the page token of its own session", async () => {
  const clerk = await freshLogin("clerk");
  const other = await freshLogin("clerk");
  const before = (await clerk.list("/forms/customer/records?count=1&limit=1")).total;
  const body = { fields: await customerFields(clerk) };
  const twisted = clerk.csrf.slice(0, -1) + (clerk.csrf.endsWith("A") ? "B" : "A");
  for (const token of [undefined, "", "x", other.csrf, clerk.csrf + "x", clerk.csrf.slice(0, -1), twisted]) {
    const reply = await clerk.post("/forms/customer/records", body, { headers: { "x-csrf-token": token } });
    assert.equal(reply.status, 403, `token ${token}`);
    assert.match(reply.problem().type, /csrf$/);
  }
  assert.equal((await clerk.delete("/session", { headers: { "x-csrf-token": undefined } })).status, 403);
  assert.equal((await clerk.list("/forms/customer/records?count=1&limit=1")).total, before);
});

test("an unsafe method from another site is refused, the log-in too", async () => {
  const clerk = await freshLogin("clerk");
  const fields = await customerFields(clerk);
  const { url } = await sharedServer();
  const port = new URL(url).port;
  const origins = ["https://evil.example", "null", `https://127.0.0.1:${port}`, `http://127.0.0.1:${Number(port) + 1}`, `http://127.0.0.1:${port}.evil.example`, "http://127.0.0.1"];
  for (const origin of origins) {
    const reply = await clerk.post("/forms/customer/records", { fields }, { headers: { origin } });
    assert.equal(reply.status, 403, `origin ${origin}: ${reply.text}`);
    reply.problem();
    const logIn = await (await stranger()).post("/session", { login: "clerk", password: PASSWORD }, { headers: { origin } });
    assert.equal(logIn.status, 403, `log-in from ${origin}`);
    assert.equal(logIn.headers["set-cookie"], undefined);
  }
  const crossSite = await clerk.post("/forms/customer/records", { fields }, {
    headers: { origin: undefined, "sec-fetch-site": "cross-site" },
  });
  assert.equal(crossSite.status, 403);
});

test("an unsafe method needs JSON as its content type", async () => {
  const clerk = await freshLogin("clerk");
  const fields = await customerFields(clerk);
  for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "application/problem+json"]) {
    const reply = await clerk.post("/forms/customer/records", { fields }, { headers: { "content-type": type } });
    assert.equal(reply.status, 415, `${type}: ${reply.text}`);
    assert.match(reply.problem().type, /media_type$/);
  }
  const reply = await clerk.post("/forms/customer/records", { fields }, {
    headers: { "content-type": "application/json; charset=utf-8" },
  });
  assert.equal(reply.status, 201, reply.text);
});

test("a log-in with wrong members says which", async () => {
  const client = await stranger();
  const cases: [unknown, string, string][] = [
    [{ login: "clerk" }, "password", "required"],
    [{ password: PASSWORD }, "login", "required"],
    [{ login: "clerk", password: PASSWORD, admin: true }, "admin", "unknown"],
    [{ login: 5, password: PASSWORD }, "login", "wrong_type"],
    [{ login: "clerk", password: ["x"] }, "password", "wrong_type"],
    [{ login: "x".repeat(5000), password: PASSWORD }, "login", "too_long"],
    [{ login: "clerk", password: "x".repeat(50_000) }, "password", "too_long"],
  ];
  for (const [body, field, code] of cases) {
    const reply = await client.post("/session", body);
    assert.equal(reply.status, 422, JSON.stringify(body).slice(0, 80));
    const errors = reply.problem().errors ?? [];
    assert.ok(errors.some((error) => error.field === field && error.code === code), reply.text);
  }
});

test("letter case and width of a log-in name make no difference; blanks around it neither", async () => {
  for (const name of ["Clerk", "ＣＬＥＲＫ"]) {
    const client = await stranger();
    assert.equal((await client.logIn(name, PASSWORD)).status, 200, name);
    assert.equal(client.session?.user.login, "clerk");
  }
});
