// Rights in frames: what a viewer may not see is in no byte that reaches him, and what changes only there reaches him not
// at all. Rights and forms that change under open screens; sessions that end.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { login, query, freshLogin } from "../lib/shared.ts";
import { phone } from "../lib/demo.ts";
import type { Live, Message } from "../lib/live.ts";
import { waitUntil } from "../lib/wait.ts";
import { change, herd, PATH, same, sit, type } from "./desk.ts";

/** Everything that a person's socket has ever told, as text. */
async function wired(name: string): Promise<{ live: Live; bytes: () => string }> {
  const heard: Message[] = [];
  const live = await sit(name, { tap: (message) => (heard.push(message), [message]) });
  return { live, bytes: () => JSON.stringify(heard) };
}
const frames = (bytes: string) => (JSON.parse(bytes) as Message[]).filter((message) => message.op !== "mark");

test("canary values in hidden and masked fields reach nobody who may not see them", async () => {
  const [clerk, risk, president, clerk3] = [await wired("clerk2"), await wired("risk"), await wired("president"), await wired("clerk3")];
  const manager = await login("manager");
  const owner = await login("clerk");
  const { ids, filter } = await herd(owner, 2);
  // clerk2 sits in another outlet: put the rows there, owned by clerk, so that phone and id_no are masked for clerk2.
  const outlet = clerk.live.client.session?.user.department.id;
  await type(`UPDATE rec_customer SET _department = ${outlet} WHERE _id IN (${ids.join()})`);
  for (const { live } of [clerk, risk, president, clerk3]) {
    if (live !== risk.live) await live.watch({ kind: "records", form: "customer", filter, sort: "name", count: true });
    await live.watch({ kind: "records", form: "customer", sort: "-no", limit: 30 });
    live.sub({ kind: "record", form: "customer", record: ids[0] as string });
  }
  const [number, line, note] = [phone(), "73190457.31", `Kanarie ${Date.now()}`];
  let sequence = 0;
  const risks = await login("risk");
  for (const id of ids) {
    await change(risks, id, { credit_line: line, risk_grade: "high" });
    await change(manager, id, { phone: number, notes: note });
    sequence = await type(`UPDATE rec_customer SET registered_capital = registered_capital + 1 WHERE _id = ${id}`);
  }
  for (const { live } of [clerk, risk, president, clerk3]) {
    await waitUntil("answered", () => [...live.mirrors.values()].every((mirror) => mirror.open || mirror.over));
    await same(live, sequence);
  }
  const sees = (bytes: string) => [number, line, note].map((canary) => bytes.includes(canary));
  assert.deepEqual(sees(president.bytes()), [true, true, true], "the canaries are there to be seen");
  assert.deepEqual(sees(clerk.bytes()), [false, false, true]);
  assert.deepEqual(sees(risk.bytes()), [false, true, false]);
  assert.deepEqual(sees(clerk3.bytes()), [false, false, false], "another branch");
  for (const key of ["credit_line", "risk_grade"]) assert.ok(!clerk.bytes().includes(key), key);
  for (const key of ['"phone"', "notes", "legal_person", "registered_capital"]) assert.ok(!risk.bytes().includes(key), key);
  assert.ok(clerk.bytes().includes(`${number.slice(0, 3)}****${number.slice(-4)}`), "its mask");
  for (const id of ids) assert.ok(!clerk3.bytes().replaceAll(`"record":"${id}"`, "").includes(id), "not even its id");
});

test("a change of hidden fields alone makes no frame for the viewer, and does not move the version", async () => {
  const { live, bytes } = await wired("clerk");
  const { ids, filter } = await herd(live.client, 2);
  const list = await live.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", count: true });
  await live.watch({ kind: "record", form: "customer", record: ids[0] as string });
  const [before, version] = [frames(bytes()).length, list.items[0]?.version];
  const risk = await login("risk");
  for (const line of ["1.00", "2.00", "3.00"]) await change(risk, ids[0] as string, { credit_line: line, risk_grade: "medium" });
  await type(`UPDATE rec_customer SET _rev = _rev + 1, credit_line = 9 WHERE _id IN (${ids.join()})`);
  const pos = (await change(live.client, ids[1] as string, { notes: "sichtbar" })).pos;
  await live.until(pos);
  const told = frames(bytes()).slice(before);
  assert.ok(told.every((message) => !JSON.stringify(message).includes(ids[0] as string)), JSON.stringify(told));
  assert.equal(list.items.find((item) => item.id === ids[0])?.version, version);
  await same(live, pos);
});

test("a mark follows the session's own write, and nobody else's", async () => {
  const [mine, other] = [await sit("clerk"), await sit("clerk")];
  const { ids } = await herd(mine.client, 1);
  const { pos } = await change(mine.client, ids[0] as string, { notes: "eigenes" });
  const start = performance.now();
  await mine.until(pos, 4000);
  assert.ok(performance.now() - start < 4000);
  // Of the same person, but another session: his next mark is the clock's.
  await other.until(pos, 8000);
  assert.deepEqual([mine.complaints, other.complaints], [[], []]);
});

