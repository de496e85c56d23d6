// PATCH: versions, merge of edits to different fields, conflicts on the same one, rights on the row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Item } from "../lib/client.ts";
import { createCustomer, phone, readCustomer } from "../lib/demo.ts";
import { login, query } from "../lib/shared.ts";

const path = (id: string) => `/forms/customer/records/${id}`;
/** How often the log says that the record was shown though nothing of it was written. */
const shown = async (id: string, what: string): Promise<number> =>
  Number((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${id} AND action = 'read' AND detail LIKE '%"${what}"%'`, "app"))[0]?.["n"]);

test("a change needs the version it is based on", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const reply = await clerk.patch(path(item.id), { fields: { stage: "won" } }, undefined);
  assert.equal(reply.status, 428);
  assert.match(reply.problem().type, /precondition$/);
  assert.equal((await readCustomer(clerk, item.id)).fields["stage"], "lead");
});

test("a change is there in the answer, in a new read and in the list, with a new version", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const number = phone();
  const changed = clerk.expect<Item>(200, await clerk.patch(path(item.id), { fields: { stage: "contacted", phone: number } }, item.version));
  assert.equal(changed.fields["stage"], "contacted");
  assert.equal(changed.fields["phone"], number);
  assert.notEqual(changed.version, item.version);
  assert.match(changed.pos ?? "", /^[^.]+\.\d+$/);
  const { pos: _, ...rest } = changed;
  assert.deepEqual(await readCustomer(clerk, item.id), rest);
  const listed = (await clerk.list(`/forms/customer/records?q=${number}`)).items[0];
  assert.equal(listed?.id, item.id);
  assert.equal(listed?.version, changed.version);
});

test("writing what is there already changes nothing, the version neither", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const same = clerk.expect<Item>(200, await clerk.patch(path(item.id), { fields: { stage: "lead" } }, item.version));
  assert.equal(same.version, item.version);
  const none = clerk.expect<Item>(200, await clerk.patch(path(item.id), { fields: {} }, item.version));
  assert.equal(none.version, item.version);
  assert.equal(await shown(item.id, "unchanged"), 2, "an answer that shows a record is in the log");
});

test("edits of two people to different fields merge; on the same field the second is told what stands there", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const item = await createCustomer(clerk, { legal_person: "张三" });
  const theirs = await readCustomer(manager, item.id);
  clerk.expect(200, await clerk.patch(path(item.id), { fields: { stage: "quoted" } }, item.version));
  const merged = manager.expect<Item>(200, await manager.patch(path(item.id), { fields: { legal_person: "李四" } }, theirs.version));
  assert.equal(merged.fields["stage"], "quoted");
  assert.equal(merged.fields["legal_person"], "李四");
  const reply = await manager.patch(path(item.id), { fields: { stage: "lost", notes: "x" } }, theirs.version);
  assert.equal(reply.status, 412, reply.text);
  assert.deepEqual(reply.problem().conflicts, [{ field: "stage", base: "lead", theirs: "quoted", yours: "lost" }]);
  assert.equal(await shown(item.id, "conflict"), 1, "so are the values of a conflict");
  const now = await readCustomer(clerk, item.id);
  assert.equal(now.fields["stage"], "quoted");
  assert.equal(now.fields["notes"], null, "nothing of a refused change is written");
});

test("two people who make the same change to the same field do not conflict", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  clerk.expect(200, await clerk.patch(path(item.id), { fields: { stage: "won" } }, item.version));
  const again = await clerk.patch(path(item.id), { fields: { stage: "won" } }, item.version);
  assert.equal(again.status, 200, again.text);
});

test("If-Match: * overwrites on purpose", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  clerk.expect(200, await clerk.patch(path(item.id), { fields: { stage: "won" } }, item.version));
  const forced = clerk.expect<Item>(200, await clerk.patch(path(item.id), { fields: { stage: "lost" } }, "*"));
  assert.equal(forced.fields["stage"], "lost");
});

test("a version that never was is stale, with no base to compare", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const other = await createCustomer(clerk);
  for (const version of [other.version, "x", "A".repeat(200), `"${item.version}"x`]) {
    const reply = await clerk.patch(path(item.id), { fields: { stage: "won" } }, version);
    assert.equal(reply.status, 412, `${version}: ${reply.text}`);
    reply.problem();
  }
  assert.equal((await readCustomer(clerk, item.id)).fields["stage"], "lead");
});

test("many writers of different fields all get through; of one field, one by one", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const replies = await Promise.all([
    clerk.patch(path(item.id), { fields: { stage: "won" } }, item.version),
    clerk.patch(path(item.id), { fields: { legal_person: "王五" } }, item.version),
    clerk.patch(path(item.id), { fields: { notes: "同时" } }, item.version),
    clerk.patch(path(item.id), { fields: { birthday: "2001-01-01" } }, item.version),
  ]);
  for (const reply of replies) assert.equal(reply.status, 200, reply.text);
  const now = await readCustomer(clerk, item.id);
  assert.deepEqual([now.fields["stage"], now.fields["legal_person"], now.fields["notes"], now.fields["birthday"]], ["won", "王五", "同时", "2001-01-01"]);
  const same = await Promise.all(["a", "b", "c", "d", "e"].map((text) => clerk.patch(path(item.id), { fields: { notes: text } }, now.version)));
  assert.equal(same.filter((reply) => reply.status === 200).length, 1, same.map((reply) => reply.status).join());
  assert.equal(same.filter((reply) => reply.status === 412).length, 4);
});

test("a change that leaves a required field empty is refused", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  for (const name of [null, "", "   "]) {
    const reply = await clerk.patch(path(item.id), { fields: { name } }, item.version);
    assert.equal(reply.status, 422);
    assert.deepEqual(faults(reply), [["name", "required"]]);
  }
});

test("ids that are none, or nobody's, or another's are 404 with the same bytes", async () => {
  const clerk = await login("clerk");
  const foreign = (await (await login("clerk3")).list("/forms/customer/records?limit=1")).items[0] as Item;
  const answers = [];
  for (const id of [foreign.id, "1", "0", "-1", "abc", "9223372036854775807", "9223372036854775808", "1e3", "%20", "1%00"]) {
    for (const method of ["GET", "PATCH"]) {
      const reply =
        method === "GET"
          ? await clerk.get(path(id))
          : await clerk.patch(path(id), { fields: { stage: "won" } }, "*");
      if (id.includes("%00")) {
        assert.equal(reply.status, 400);
        continue;
      }
      assert.equal(reply.status, 404, `${method} ${id}: ${reply.text}`);
      answers.push({ ...reply.problem(), request: "" });
    }
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
});
