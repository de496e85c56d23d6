// A change of rights begins anew what it concerns, and nothing else: people to whom nothing has changed hear nothing of it,
// the others are told at once, under the new rights. And midnight, which is a change like any other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sequenceOf, type Live, type Message } from "../lib/live.ts";
import { matrixOf, setGrants, type Grant } from "../lib/rights.ts";
import { freshLogin, login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { change, herd, PATH, same, sit, type } from "./desk.ts";

async function wired(name: string): Promise<{ live: Live; heard: Message[] }> {
  const heard: Message[] = [];
  const live = await sit(name, { tap: (message) => (heard.push(message), [message]) });
  return { live, heard };
}
const frames = (heard: Message[]) => heard.filter((message) => message.op !== "mark");
async function grantsOf(role: string): Promise<Grant[]> {
  return (await matrixOf()).roles.find((each) => each.key === role)?.grants ?? assert.fail(role);
}
const roleOf = async (person: string) => (await query(`SELECT r.\`key\` AS k FROM role r JOIN user_role ur ON ur.role_id = r.id JOIN app_user u ON u.id = ur.user_id WHERE u.login = '${person}'`))[0]?.["k"] as string;

test("a change of one role's grants is told to its people alone, at once, and to nobody else in a single frame", async () => {
  const [clerk, president, risk, auditor] = [await wired("clerk"), await wired("president"), await wired("risk"), await wired("auditor")];
  const { ids, filter } = await herd(clerk.live.client, 3);
  const request = { kind: "records" as const, form: "customer", filter, sort: "registered_capital", count: true };
  const his = [await clerk.live.watch(request), await clerk.live.watch({ kind: "record", form: "customer", record: ids[0] as string })];
  const theirs = [await president.live.watch(request), await president.live.watch({ kind: "record", form: "customer", record: ids[0] as string })];
  await risk.live.watch({ kind: "records", form: "customer", sort: "-no", limit: 5 });
  await auditor.live.watch({ kind: "notice" });
  const role = await roleOf("clerk");
  const grants = await grantsOf(role);
  const hidden = grants.map((grant) => ({ ...grant, fields: { ...grant.fields, notes: "hidden" as const } }));
  const others = [president, risk, auditor];
  const before = others.map(({ heard }) => frames(heard).length);
  const [schemas, canary] = [his.map((mirror) => mirror.schemas), `Geheim ${Date.now()}`];
  try {
    const { pos } = await setGrants({ [role]: hidden });
    await waitUntil("told to its people", () => his.every((mirror, i) => mirror.snapshots === 2 && mirror.schemas > (schemas[i] as number)));
    assert.ok(his.every((mirror) => mirror.items.every((item) => !("notes" in item.fields))));
    for (const { live } of others) await live.until(pos as string);
    assert.deepEqual(others.map(({ heard }, i) => frames(heard).slice(before[i])), [[], [], []], "not a frame to the others");
    // They go on in their channels, and see what those whose role has changed no longer see.
    const written = (await change(await login("manager"), ids[0] as string, { notes: canary })).pos;
    for (const { live } of [clerk, ...others.slice(0, 2)]) await same(live, written);
    assert.ok(theirs.every((mirror) => mirror.snapshots === 1 && mirror.items.some((item) => item.fields["notes"] === canary)));
    assert.ok(!JSON.stringify(clerk.heard).includes(canary));
  } finally {
    await setGrants({ [role]: grants });
  }
  await waitUntil("and back", () => his.every((mirror) => mirror.snapshots === 3));
  await same(clerk.live, (await change(await login("manager"), ids[0] as string, { notes: "wieder" })).pos);
  assert.ok(his.every((mirror) => mirror.items.some((item) => item.fields["notes"] === "wieder")));
  assert.ok(theirs.every((mirror) => mirror.snapshots === 1));
});

test("of two people in one channel one loses his rights under a stream of writes: no byte of the old reaches him, the other misses none", async () => {
  // clerk2 gets the president's role and department for a while: they ask the same and see the same.
  const [stays, leaves] = [await sit("president"), await wired("clerk2")];
  const { ids } = await herd(await login("manager"), 1);
  const request = { kind: "records" as const, form: "customer", sort: "-no", limit: 20, count: true };
  const [own, other] = [leaves.live, stays].map((live) => live.client.session?.user);
  const roles = { own: await roleOf("clerk2"), other: await roleOf("president") };
  const give = (role: "own" | "other") =>
    type(`START TRANSACTION;\nUPDATE user_role SET role_id = (SELECT id FROM role WHERE \`key\` = '${roles[role]}') WHERE user_id = ${own?.id};\nUPDATE app_user SET department_id = ${(role === "own" ? own : other)?.department.id} WHERE id = ${own?.id};\nUPDATE catalog_epoch SET epoch = epoch + 1;\nCOMMIT`);
  try {
    await stays.settle(`${stays.hello?.pos?.split(".")[0]}.${await give("other")}`);
    const kept = await stays.watch(request);
    const taken = await leaves.live.watch(request);
    assert.equal(taken.chan, kept.chan, "one channel");
    assert.ok("credit_line" in (taken.items[0]?.fields ?? {}));
    const begun = leaves.heard.length;
    const risk = await login("risk");
    let stop = false;
    const writing = (async () => {
      let pos = "";
      for (let i = 1; !stop; i++) pos = (await change(risk, ids[0] as string, { credit_line: `${i}.00` })).pos;
      return pos;
    })();
    await waitUntil("deltas flow", () => taken.deltas > 3);
    const sequence = await give("own");
    await waitUntil("begun anew, or refused", () => taken.snapshots > 1 || taken.over);
    stop = true;
    const pos = await writing;
    await same(stays, pos);
    await leaves.live.until(pos);
    assert.equal(kept.snapshots, 1);
    const after = leaves.heard.slice(begun).filter((message) => message.op === "delta" || message.op === "snapshot");
    const last = after.findLast((message) => JSON.stringify(message).includes("credit_line"));
    assert.ok(sequenceOf(last?.pos) > 0 && sequenceOf(last?.pos) < sequence, `the last byte of the old rights at ${last?.pos}, they ended at ${sequence}`);
    assert.deepEqual(stays.complaints, []);
  } finally {
    await give("own");
  }
});

test("a filter of today meets midnight: what was today leaves, what was tomorrow enters, without a write", async () => {
  const clerk = await sit("clerk");
  const { ids, filter } = await herd(clerk.client, 3);
  // Days of the instance's zone. The beat is the one clock of all lists: it says that it is noon tomorrow, so that no real midnight is near.
  const noon = "CONVERT_TZ(TIMESTAMP(DATE(CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', '+08:00')), '12:00:00') + INTERVAL 1 DAY, '+08:00', '+00:00')";
  const [days] = await query(`SELECT ${[0, 1, 2].map((n) => `DATE(CONVERT_TZ(${noon}, '+00:00', '+08:00') + INTERVAL ${n} DAY) AS d${n}`).join()}`);
  const day = (n: number) => days?.[`d${n}`] as string;
  for (const [n, id] of ids.entries()) await change(clerk.client, id, { next_follow_up_on: day(n) });
  const within = (word: string) => ({ and: [filter, { field: "next_follow_up_on", op: "within", value: word }] });
  const request = { kind: "records" as const, form: "customer", sort: "registered_capital", count: true };
  try {
    await type(`UPDATE beat SET at = ${noon} WHERE id = 1`);
    const [today, tomorrow] = [await clerk.watch({ ...request, filter: within("today") }), await clerk.watch({ ...request, filter: within("tomorrow") })];
    const shown = () => [today, tomorrow].map((mirror) => mirror.items.map((item) => item.id));
    await waitUntil("noon", () => JSON.stringify(shown()) === JSON.stringify([[ids[0]], [ids[1]]]));
    const told = [today, tomorrow].map((mirror) => mirror.snapshots);
    await type("UPDATE beat SET at = at + INTERVAL 1 DAY WHERE id = 1");
    await waitUntil("the next day", () => JSON.stringify(shown()) === JSON.stringify([[ids[1]], [ids[2]]]));
    assert.deepEqual([today.total, tomorrow.total], ["1", "1"]);
    assert.deepEqual([today, tomorrow].map((mirror) => mirror.snapshots), told, "as a difference, as any other change");
    // Writes are judged by the new day, too.
    const pos = (await change(clerk.client, ids[0] as string, { next_follow_up_on: day(1) })).pos;
    await clerk.settle(pos);
    assert.deepEqual(shown(), [[ids[0], ids[1]], [ids[2]]]);
    const fresh = await clerk.client.list(`${PATH}?${new URLSearchParams({ filter: JSON.stringify({ and: [filter, { field: "next_follow_up_on", op: "eq", value: day(1) }] }), sort: "registered_capital" })}`);
    assert.deepEqual(today.items.map((item) => [item.id, item.version]), fresh.items.map((item) => [item.id, item.version]));
    assert.deepEqual(clerk.complaints, []);
    clerk.unsub(today);
    clerk.unsub(tomorrow);
  } finally {
    await type("UPDATE beat SET at = UTC_TIMESTAMP(6) WHERE id = 1");
  }
});

test("a session that nobody uses any more ends, and its sockets are closed with 4401, though the screen is open", async () => {
  const idle = await freshLogin("clerk3");
  const live = await sit("", { client: idle });
  await live.watch({ kind: "records", form: "customer", limit: 1 });
  const id = (await query(`SELECT MAX(id) AS id FROM session WHERE user_id = ${idle.session?.user.id}`))[0]?.["id"];
  // As after half an hour without a request, and the two minutes that the sweep leaves; it comes once a minute.
  await type(`UPDATE session SET last_seen_at = UTC_TIMESTAMP(6) - INTERVAL 40 MINUTE WHERE id = ${id}`);
  assert.equal((await live.ws.ended(75_000)).code, 4401);
  assert.equal((await query(`SELECT end_reason FROM session WHERE id = ${id}`))[0]?.["end_reason"], "idle");
});
