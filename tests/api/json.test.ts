// Bodies that are not what the contract calls JSON, or not the JSON that a route takes: a problem document each time, and
// nothing half-written: the list's total and the log's change events are as before.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { faults, type Client } from "../lib/client.ts";
import { customerFields } from "../lib/demo.ts";
import { processOf } from "../lib/server.ts";
import { login, query, sharedServer } from "../lib/shared.ts";

const PATH = "/forms/customer/records";
let good = "";
let countBefore = 0;
let eventsBefore = 0;

async function total(): Promise<number> {
  return Number((await (await login("clerk")).list(`${PATH}?count=1&limit=1`)).total);
}
async function changeEvents(): Promise<number> {
  const rows = await query("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE login = 'clerk' AND action IN ('create', 'update', 'delete')", "app");
  return Number(rows[0]?.["n"]);
}

before(async () => {
  good = JSON.stringify(await customerFields(await login("clerk")));
  countBefore = await total();
  eventsBefore = await changeEvents();
});

after(async () => {
  assert.equal(await total(), countBefore, "a refused body has left a record");
  assert.equal(await changeEvents(), eventsBefore, "a refused body has left an event");
});

const deep = (n: number, open: string, close: string) => open.repeat(n) + close.repeat(n);
const name = '"name":"x"';

/** Not well-formed: 400. */
const BROKEN: [string, Buffer | string][] = [
  ["an empty body", ""],
  ["blanks only", " \n\t "],
  ["a truncated object", '{"fields":{'],
  ["a bare word", "fields"],
  ["NaN", `{"fields":{${name},"registered_capital":NaN}}`],
  ["Infinity", `{"fields":{${name},"registered_capital":Infinity}}`],
  ["-Infinity", `{"fields":{${name},"registered_capital":-Infinity}}`],
  ["nan in lower case", `{"fields":{${name},"birthday":nan}}`],
  ["True", `{"fields":{${name},"notes":True}}`],
  ["NULL", `{"fields":{${name},"notes":NULL}}`],
  ["single quotes", `{'fields':{}}`],
  ["a key without quotes", `{fields:{}}`],
  ["a comment", `{"fields":{${name}}/* x */}`],
  ["a line comment", `{"fields":{${name}} // x\n}`],
  ["a trailing comma in an object", `{"fields":{${name},}}`],
  ["a trailing comma in an array", `{"fields":{${name},"tags":["a",]}}`],
  ["a missing comma", `{"fields":{${name} "notes":"y"}}`],
  ["a missing colon", `{"fields" {}}`],
  ["two documents", `{"fields":{${name}}}{"fields":{${name}}}`],
  ["trailing bytes", `{"fields":{${name}}}x`],
  ["a trailing NUL", `{"fields":{${name}}}\0`],
  ["a byte order mark", `\ufeff{"fields":{${name}}}`],
  ["a duplicate key", `{"fields":{"name":"x","name":"y"}}`],
  ["a duplicate member at the top", `{"fields":{${name}},"fields":{${name}}}`],
  ["a duplicate key by escape", `{"fields":{"name":"x","n\\u0061me":"y"}}`],
  ["a NUL escaped in a key", `{"fields":{"na\\u0000me":"x"}}`],
  ["a NUL escaped in a value", `{"fields":{"name":"a\\u0000b"}}`],
  ["a raw control character in a string", `{"fields":{"name":"a\u0001b"}}`],
  ["a raw newline in a string", `{"fields":{"name":"a\nb"}}`],
  ["an unknown escape", `{"fields":{"name":"\\x41"}}`],
  ["a short unicode escape", `{"fields":{"name":"\\u12"}}`],
  ["a lone high surrogate", `{"fields":{"name":"\\ud800"}}`],
  ["a lone low surrogate", `{"fields":{"name":"\\udc00"}}`],
  ["a number with a leading zero", `{"fields":{${name},"notes":012}}`],
  ["a number with a plus", `{"fields":{${name},"notes":+1}}`],
  ["a number that ends in a dot", `{"fields":{${name},"notes":1.}}`],
  ["a number that begins with a dot", `{"fields":{${name},"notes":.5}}`],
  ["a number with an empty exponent", `{"fields":{${name},"notes":1e}}`],
  ["a lone minus", `{"fields":{${name},"notes":-}}`],
  ["a hexadecimal number", `{"fields":{${name},"notes":0x1F}}`],
  ["depth 33", `{"fields":{"tags":${deep(31, "[", "]")}}}`],
  ["depth 100,000", deep(100_000, "[", "]")],
  ["100,000 opened objects", '{"a":'.repeat(100_000)],
  ["invalid UTF-8", Buffer.concat([Buffer.from('{"fields":{"name":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}}')])],
  ["overlong UTF-8", Buffer.concat([Buffer.from('{"fields":{"name":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}}')])],
  ["a surrogate in UTF-8", Buffer.concat([Buffer.from('{"fields":{"name":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}}')])],
  ["truncated UTF-8", Buffer.concat([Buffer.from('{"fields":{"name":"'), Buffer.from([0xe6, 0xb1])])],
  ["UTF-16", Buffer.from(`{"fields":{${name}}}`, "utf16le")],
  ["a number of 400 digits", `{"fields":{${name},"notes":${"9".repeat(400)}}}`],
  ["an exponent past all bounds", `{"fields":{${name},"notes":1e999999999}}`],
];

