// Lists: rows enter, leave, change, move; totals; windows in the middle and at the end; several changes of the same rows in
// one transaction. After each: the screen is what a fresh query gives, and the frame says no more than it must.
import assert from "node:assert/strict";
import { test } from "node:test";
import { change, herd, last, same, sit, titles, type } from "./desk.ts";
import { createCustomer } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const where = (ids: string[]) => `WHERE _id IN (${ids.join(", ")})`;

test("a row that is created enters, one that is changed says only what has changed, one that goes leaves", async () => {
  const manager = await sit("manager");
  const { filter, ids, word } = await herd(manager.client, 3);
  const clerk = await sit("president");
  const list = await clerk.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", count: true });
  assert.deepEqual([titles(list), list.total], [["0.00", "1.00", "2.00"], "3"]);

  const made = await createCustomer(manager.client, { legal_person: word, registered_capital: "1.50" });
  await same(clerk, made.pos as string);
  assert.deepEqual([titles(list), list.total], [["0.00", "1.00", "1.50", "2.00"], "4"]);
  assert.deepEqual([last(list)?.put?.map((put) => put.id), last(list)?.order], [[made.id], { [made.id]: 2 }]);

  const changed = await change(manager.client, ids[1] as string, { notes: "更新" });
  await same(clerk, changed.pos);
  assert.deepEqual(last(list)?.put?.map((put) => [put.id, put.fields, put.masked]), [[ids[1], { notes: "更新" }, undefined]]);
  assert.deepEqual([last(list)?.del, last(list)?.order, last(list)?.total], [[], {}, undefined]);

  const moved = await change(manager.client, ids[0] as string, { registered_capital: "9.00" });
  await same(clerk, moved.pos);
  assert.deepEqual(last(list)?.order, { [ids[0] as string]: 3 }, "only the one that moved has a place");

  const left = await change(manager.client, ids[1] as string, { legal_person: "去" });
  await same(clerk, left.pos);
  assert.deepEqual([last(list)?.del, last(list)?.put, last(list)?.total], [[ids[1]], [], "3"]);

  await same(clerk, await type(`UPDATE rec_customer SET _live = NULL ${where([ids[2] as string])}`));
  assert.deepEqual([last(list)?.del, list.total], [[ids[2]], "2"]);
  await same(clerk, await type(`UPDATE rec_customer SET _live = 1 ${where([ids[2] as string])}`));
  assert.equal(list.total, "3");
  await same(clerk, await type(`DELETE FROM rec_customer ${where([made.id])}`));
  assert.deepEqual(titles(list), ["2.00", "9.00"]);
});

test("a row that leaves and comes back in one transaction with other values is told with them", async () => {
  const manager = await sit("manager");
  const { filter, ids, word } = await herd(manager.client, 4);
  const list = await manager.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", limit: 2 });
  const whole = await manager.watch({ kind: "records", form: "customer", filter, sort: "-registered_capital" });
  await same(
    manager,
    await type(
      `START TRANSACTION; UPDATE rec_customer SET legal_person = '去', _f_legal_person = '去' ${where([ids[0] as string])};` +
        `UPDATE rec_customer SET legal_person = '${word}', _f_legal_person = '${word}', notes = '回来了' ${where([ids[0] as string])}; COMMIT`,
    ),
  );
  assert.equal(list.item(ids[0] as string)?.fields["notes"], "回来了");
  // … through the recycle bin, and past the end of the band.
  await same(
    manager,
    await type(
      `START TRANSACTION; UPDATE rec_customer SET _live = NULL ${where(ids)}; UPDATE rec_customer SET _live = 1, registered_capital = registered_capital + 1, notes = '二' ${where(ids)}; COMMIT`,
    ),
  );
  assert.deepEqual(titles(whole), ["4.00", "3.00", "2.00", "1.00"]);
  await same(
    manager,
    await type(
      `START TRANSACTION; UPDATE rec_customer SET _live = NULL ${where(ids)}; UPDATE rec_customer SET _live = 1 ${where(ids)}; COMMIT`,
    ),
  );
});

test("a record that a hand gives another id is gone from its own screen, and there under the new one", async () => {
  const manager = await sit("manager");
  const { ids, filter } = await herd(manager.client, 1);
  const id = ids[0] as string;
  const next = String(BigInt(id) + 1n);
  const list = await manager.watch({ kind: "records", form: "customer", filter });
  const [was, is] = [await manager.watch({ kind: "record", form: "customer", record: id }), await sit("president")];
  await same(manager, await type(`UPDATE rec_customer SET _id = ${next} ${where([id])}`));
  assert.deepEqual([was.items, last(was)?.del], [[], [id]]);
  assert.deepEqual(list.items.map((item) => item.id), [next]);
  const moved = await is.watch({ kind: "record", form: "customer", record: next });
  await same(manager, await type(`UPDATE rec_customer SET _id = ${id} ${where([next])}`));
  await same(is, await type(`UPDATE rec_customer SET notes = '回来了' ${where([id])}`));
  assert.deepEqual([was.items.map((item) => item.fields["notes"]), moved.items], [["回来了"], []]);
});

