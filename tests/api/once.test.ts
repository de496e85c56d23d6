// Idempotency-Key: a POST that is sent again is not done again, not even by two at once; another body under the same key is refused.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { faults, type Client, type Item, type Reply } from "../lib/client.ts";
import { createCustomer, customerFields, readCustomer } from "../lib/demo.ts";
import { login, query } from "../lib/shared.ts";

const PATH = "/forms/customer/records";
const keyed = (client: Client, path: string, body: unknown, key: string): Promise<Reply> => client.post(path, body, { headers: { "idempotency-key": key } });
const withName = async (name: string) => Number((await query(`SELECT COUNT(*) AS n FROM rec_customer WHERE name = '${name}'`))[0]?.["n"]);

test("a create that is sent again shows the record as it is now, and there is one of it", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const [key, body] = [randomUUID(), { fields: await customerFields(clerk) }];
  const first = await keyed(clerk, PATH, body, key);
  const made = clerk.expect<Item>(201, first);
  manager.expect(200, await manager.patch(`${PATH}/${made.id}`, { fields: { stage: "won", credit_line: "5.00" } }, "*"));
  const second = await keyed(clerk, PATH, body, key);
  const shown = clerk.expect<Item>(201, second);
  assert.deepEqual([shown.id, shown.fields["stage"], "credit_line" in shown.fields], [made.id, "won", false]);
  assert.equal(second.headers["location"], first.headers["location"]);
  assert.match(shown.pos ?? "", /^[^.]+\.\d+$/);
  assert.equal(await withName(body.fields["name"] as string), 1);
  // The same words of another person are another request.
  const others = await keyed(manager, PATH, { fields: { ...body.fields, credit_code: null } }, key);
  assert.equal(others.status, 201);
  const other = await keyed(clerk, PATH, { fields: { ...body.fields, notes: "anders" } }, key);
  assert.deepEqual([other.status, faults(other)], [422, [["Idempotency-Key", "other_request"]]]);
  const elsewhere = await keyed(clerk, "/forms/contact/records", body, key);
  assert.deepEqual([elsewhere.status, faults(elsewhere)], [422, [["Idempotency-Key", "other_request"]]]);
  // What the caller may not see any more is not shown again.
  clerk.expect(200, await clerk.delete(`${PATH}/${made.id}`));
  assert.equal((await keyed(clerk, PATH, body, key)).status, 404);
  assert.equal(await withName(body.fields["name"] as string), 2);
});

test("many at once under one key: it is done once, and each is told of the same record", async () => {
  const clerk = await login("clerk");
  for (let round = 0; round < 3; round++) {
    const [key, fields] = [randomUUID(), await customerFields(clerk)];
    delete fields["credit_code"]; // nothing else may stop the second
    const replies = await Promise.all(Array.from({ length: 6 }, () => keyed(clerk, PATH, { fields }, key)));
    assert.deepEqual(replies.map((reply) => reply.status), [201, 201, 201, 201, 201, 201], replies.map((reply) => reply.text.slice(0, 200)).join("\n"));
    assert.equal(new Set(replies.map((reply) => reply.json<Item>().id)).size, 1);
    assert.equal(await withName(fields["name"] as string), 1);
  }
});

test("a refused request may be sent again under its key, mended", async () => {
  const clerk = await login("clerk");
  const [key, fields] = [randomUUID(), await customerFields(clerk)];
  assert.equal((await keyed(clerk, PATH, { fields: { ...fields, phone: "x" } }, key)).status, 422);
  assert.equal((await keyed(clerk, PATH, { fields }, key)).status, 201);
});

test("batches and restores: nothing is changed twice, and what has gone is null in its place", async () => {
  const clerk = await login("clerk");
  const [a, b] = [await createCustomer(clerk), await createCustomer(clerk)];
  const body = { create: [{ fields: await customerFields(clerk) }, { fields: await customerFields(clerk) }], update: [{ id: a.id, version: a.version, fields: { notes: "einmal" } }], delete: [b.id] };
  const key = randomUUID();
  const replies = await Promise.all([1, 2, 3].map(() => keyed(clerk, `${PATH}:batch`, body, key)));
  assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 200], replies.map((reply) => reply.text.slice(0, 300)).join("\n"));
  const made = replies.map((reply) => reply.json<{ create: Item[] }>().create.map((item) => item.id).join());
  assert.equal(new Set(made).size, 1);
  clerk.expect(200, await clerk.patch(`${PATH}/${a.id}`, { fields: { notes: "danach" } }, "*"));
  const [gone] = (made[0] as string).split(",");
  clerk.expect(200, await clerk.delete(`${PATH}/${gone}`));
  const again = clerk.expect<{ create: (Item | null)[]; update: Item[]; delete: string[] }>(200, await keyed(clerk, `${PATH}:batch`, body, key));
  assert.deepEqual([again.create[0], again.update[0]?.fields["notes"], again.delete], [null, "danach", [b.id]]);
  assert.equal((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${a.id} AND action = 'update'`, "app"))[0]?.["n"], "2");

  const back = randomUUID();
  const restores = await Promise.all([1, 2, 3].map(() => clerk.request("POST", `${PATH}/${b.id}/restore`, { headers: { "idempotency-key": back } })));
  assert.deepEqual(restores.map((reply) => [reply.status, reply.json<Item>().id]), [1, 2, 3].map(() => [200, b.id]));
  assert.equal((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${b.id} AND action = 'restore'`, "app"))[0]?.["n"], "1");
  assert.equal((await readCustomer(clerk, b.id)).id, b.id);
});

test("keys that are none, routes that remember nothing, and what is kept of a key", async () => {
  const clerk = await login("clerk");
  const fields = await customerFields(clerk);
  const long = await keyed(clerk, PATH, { fields }, "k".repeat(129));
  assert.deepEqual([long.status, faults(long), long.problem().errors?.[0]?.limit], [422, [["Idempotency-Key", "too_long"]], "128"]);
  assert.deepEqual(faults(await keyed(clerk, PATH, { fields }, "a b")), [["Idempotency-Key", "not_text"]]);
  const item = await createCustomer(clerk);
  const reveal = await keyed(clerk, `${PATH}/${item.id}/reveal`, { field: "name", reason: "x" }, "k");
  assert.deepEqual([reveal.status, faults(reveal)], [422, [["Idempotency-Key", "unknown"]]]);
  const key = `geheim-${randomUUID()}`;
  clerk.expect(201, await keyed(clerk, PATH, { fields }, key));
  const kept = await query("SELECT CONCAT_WS('|', user_id, HEX(key_hash), HEX(request_hash), records, at) AS all_of_it FROM idempotency_key ORDER BY at DESC LIMIT 1");
  assert.match(kept[0]?.["all_of_it"] ?? "", /^\d+\|[0-9A-F]{64}\|[0-9A-F]{64}\|\{"create":\["\d+"\],"update":\[\],"delete":\[\],"restore":\[\]\}\|/);
  // A day later the key is free again, whether or not its row has been swept away.
  await query("UPDATE idempotency_key SET at = at - INTERVAL 25 HOUR ORDER BY at DESC LIMIT 1");
  const fresh = await keyed(clerk, PATH, { fields: { ...fields, credit_code: null } }, key);
  assert.equal(fresh.status, 201);
});
