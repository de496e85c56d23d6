// The browser's side: pre-compressed files with ETag and strict headers; every page of the application is index.html.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import zlib from "node:zlib";
import type { Reply } from "../lib/client.ts";
import { ROOT } from "../lib/server.ts";
import { login, stranger } from "../lib/shared.ts";

const DIST = path.join(ROOT, "web/dist");
const files = fs.readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((name) => fs.statSync(path.join(DIST, name)).isFile() && !/\.(br|gz)$/.test(name));

function strict(reply: Reply): void {
  const policy = reply.headers["content-security-policy"];
  assert.equal(typeof policy, "string");
  for (const directive of ["default-src 'none'", "script-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]) {
    assert.ok((policy as string).includes(directive), directive);
  }
  assert.doesNotMatch(policy as string, /unsafe-eval|script-src[^;]*unsafe-inline|\*/);
  assert.equal(reply.headers["x-content-type-options"], "nosniff");
  assert.equal(reply.headers["referrer-policy"], "no-referrer");
  assert.equal(reply.headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(reply.headers["cross-origin-resource-policy"], "same-origin");
  assert.ok(reply.headers["permissions-policy"]);
  assert.equal(reply.headers["strict-transport-security"], undefined, "no HSTS on plain HTTP");
  assert.equal(reply.headers["server"], undefined);
  assert.equal(reply.headers["x-powered-by"], undefined);
}

test("the page is there, at its root and at every place of the application", async () => {
  const nobody = await stranger();
  const index = fs.readFileSync(path.join(DIST, "index.html"), "utf8");
  for (const place of ["///", "//login", "//forms/customer", "//forms/customer/42", "//audit?actor=clerk", "//index.html"]) {
    const reply = await nobody.get(place === "///" ? "//" : place);
    assert.equal(reply.status, 200, place);
    assert.equal(reply.text, index, place);
    assert.match(reply.headers["content-type"] ?? "", /^text\/html; charset=utf-8$/i);
    assert.match(reply.headers["cache-control"] ?? "", /no-cache/);
    strict(reply);
  }
});

test("every file is served as it is, typed, and compressed for those who take it", async () => {
  const nobody = await stranger();
  for (const name of files) {
    const bytes = fs.readFileSync(path.join(DIST, name));
    const plain = await nobody.get(`//${name}`);
    assert.equal(plain.status, 200, name);
    assert.ok(plain.bytes.equals(bytes), name);
    assert.equal(plain.headers["content-encoding"], undefined);
    strict(plain);
    if (/\.js$/.test(name)) assert.match(plain.headers["content-type"] ?? "", /^text\/javascript/);
    if (/\.css$/.test(name)) assert.match(plain.headers["content-type"] ?? "", /^text\/css/);
    for (const [encoding, suffix, open] of [["br", ".br", zlib.brotliDecompressSync], ["gzip", ".gz", zlib.gunzipSync]] as const) {
      if (!fs.existsSync(path.join(DIST, name + suffix))) continue;
      const packed = await nobody.get(`//${name}`, { headers: { "accept-encoding": encoding } });
      assert.equal(packed.headers["content-encoding"], encoding, name);
      assert.match(packed.headers["vary"] ?? "", /accept-encoding/i);
      assert.ok(open(packed.bytes).equals(bytes), name);
      assert.notEqual(packed.headers["etag"], plain.headers["etag"], "another representation, another ETag");
    }
    const refused = await nobody.get(`//${name}`, { headers: { "accept-encoding": "br;q=0, gzip;q=0" } });
    assert.equal(refused.headers["content-encoding"], undefined);
  }
});

test("hashed files are kept for good, and an ETag saves the second trip", async () => {
  const nobody = await stranger();
  for (const name of files) {
    const reply = await nobody.get(`//${name}`);
    const hashed = /^assets\/.*-[\w-]{8}\.\w+$/.test(name);
    if (hashed) assert.match(reply.headers["cache-control"] ?? "", /max-age=31536000.*immutable/, name);
    const etag = reply.headers["etag"] as string;
    assert.match(etag, /^"[^"]+"$/, name);
    for (const match of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await nobody.get(`//${name}`, { headers: { "if-none-match": match } });
      assert.equal(again.status, 304, `${name} ${match}`);
      assert.equal(again.bytes.length, 0);
    }
    assert.equal((await nobody.get(`//${name}`, { headers: { "if-none-match": '"x"' } })).status, 200);
  }
});

test("nothing outside the folder is served, and nothing is written to", async () => {
  const nobody = await stranger();
  for (const place of ["//../package.json", "//..%2fpackage.json", "//%2e%2e/package.json", "//assets/../../package.json", "//assets/..%5c..%5cpackage.json", "//assets//index.html", "//.//index.html", "//index.html%00.js"]) {
    const reply = await nobody.get(place);
    assert.ok(reply.status === 400 || reply.status === 404, `${place}: ${reply.status}`);
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const reply = await nobody.request(method, "//index.html", method === "DELETE" ? {} : { raw: "{}" });
    assert.equal(reply.status, 405, method);
  }
  const missing = await nobody.get("//assets/no-such-file-12345678.js");
  assert.equal(missing.status, 404, "a missing asset is no page");
});

test("data carries the strict headers as well, and is never stored", async () => {
  const clerk = await login("clerk");
  for (const reply of [await clerk.get("/session"), await clerk.get("/forms/customer/records?limit=1"), await clerk.get("/nothing")]) {
    strict(reply);
    assert.equal(reply.headers["cache-control"], "no-store");
  }
});