test("a row that is put where it was while its neighbours change places stays in the right order", async () => {
  const manager = await sit("manager");
  const { filter, ids } = await herd(manager.client, 3);
  const [n, f, g] = ids as [string, string, string];
  const list = await manager.watch({ kind: "records", form: "customer", filter, sort: "registered_capital" });
  const other = await createCustomer(manager.client, { legal_person: "外", registered_capital: "0.00" });
  await same(manager, await type(`UPDATE rec_customer SET registered_capital = registered_capital + 5 ${where(ids)}`));
  const word = (filter as { value: string }).value;
  // [n f g] → [other f n]: f keeps its place by number alone.
  await same(
    manager,
    await type(
      `START TRANSACTION; UPDATE rec_customer SET registered_capital = 1 ${where([f])};` +
        `UPDATE rec_customer SET legal_person = '${word}', _f_legal_person = '${word}' ${where([other.id])};` +
        `UPDATE rec_customer SET _live = NULL ${where([g])}; COMMIT`,
    ),
  );
  assert.deepEqual(list.items.map((item) => item.id), [other.id, f, n]);
});

test("hundreds of rows change places at once: every window has the order of a fresh query", async () => {
  const president = await sit("president");
  for (const range of [[0, 20], [35, 60], [100, 200]] as [number, number][]) {
    for (const sort of ["registered_capital", "-registered_capital,name", "stage,-registered_capital"]) {
      await president.watch({ kind: "records", form: "customer", sort, range, count: true });
    }
  }
  for (let i = 0; i < 6; i++) {
    await same(president, await type(`UPDATE rec_customer SET registered_capital = MOD(CRC32(CONCAT(_id, ${i})), 40) WHERE _id % 3 = ${i % 3}`));
  }
  assert.ok([...president.mirrors.values()].some((mirror) => mirror.deltas > 4));
});

test("a window of the middle moves with what comes before it, and is refilled when its guard band runs out", async () => {
  const manager = await sit("manager");
  const { filter, ids } = await herd(manager.client, 150);
  const president = await sit("president");
  const middle = await president.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", range: [60, 10], count: true });
  const end = await president.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", range: [145, 20] });
  const beyond = await president.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", range: [150, 20] });
  assert.deepEqual([titles(middle)[0], titles(end).length, titles(beyond).length], ["60.00", 5, 0]);
  const snapshots = [middle, end, beyond].map((mirror) => mirror.snapshots);

  // One by one, fifty rows before the window go: more than the guard band holds.
  for (const id of ids.slice(0, 50)) await type(`UPDATE rec_customer SET _live = NULL ${where([id])}`);
  await same(president, await type(`UPDATE rec_customer SET notes = '.' ${where([ids[149] as string])}`));
  assert.deepEqual([titles(middle)[0], middle.total], ["110.00", "100"]);
  // All of them at once come back; and a hundred go.
  await same(president, await type(`UPDATE rec_customer SET _live = 1 ${where(ids)}`));
  assert.deepEqual([titles(middle)[0], titles(end).length], ["60.00", 5]);
  await same(president, await type(`UPDATE rec_customer SET _live = NULL ${where(ids.slice(20, 120))}`));
  assert.deepEqual(titles(middle), []);
  await same(president, await type(`UPDATE rec_customer SET _live = 1 ${where(ids)}`));
  assert.deepEqual(titles(beyond), []);
  // A row past the end of all comes into the window behind it.
  const more = await createCustomer(manager.client, { legal_person: (filter as { value: string }).value, registered_capital: "999.00" });
  await same(president, more.pos as string);
  assert.deepEqual(titles(beyond), ["999.00"]);
  assert.deepEqual([middle, end, beyond].map((mirror) => mirror.snapshots), snapshots, "told by deltas, refills included");
});

test("a move is answered by a new channel and its snapshot; a wrong one is refused and loses nothing", async () => {
  const president = await sit("president");
  const { filter, ids } = await herd(await login("manager"), 12);
  const list = await president.watch({ kind: "records", form: "customer", filter, sort: "registered_capital", range: [0, 4] });
  const before = list.chan;
  president.move(list, [6, 4]);
  await president.until(president.pos as string);
  assert.notEqual(list.chan, before);
  assert.deepEqual(titles(list), ["6.00", "7.00", "8.00", "9.00"]);
  for (const range of [[-1, 4], [0, 0], [0, 100000], ["0", 4], [0], "0,4", null]) {
    const errors = president.errors.length;
    president.ws.send(JSON.stringify({ op: "move", chan: list.chan, range }));
    await waitUntil(`${JSON.stringify(range)} is refused`, () => president.errors.length > errors);
    assert.match(JSON.stringify(president.errors.at(-1)?.problem), /"status":4(00|22)/);
  }
  assert.equal(list.problem, undefined, "the window that was there goes on");
  await same(president, await type(`UPDATE rec_customer SET notes = '继续' ${where(ids)}`));
  assert.equal(list.items[0]?.fields["notes"], "继续");
});

test("of two subscriptions that share a channel, the one that is named moves, or goes", async () => {
  const president = await sit("president");
  const { filter, ids } = await herd(await login("manager"), 8);
  const request = { kind: "records" as const, form: "customer", filter, sort: "registered_capital", range: [0, 3] as [number, number] };
  const [first, second, third] = [await president.watch(request), await president.watch(request), await president.watch(request)];
  assert.equal(new Set([first.chan, second.chan, third.chan]).size, 1);
  president.move(second, [4, 3]);
  president.unsub(third);
  await president.until(president.pos as string);
  await same(president, await type(`UPDATE rec_customer SET notes = '两个' ${where(ids)}`));
  assert.deepEqual([titles(first), titles(second)], [["0.00", "1.00", "2.00"], ["4.00", "5.00", "6.00"]]);
  assert.deepEqual(president.errors, []);
});
