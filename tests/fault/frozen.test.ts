// A database that does not answer (stopped in its tracks): requests end with 503 within their limits instead of hanging,
// the server stays alive and says that it is not ready, and all is well as soon as the database moves again.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { checkChains } from "../lib/chain.ts";
import { createCustomer } from "../lib/demo.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const server = new Server({
  rows: 40,
  env: { TIDEMARK_DB_STATEMENT_MS: "1500", TIDEMARK_DB_WAIT_MS: "1000" },
});
let frozen: number | undefined;
after(() => {
  if (frozen !== undefined) process.kill(frozen, "SIGCONT");
  server.sweep();
});

test("a frozen database", async () => {
  await server.start();
  const clerk = await server.login("clerk");
  const item = await createCustomer(clerk);
  frozen = server.databasePid();
  assert.ok(frozen !== undefined);
  process.kill(frozen, "SIGSTOP");
  const started = Date.now();
  const replies = await Promise.all([
    ...Array.from({ length: 30 }, () => clerk.get(`/forms/customer/records/${item.id}`)),
    ...Array.from({ length: 10 }, (_, i) => clerk.patch(`/forms/customer/records/${item.id}`, { fields: { notes: `n${i}` } }, "*")),
  ]);
  const took = Date.now() - started;
  for (const reply of replies) {
    assert.equal(reply.status, 503, reply.text);
    assert.match(reply.headers["retry-after"] ?? "", /^\d+$/);
    reply.problem();
  }
  assert.ok(took < 15_000, `the last answer came after ${took} ms`);
  const alive = Date.now();
  assert.equal((await clerk.get("//healthz")).status, 200);
  assert.ok(Date.now() - alive < 1000);
  await waitUntil("readyz to say no", async () => (await clerk.get("//readyz")).status === 503);
  process.kill(frozen, "SIGCONT");
  frozen = undefined;
  await waitUntil("readyz to say yes", async () => (await clerk.get("//readyz")).status === 200);
  const changed = await waitUntil("a write", async () => {
    const reply = await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "won" } }, "*");
    return reply.status === 200 && reply;
  });
  assert.equal(changed.json().fields.stage, "won");
  checkChains((statement, account) => server.sql(statement, account));
  await server.stop();
});