for (const [what, raw] of BROKEN) {
  test(`${what} is not JSON: 400`, async () => {
    const clerk = await login("clerk");
    const reply = await clerk.request("POST", PATH, { raw });
    assert.equal(reply.status, 400, reply.text);
    assert.match(reply.problem().type, /bad_json$/);
  });
}

/** Well-formed, and not what the route takes: 422 naming the place. */
const WRONG: [string, (fields: string) => string, string, string][] = [
  ["an array", () => "[]", "", "wrong_type"],
  ["a string", () => '"fields"', "", "wrong_type"],
  ["null", () => "null", "", "wrong_type"],
  ["an empty object", () => "{}", "fields", "required"],
  ["fields as an array", () => '{"fields":[]}', "fields", "wrong_type"],
  ["fields as null", () => '{"fields":null}', "fields", "required"],
  ["an unknown member", (fields) => `{"fields":${fields},"extra":1}`, "extra", "unknown"],
  ["a member that only an item has", (fields) => `{"fields":${fields},"version":"1"}`, "version", "unknown"],
  ["__proto__", (fields) => `{"fields":${fields},"__proto__":{}}`, "__proto__", "unknown"],
];

for (const [what, body, field, code] of WRONG) {
  test(`${what} is refused: 422 ${field} ${code}`, async () => {
    const clerk = await login("clerk");
    const reply = await clerk.request("POST", PATH, { raw: body(good) });
    assert.equal(reply.status, 422, reply.text);
    assert.ok(reply.problem().errors?.some((error) => error.field === field && error.code === code), reply.text);
  });
}

test("a body past the limit is 413, and the server's memory stays where it was", async () => {
  const clerk = await login("clerk");
  const { binary, data } = await sharedServer();
  const pid = processOf(binary, data);
  const raw = Buffer.alloc(2_000_000, 0x20);
  raw.write(`{"fields":${good}}`);
  assert.equal((await oversize(clerk, raw)).status, 413);
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  const first = resident();
  for (let i = 0; i < 40; i++) assert.equal((await oversize(clerk, raw)).status, 413);
  assert.ok(resident() - first < 40_000, `grew by ${resident() - first} kB`);
});

test("a body of just under the limit that is one huge value is refused as a value", async () => {
  const clerk = await login("clerk");
  const reply = await clerk.post(PATH, { fields: { ...JSON.parse(good), notes: "x".repeat(1_000_000) } });
  assert.equal(reply.status, 422);
  assert.deepEqual(faults(reply), [["notes", "too_long"]]);
});

test("100,000 unknown members are answered, with a bounded number of faults", async () => {
  const clerk = await login("clerk");
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, 1]));
  const reply = await clerk.post(PATH, { fields: many });
  assert.equal(reply.status, 422);
  assert.ok((reply.problem().errors?.length ?? 0) <= 200, `${reply.problem().errors?.length} faults`);
  assert.ok(reply.bytes.length < 100_000);
});

// The server may answer 413 and close before it has read everything: that is an answer, not a fault of the line.
async function oversize(clerk: Client, raw: Buffer): Promise<{ status: number }> {
  const reply = await clerk.request("POST", PATH, { raw, agent: false });
  if (reply.status === 413) assert.match(reply.problem().type, /too_large$/);
  return reply;
}
