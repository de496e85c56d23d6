// The shape of every refusal, and the answers to paths and methods that are not there.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { login, stranger } from "../lib/shared.ts";

function wellFormed(reply: Reply): void {
  const problem = reply.problem();
  assert.equal(problem.status, reply.status);
  assert.ok(problem.type.length > 0 && !/\s/.test(problem.type));
  assert.ok(problem.title.length > 0);
  assert.ok(problem.detail.length > 0);
  assert.ok(problem.request.length >= 8);
  assert.equal(reply.headers["x-request-id"], problem.request);
  assert.equal(reply.headers["cache-control"], "no-store");
  const known = ["type", "title", "status", "detail", "request", "errors", "conflicts"];
  for (const key of Object.keys(problem)) assert.ok(known.includes(key), key);
  // Nothing of the inside: no SQL, no file, no table, no server's name.
  assert.doesNotMatch(reply.text, /\b(SELECT|INSERT|UPDATE|rec_customer|mariadb|mysql|libwebsockets|\.c:\d)/);
  assert.equal(reply.headers["server"], undefined);
}

test("each kind of refusal is a problem document of one shape", async () => {
  const [clerk, nobody] = [await login("clerk"), await stranger()];
  const item = await createCustomer(clerk);
  const path = `/forms/customer/records/${item.id}`;
  const replies: [number, Reply][] = [
    [401, await nobody.get("/forms")],
    [401, await nobody.post("/session", { login: "x", password: "y" })],
    [403, await clerk.post("/forms/customer/records", {}, { headers: { "x-csrf-token": "x" } })],
    [404, await clerk.get("/forms/customer/records/1")],
    [404, await clerk.get("/nothing/here")],
    [404, await clerk.get("//api/v2/forms")],
    [404, await clerk.get("//api/v1")],
    [405, await clerk.request("PUT", path, { body: {} })],
    [405, await clerk.delete("/forms")],
    [412, await clerk.patch(path, { fields: { stage: "won" } }, "nonsense")],
    [415, await clerk.post("/forms/customer/records", {}, { headers: { "content-type": "text/plain" } })],
    [422, await clerk.post("/forms/customer/records", {})],
    [422, await clerk.get("/forms/customer/records?x=1")],
    [428, await clerk.patch(path, { fields: {} }, undefined)],
  ];
  const requests = new Set<string>();
  for (const [status, reply] of replies) {
    assert.equal(reply.status, status, reply.text);
    wellFormed(reply);
    requests.add(reply.problem().request);
  }
  assert.equal(requests.size, replies.length, "each request has a number of its own");
  const unknown = replies.find(([, reply]) => reply.text.includes('"field":"x"'))?.[1].problem();
  assert.equal(unknown?.detail, `x: ${unknown?.errors?.[0]?.message}`, "the detail of a fault names its place");
});

test("405 names the methods that there are", async () => {
  const clerk = await login("clerk");
  const reply = await clerk.request("PUT", "/session", { body: {} });
  assert.equal(reply.status, 405);
  const allow = (reply.headers["allow"] ?? "").split(/,\s*/).sort();
  assert.deepEqual(allow.filter((method) => method !== "HEAD"), ["DELETE", "GET", "POST"]);
  for (const method of ["TRACE", "OPTIONS"]) {
    const other = await clerk.request(method, "/session");
    assert.equal(other.status, 405, method);
  }
});

test("HEAD is GET without its body", async () => {
  const clerk = await login("clerk");
  const [get, head] = [await clerk.get("/forms"), await clerk.request("HEAD", "/forms")];
  assert.equal(head.status, 200);
  assert.equal(head.bytes.length, 0);
  assert.equal(head.headers["content-length"], get.headers["content-length"]);
});

test("paths are taken as they are: no dot segments, no double slashes, no encoded ones", async () => {
  const clerk = await login("clerk");
  for (const path of ["//api/v1/forms/", "//api/v1//forms", "//api/v1/./forms", "//api/v1/x/../forms", "//api/v1%2fforms", "//api/v1/forms%00", "//api/v1/forms;x=1", "//API/V1/forms", "//api/v1/forms/customer/records/"]) {
    const reply = await clerk.get(path);
    assert.ok(reply.status === 404 || reply.status === 400, `${path}: ${reply.status}`);
    reply.problem();
  }
});

test("titles follow the reader's language", async () => {
  const clerk = await login("clerk");
  const title = async (language: string) =>
    (await clerk.get("/forms/nothing", { headers: { "accept-language": language } })).problem().title;
  assert.match(await title("zh-CN"), /\p{Script=Han}/u);
  assert.doesNotMatch(await title("en-US,en;q=0.5"), /\p{Script=Han}/u);
});
