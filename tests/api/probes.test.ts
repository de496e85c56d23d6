// /healthz, /readyz and /metrics: at the root, for machines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { login, stranger } from "../lib/shared.ts";

test("healthz and readyz are good on a server that is", async () => {
  const nobody = await stranger();
  for (const path of ["//healthz", "//readyz"]) {
    const reply = await nobody.get(path);
    assert.equal(reply.status, 200, `${path}: ${reply.text}`);
    assert.equal(reply.headers["cache-control"], "no-store");
  }
});

test("metrics are Prometheus text whose counters move with what they count", async () => {
  const nobody = await stranger();
  const read = async () => {
    const reply = await nobody.get("//metrics");
    assert.equal(reply.status, 200, reply.text);
    assert.match(reply.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
    return reply.text;
  };
  const text = await read();
  const types = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const type = /^# TYPE (\w+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type) types.set(type[1] as string, type[2] as string);
    if (line.startsWith("#")) {
      assert.match(line, /^# (HELP|TYPE) tidemark_\w+ \S/);
      continue;
    }
    const sample = /^(tidemark_\w+)(\{(\w+="[^"]*",?)*\})? -?[0-9.e+]+$/.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    const name = (sample[1] as string).replace(/_(bucket|sum|count)$/, "");
    assert.ok(types.has(name) || types.has(sample[1] as string), `no TYPE for ${sample[1]}`);
  }
  for (const [name, type] of types) if (name.endsWith("_total")) assert.equal(type, "counter", name);
  const requests = (body: string) => {
    const line = body.split("\n").find((candidate) => /^tidemark_\w*requests_total[ {]/.test(candidate));
    assert.ok(line, "a counter of requests");
    return Number((line as string).split(" ").at(-1));
  };
  const before = requests(text);
  const clerk = await login("clerk");
  for (let i = 0; i < 5; i++) await clerk.get("/session");
  assert.ok(requests(await read()) >= before + 5);
});

test("metrics tell no name, no path of data and no id", async () => {
  const text = (await (await stranger()).get("//metrics")).text;
  assert.doesNotMatch(text, /clerk|manager|customer\/records\/\d|\d{16,}/);
});
