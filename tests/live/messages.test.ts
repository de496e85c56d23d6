// What a browser may send, and what it may not: each wrong message gets a clear answer, and nothing that was open is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../lib/client.ts";
import { Live, type Message } from "../lib/live.ts";
import { freshLogin, login, sharedServer, stranger } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { OPCODE, UpgradeRefused, Ws } from "../lib/ws.ts";
import { change, herd, same, sit, type } from "./desk.ts";

const refusal = async (live: Live, message: unknown): Promise<Message> => {
  const n = live.errors.length;
  live.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  return waitUntil(`an answer to ${JSON.stringify(message).slice(0, 200)}`, () => live.errors[n]);
};

test("every wrong subscription is refused with a problem that names what is wrong", async () => {
  const live = await sit("clerk");
  const list = await live.watch({ kind: "records", form: "customer", limit: 1 });
  const sub = (more: Record<string, unknown>) => ({ op: "sub", id: "x", kind: "records", form: "customer", ...more });
  const cases: [Record<string, unknown>, number, string?][] = [
    [sub({ kind: "everything" }), 422, "kind"],
    [sub({ kind: 7 }), 422, "kind"],
    [sub({ frm: "customer" }), 422, "frm"],
    [sub({ form: "no_such_form" }), 404],
    [sub({ form: 5 }), 422, "form"],
    [sub({ limit: 0 }), 422, "limit"],
    [sub({ limit: 201 }), 422, "limit"],
    [sub({ limit: "many" }), 422, "limit"],
    [sub({ range: [0] }), 422, "range"],
    [sub({ range: [-1, 5] }), 422, "range"],
    [sub({ range: [0, 201] }), 422, "range"],
    [sub({ range: { from: 1 } }), 422, "range"],
    [sub({ sort: "no_such_field" }), 422, "sort"],
    [sub({ sort: ["name"] }), 422, "sort"],
    [sub({ fields: ["name", "no_such_field"] }), 422, "fields"],
    [sub({ fields: [7] }), 422, "fields"],
    [sub({ count: "yes" }), 422, "count"],
    [sub({ filter: { field: "no_such_field", op: "eq", value: "x" } }), 422, "filter"],
    [sub({ filter: { field: "stage", op: "like", value: "x" } }), 422],
    [sub({ filter: { and: "x" } }), 422],
    [sub({ filter: [] }), 422],
    [sub({ filter: 1 }), 422],
    [sub({ kind: "record", record: "0" }), 422],
    [sub({ kind: "record", record: "abc" }), 422, "record"],
    [sub({ kind: "record" }), 422, "record"],
    [sub({ kind: "record", record: "5", sort: "name" }), 422],
    [sub({ kind: "audit", form: undefined }), 403],
    [{ op: "sub", id: 7, kind: "records" }, 400],
    [{ op: "sub", kind: "records", form: "customer" }, 400],
    [{ op: "sub", id: "y".repeat(65), kind: "records", form: "customer" }, 400],
    [{ op: "dance", id: "x" }, 400],
    [{ id: "x" }, 400],
    [{ op: "move", chan: "c999999", range: [0, 1] }, 400],
  ];
  for (const [message, status, field] of cases) {
    const answer = await refusal(live, message);
    const said = JSON.stringify(answer);
    assert.equal(answer.problem?.status, status, `${JSON.stringify(message)}: ${said}`);
    assert.match(answer.problem?.type ?? "", /^\/problems\//, said);
    if (field !== undefined) assert.ok(answer.problem?.errors?.some((error) => error.field.startsWith(field)), `${JSON.stringify(message)}: ${said}`);
    if ("id" in message && typeof message["id"] === "string") assert.equal(answer.id, message["id"], said);
  }
  // What does no harm is ignored: it names nothing.
  live.ws.send(JSON.stringify({ op: "unsub", chan: "c999999" }));
  live.ws.send(JSON.stringify({ op: "edit", form: "customer", record: "1", field: "phone" }));
  const own = (await herd(live.client, 1)).ids[0] as string;
  const row = list.items[0]?.id === own ? own : (list.items[0]?.id as string);
  await same(live, (await change(await login("manager"), row, { notes: `继续 ${Date.now()}` })).pos);
  assert.equal(live.ws.closed, undefined);
});

test("a field that the viewer may not see is answered exactly as one that nobody has invented", async () => {
  const live = await sit("clerk");
  const asked: ((field: string) => Record<string, unknown>)[] = [
    (field) => ({ filter: { field, op: "gt", value: "1" } }),
    (field) => ({ filter: { not: { and: [{ field, op: "empty" }] } } }),
    (field) => ({ sort: `-${field}` }),
    (field) => ({ fields: ["name", field] }),
  ];
  for (const ask of asked) {
    const answers: string[] = [];
    for (const field of ["credit_line", "credit_lime"]) {
      const answer = await refusal(live, { op: "sub", id: "z", kind: "records", form: "customer", ...ask(field) });
      answers.push(JSON.stringify({ ...answer.problem, request: "" }).replaceAll(field, "F"));
    }
    assert.equal(answers[0], answers[1]);
  }
});

test("a record out of sight, one that is gone and one that never was give the same bytes", async () => {
  const foreign = (await herd(await login("clerk3"), 1)).ids[0] as string;
  const gone = (await herd(await login("clerk"), 2)).ids[1] as string;
  await type(`DELETE FROM rec_customer WHERE _id = ${gone}`);
  const answers: string[] = [];
  for (const record of [foreign, gone, "9000000000000000001"]) {
    const heard: Message[] = [];
    const watcher = await sit("clerk", { tap: (message) => (heard.push(message), [message]) });
    watcher.ws.send(JSON.stringify({ op: "sub", id: "r", kind: "record", form: "customer", record }));
    await waitUntil("an answer", () => heard.find((message) => message.op === "error" || message.op === "snapshot"));
    answers.push(JSON.stringify(heard.filter((message) => message.op !== "hello" && message.op !== "mark")).replaceAll(record, "R").replace(/"(chan|pos|state|request)":"[^"]*"/g, ""));
    await watcher.close();
  }
  assert.equal(answers[1], answers[0]);
  assert.equal(answers[2], answers[0]);
});

test("64 subscriptions are served, the 65th is refused, and one that is given up makes room", async () => {
  const live = await sit("manager");
  for (let i = 0; i < 64; i++) live.sub({ kind: "records", form: "customer", limit: 1 + i, sort: i % 2 === 0 ? "name" : "-name", count: i % 3 === 0 });
  await waitUntil("all are open", () => [...live.mirrors.values()].every((mirror) => mirror.open), 30_000);
  const answer = await refusal(live, { op: "sub", id: "more", kind: "records", form: "customer", limit: 1 });
  assert.deepEqual([answer.id, answer.problem?.status], ["more", 429]);
  live.unsub([...live.mirrors.values()][5] as never);
  await live.watch({ kind: "records", form: "customer", limit: 2 });
  assert.deepEqual(live.complaints, []);
});

test("a person has eight sockets, not nine; another person's do not count", async () => {
  const client = await freshLogin("risk");
  const eight = [];
  for (let i = 0; i < 8; i++) eight.push(await Live.open(client));
  await assert.rejects(Live.open(client), /4408/);
  const other = await sit("president");
  assert.equal(other.ws.closed, undefined);
  await eight[0]?.close();
  await waitUntil("there is room again", async () => {
    const again = await Live.open(client).catch(() => undefined);
    if (again !== undefined) eight.push(again);
    return again;
  });
  for (const live of eight) await live.close();
});

test("what is no message ends the socket with its code, and no other", async () => {
  const cases: [string, (ws: Ws) => void, number][] = [
    ["not JSON", (ws) => ws.send("{op:sub}"), 1008],
    ["not an object", (ws) => ws.send("[1]"), 1008],
    ["a key twice", (ws) => ws.send('{"op":"unsub","op":"unsub","chan":"c1"}'), 1008],
    ["deep", (ws) => ws.send(`{"op":"sub","filter":${"[".repeat(60)}${"]".repeat(60)}}`), 1008],
    ["more than 64 KB", (ws) => ws.send(`{"op":"sub","id":"${"x".repeat(66_000)}"}`), 1009],
    ["not UTF-8", (ws) => ws.sendFrame(OPCODE.text, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 1007],
    ["binary", (ws) => ws.sendFrame(OPCODE.binary, Buffer.from("{}")), 1003],
    ["a reserved bit", (ws) => ws.sendFrame(OPCODE.text, "{}", 0xc1), 1002],
    ["200 messages at once", (ws) => Array.from({ length: 250 }, () => ws.send('{"op":"unsub","chan":"c0"}')), 1008],
  ];
  const bystander = await sit("manager");
  for (const [name, send, code] of cases) {
    const live = await sit("clerk2");
    send(live.ws);
    assert.equal((await live.ws.ended()).code, code, name);
  }
  const large = await sit("clerk2");
  const filter: Json = { field: "name", op: "in", value: ["x".repeat(100)] };
  large.ws.send(JSON.stringify({ op: "sub", id: "s", kind: "records", form: "customer", filter }).padEnd(65_536, " "));
  await waitUntil("64 KB exactly are read", () => large.errors.length > 0 || large.ws.messages > 1);
  assert.equal(large.ws.closed, undefined);
  assert.equal(bystander.ws.closed, undefined);
});

test("an upgrade needs this very origin, the sub-protocol, version 13 and a session", async () => {
  const { url } = await sharedServer();
  const client = await freshLogin("clerk");
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const open = (headers: Record<string, string>, protocol?: string) => Ws.open(url, { headers: { cookie, ...headers }, ...(protocol === undefined ? {} : { protocol }), onText: () => undefined });
  const refused = async (what: string, opening: Promise<Ws>, status: RegExp) =>
    assert.rejects(opening, (error) => error instanceof UpgradeRefused && status.test(String(error.status)), what);
  await refused("another origin", open({ origin: "http://evil.example" }), /403/);
  await refused("the origin of another port", open({ origin: "http://127.0.0.1:1" }), /403/);
  await refused("no origin", open({ origin: "null" }), /403/);
  await refused("another sub-protocol", open({}, "tidemark.v2"), /4\d\d/);
  await refused("version 8", open({ "sec-websocket-version": "8" }), /4\d\d/);
  for (const odd of ["sid=", `sid=${"A".repeat(43)}`, "other=1"]) {
    const ws = await open({ cookie: odd });
    assert.equal((await ws.ended()).code, 4401, odd);
  }
  const nobody = await stranger();
  await assert.rejects(Live.open(nobody), /4401/);
});