test("logging out closes the session's sockets with 4401, and those alone", async () => {
  const client = await freshLogin("clerk2");
  const [first, second, other] = [await sit("", { client }), await sit("", { client }), await sit("clerk2")];
  await client.logOut();
  for (const live of [first, second]) assert.equal((await live.ws.ended()).code, 4401);
  await other.watch({ kind: "records", form: "customer", limit: 1 });
  assert.equal(other.ws.closed, undefined);
  // Ended by hand in the database.
  const session = (await query(`SELECT id FROM session WHERE ended_at IS NULL AND user_id = ${other.client.session?.user.id} ORDER BY id DESC LIMIT 1`))[0]?.["id"];
  await type(`UPDATE session SET ended_at = UTC_TIMESTAMP(6), end_reason = 'test' WHERE id = ${session}`);
  assert.equal((await other.ws.ended()).code, 4401);
});

const EPOCH = "UPDATE catalog_epoch SET epoch = epoch + 1";
const undo: string[] = [];
after(async () => {
  for (const statement of undo.reverse()) await query(`${statement};\n${EPOCH}`);
});

test("a disabled person's sockets are closed with 4401", async () => {
  const live = await sit("clerk3");
  await live.watch({ kind: "records", form: "customer", limit: 1 });
  undo.push("UPDATE app_user SET disabled_at = NULL WHERE login = 'clerk3'");
  await type(`START TRANSACTION;\nUPDATE app_user SET disabled_at = UTC_TIMESTAMP(6) WHERE login = 'clerk3';\n${EPOCH};\nCOMMIT`);
  assert.equal((await live.ws.ended()).code, 4401);
  await type(`START TRANSACTION;\n${undo.pop()};\n${EPOCH};\nCOMMIT`);
  await waitUntil("clerk3 can log in again", async () => (await freshLogin("clerk3").catch(() => undefined)) !== undefined);
});

test("a field that becomes hidden, and a form that is taken away, leave every open screen at once", async () => {
  const { live, bytes } = await wired("clerk");
  const { ids, filter } = await herd(live.client, 3);
  const list = await live.watch({ kind: "records", form: "customer", filter, sort: "registered_capital" });
  const record = await live.watch({ kind: "record", form: "customer", record: ids[0] as string });
  const grant = (await query("SELECT g.id, g.fields FROM access_grant g JOIN user_role ur ON ur.role_id = g.role_id JOIN app_user u ON u.id = ur.user_id WHERE u.login = 'clerk' AND g.form = 'customer'"));
  assert.ok(grant.length > 0);
  for (const row of grant) undo.push(`UPDATE access_grant SET fields = '${row["fields"]}', form = 'customer' WHERE id = ${row["id"]}`);
  const closed = async () => Number((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE detail LIKE '%"live":"close"%' AND actor_id = ${live.client.session?.user.id} AND id > ${ids[0]}`, "app"))[0]?.["n"]);
  const all = grant.map((row) => row["id"]).join();
  const before = await closed();

  await type(`START TRANSACTION;\nUPDATE access_grant SET fields = JSON_SET(fields, '$.notes', 'hidden', '$.legal_person', 'read') WHERE id IN (${all});\n${EPOCH};\nCOMMIT`);
  await waitUntil("both begin anew", () => list.snapshots === 2 && record.snapshots === 2);
  assert.ok(list.schemas >= 1, "schema comes before it");
  const canary = `Geheim ${Date.now()}`;
  await same(live, (await change(await login("manager"), ids[0] as string, { notes: canary })).pos);
  assert.ok(!list.items.some((item) => "notes" in item.fields));
  assert.ok(!bytes().includes(canary));
  await waitUntil("the end under the old rights is in the log", async () => (await closed()) >= before + 2);

  await type(`START TRANSACTION;\nUPDATE access_grant SET form = 'no_form' WHERE id IN (${all});\n${EPOCH};\nCOMMIT`);
  await waitUntil("both have ended", () => list.over && record.over);
  assert.deepEqual([list.problem?.status, record.problem?.status], [404, 404]);
  assert.equal((await live.client.get(PATH)).status, 404);
  assert.equal(live.ws.closed, undefined, "the socket itself stays");
});

test("columns that are added to a table under open screens do no harm", async () => {
  const live = await sit("president");
  const { ids, filter } = await herd(await login("manager"), 3);
  const list = await live.watch({ kind: "records", form: "customer", filter, sort: "registered_capital" });
  await type("ALTER TABLE rec_customer ADD COLUMN _odd INT NULL, ADD COLUMN _odder VARCHAR(64) NULL AFTER _owner");
  await same(live, await type(`UPDATE rec_customer SET _odd = 5, _odder = 'x', registered_capital = registered_capital * 2 WHERE _id IN (${ids.join()})`));
  await type("ALTER TABLE rec_customer DROP COLUMN _odd, DROP COLUMN _odder");
  await same(live, await type(`UPDATE rec_customer SET registered_capital = 7 WHERE _id = ${ids[0]}`));
  assert.equal(list.items.length, 3);
});
