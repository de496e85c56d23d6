// Twin worlds: two servers whose data differ only in what is hidden from some users: in values that they do not see or see
// masked, and in rows outside of their scope that stand in one world only. Whatever they ask, over HTTP or by a socket, and
// whatever is changed meanwhile where they do not look, they must be told the same bytes, once what differs by chance is put
// in one form (World.plain): ids, versions and cursors by the order in which they appear, times and positions not at all.
//
//   TWIN_SEED=7 TWIN_SESSIONS=10000 node --test tests/rights/twins.test.ts     the long form
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Reply } from "../lib/client.ts";
import { sequenceOf, type Mirror } from "../lib/live.ts";
import type { Grant } from "../lib/rights.ts";
import { waitUntil } from "../lib/wait.ts";
import { Chance, filterOver, rangeOver, requestOver, valueFor } from "../live/chance.ts";
import { PATH, VIEWERS, World, type ViewerName } from "./worlds.ts";

const SEED = Number(process.env["TWIN_SEED"] ?? Date.now() % 1_000_000_007);
const SESSIONS = Number(process.env["TWIN_SESSIONS"] ?? 200);
const ASKS = 3;
/** In the long form the rights of others change as well. */
const OTHERS = SESSIONS > 200;

const chance = new Chance(SEED);
const worlds = [new World(0, 60), new World(1, 60)] as const;
before(async () => {
  await Promise.all(worlds.map((world) => world.start()));
});
after(async () => {
  for (const world of worlds) await world.stop();
});

/** Places of rows in `World.rows`: all of the viewers' outlet at the start; of them, those of others that differ in digits. */
let near: number[] = [];
let masked: number[] = [];
/** Where each world's last write stands. */
const last = [-1, -1];
let [compared, steps, sessionNumber] = [0, 0, -1];
/** Somebody's cable is cut. A view that nobody holds ends with a change of anybody's rights: he would be told anew. */
let away = false;

const USERS = Array.from({ length: 6 }, (_, i) => `@@user:${i}@@`);
const PLACES = { users: USERS, departments: ["@@outlet:0@@", "@@outlet:1@@", "@@department:0@@"] };
const row = (n: number): string => `@@row:${n}@@`;
const query = (name: string, value: unknown): string => `${name}=${encodeURIComponent(JSON.stringify(value))}`;

/** The same in both worlds at once; what comes of it must be the same text. */
async function same(what: string, act: (world: World) => Promise<string>): Promise<void> {
  const [first, second] = await Promise.all(worlds.map(act));
  compared++;
  if (first === second) return;
  const [one, other] = [first as string, second as string];
  let at = 0;
  while (one[at] === other[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 300), at + 200);
  assert.fail(`seed ${SEED}, session ${sessionNumber}: ${what}\n--- here\n${around(one)}\n--- there\n${around(other)}`);
}
function note(world: World, reply: Reply): Reply {
  if (reply.status < 300 && reply.text.includes('"pos"')) last[world.number] = Math.max(last[world.number] as number, sequenceOf(reply.json<{ pos?: string }>().pos));
  return reply;
}
const both = (act: (world: World) => Promise<unknown>): Promise<unknown> => Promise.all(worlds.map(act));
const type = async (world: World, statement: string): Promise<void> => {
  last[world.number] = Math.max(last[world.number] as number, await world.shell.write(world.of(statement)));
};
/** By somebody who sees everything; the status must be the same in both worlds. */
async function change(world: World, n: number, fields: Record<string, unknown>): Promise<void> {
  const reply = note(world, await world.who("manager").patch(world.of(`${PATH}/${row(n)}`), { fields: world.json(fields) }, "*"));
  assert.ok([200, 403, 404, 422].includes(reply.status), reply.text);
}

// ---- what differs

const hiddenFields = (): Record<string, unknown> => ({ credit_line: `${chance.between(1, 99999)}.${chance.between(10, 99)}`, risk_grade: chance.pick(["low", "medium", "high", null]) });
/** The beginning and the end, which some mask shows, are always the same. */
const hiddenPhone = (): string => `138${chance.between(1000, 9999)}5678`;
const oneOf = (): World => worlds[chance.below(2)] as World;

/** A change that no viewer may notice, in one world or, another one, in each. */
async function hiddenChange(): Promise<void> {
  const kind = chance.below(8);
  const target = chance.true(0.5) ? [...worlds] : [oneOf()];
  for (const world of target) {
    const n = chance.pick(near);
    if (kind === 0) await change(world, n, hiddenFields());
    else if (kind === 1) await change(world, chance.pick(masked), { phone: hiddenPhone() });
    else if (kind === 2) await type(world, `UPDATE rec_customer SET credit_line = ${chance.below(100000)}, _rev = _rev + 1 WHERE _id % 3 = ${chance.below(3)}`);
    else if (kind === 7) await changeContact(world, chance.pick(masked), hiddenPhone());
    else if (kind === 3 && OTHERS && !away) await changeOthersRights(world);
    else await changeOutside(world);
  }
}

/** The telephone of the first contact of somebody else's customer: masked for the clerk, as the customer's is; it shows in no time line. */
async function changeContact(world: World, n: number, phone: string): Promise<void> {
  const [id] = (await world.shell.run(world.of(`SELECT _id FROM rec_contact WHERE customer = ${row(n)} ORDER BY _id LIMIT 1`))).slice(1);
  if (id === undefined) return;
  const reply = note(world, await world.who("manager").patch(`/forms/contact/records/${id}`, { fields: { phone } }, "*"));
  assert.ok([200, 404].includes(reply.status), reply.text);
}

/** What others may do is no business of a viewer's either. */
async function changeOthersRights(world: World): Promise<void> {
  const grants: Grant[] = Array.from({ length: chance.below(3) }, () => ({ rule: "department", actions: ["list", "read"], fields: { "*": chance.pick(["read", "masked"] as const) } }));
  const pos = await world.changeBystanders(grants);
  last[world.number] = Math.max(last[world.number] as number, sequenceOf(pos));
}

let serial = 0;
/** Rows that are only here: made, changed, taken away. */
async function changeOutside(world: World): Promise<void> {
  const id = world.outside.length === 0 ? undefined : chance.pick(world.outside);
  const [kind, amount] = [chance.below(4), chance.below(1_000_000)];
  if (id === undefined || (kind === 0 && world.outside.length < 30)) {
    const fresh = String(4_500_000_000_000_000_000n + BigInt(++serial));
    const copy = `outside_${serial}`;
    world.outside.push(fresh);
    return type(
      world,
      `CREATE TEMPORARY TABLE ${copy} AS SELECT * FROM rec_customer WHERE _id = ${row(chance.pick(near))};\n` +
        `UPDATE ${copy} SET _id = ${fresh}, no = NULL, credit_code = NULL, _department = @@outlet:1@@, _owner = @@user:2@@, _live = 1, registered_capital = ${amount};\n` +
        `INSERT INTO rec_customer SELECT * FROM ${copy};\nDROP TEMPORARY TABLE ${copy}`,
    );
  }
  if (kind === 1) {
    note(world, await world.who("manager").patch(`${PATH}/${id}`, { fields: { notes: `nur hier ${amount}`, stage: "won" } }, "*"));
  } else if (kind === 2) {
    world.outside = world.outside.filter((other) => other !== id);
    await type(world, `DELETE FROM rec_customer WHERE _id = ${id}`);
  } else {
    await type(world, `UPDATE rec_customer SET registered_capital = ${amount}, _department = ${chance.pick(["@@outlet:1@@", "NULL"])} WHERE _id = ${id}`);
  }
}

// ---- what is the same in both, and may be noticed

async function visibleChange(): Promise<void> {
  const n = chance.pick(near);
  const kind = chance.next();
  if (kind < 0.5) {
    const writable = (worlds[0] as World).fields.filter((field) => !["auto_number", "credit_code", "phone", "id_no", "member", "department"].includes(field.type) && !["credit_line", "risk_grade"].includes(field.key));
    const fields = Object.fromEntries(chance.some(writable, 3).map((field) => [field.key, valueFor(field, chance, PLACES)]));
    // Beside it, in one transaction, what nobody may notice.
    const more = worlds.map(() => (chance.true(0.4) ? hiddenFields() : {}));
    await both((world) => change(world, n, { ...fields, ...more[world.number] }));
  } else if (kind < 0.75) {
    // Another owner, another place: never the clerk's own where numbers differ, for he would see them.
    const others = USERS.filter((_, i) => i !== 1);
    const fields = { department: chance.pick(["@@outlet:0@@", "@@outlet:0@@", "@@outlet:1@@"]), owner: chance.pick(masked.includes(n) ? others : USERS) };
    await both((world) => change(world, n, fields));
  } else if (kind < 0.9) {
    const gone = chance.true(0.3);
    if (chance.true(0.5)) await both((world) => type(world, `UPDATE rec_customer SET _live = ${gone ? "NULL" : "1"} WHERE _id = ${row(n)}`));
    else await both(async (world) => {
      const reply = note(world, await world.who("manager").request(gone ? "DELETE" : "POST", world.of(`${PATH}/${row(n)}${gone ? "" : "/restore"}`)));
      assert.ok([200, 404].includes(reply.status), reply.text);
    });
  } else {
    const amount = chance.below(50);
    await both((world) => type(world, `UPDATE rec_customer SET registered_capital = ${amount}, stage = 'lost' WHERE _id IN (${near.slice(0, 1 + chance.below(1)).map(row).join()}, ${row(n)})`));
  }
}

/** Somebody comes to a record and goes again; in fields that no viewer sees, each world's own. */
async function presence(): Promise<void> {
  const n = chance.pick(near);
  const seen = chance.true(0.5);
  const fields = seen ? [chance.pick(["notes", "stage", "phone"])] : ["risk_grade", undefined];
  const chosen = worlds.map(() => chance.pick(fields));
  await both(async (world) => {
    const [id, field] = [world.of(row(n)), chosen[world.number]];
    const request = { kind: "record" as const, form: "customer", record: id };
    const [manager, president] = [world.screen("manager").live, world.screen("president").live];
    const [his, theirs] = [await manager.watch(request), await president.watch(request)];
    if (his.items.length === 1) {
      manager.edit("customer", id, field);
      await waitUntil("the manager is there", () => theirs.users?.[0]?.field === (field ?? null));
    }
    await settle(world);
    manager.unsub(his);
    await waitUntil("the manager has gone", () => (theirs.users ?? []).length === 0);
    president.unsub(theirs);
  });
}

// ---- what the viewers do

function request(viewer: ViewerName): [string, (world: World) => Promise<string>] {
  const [first] = worlds;
  const [n, batchRow] = [chance.pick(near), chance.pick(near)];
  const at = chance.pick([row(n), row(n), row(n), `@@outside:${chance.below(9)}@@`, "4611686018427387904"]);
  const get = (path: string): [string, (world: World) => Promise<string>] => [`${viewer} GET ${path}`, async (world) => world.hear(viewer, await world.who(viewer).get(world.of(path)))];
  const filter = (): string => query("filter", filterOver(first.fields, chance, PLACES)).replace(/%40%40(\w+)%3A(\d+)%40%40/g, "@@$1:$2@@");
  const field = chance.pick(first.fields);
  const [digits, hidden, version] = [String(chance.between(10, 9999)), chance.pick(["credit_line", "risk_grade", "phone", "no_such_field"]), chance.pick(["never", "*"])];
  const patch = (fields: Record<string, unknown>, version: (world: World) => string | undefined): [string, (world: World) => Promise<string>] => [
    `${viewer} PATCH ${at} ${JSON.stringify(fields)}`,
    async (world) => {
      const reply = await world.who(viewer).patch(world.of(`${PATH}/${at}`), { fields: world.json(fields) }, version(world));
      return world.hear(viewer, note(world, reply));
    },
  ];
  const blind = chance.true(0.5);
  const kept = (world: World) => world.versions.get(`${viewer} ${world.of(at)}`) ?? "never";
  return chance.pick<() => [string, (world: World) => Promise<string>]>([
    () => get(`${PATH}?limit=200&count=1`),
    () => get(`${PATH}/${at}`),
    () => get(`${PATH}/${at}`),
    () => get(`${PATH}/${at}/history?limit=${chance.between(1, 20)}`),
    () => get(`${PATH}/${at}/history`),
    () => get(`${PATH}/${at}/timeline?limit=${chance.between(1, 20)}`),
    () => get(`${PATH}/${at}/timeline?${chance.pick(["", "kind=customer.stage", "kind=contact", "kind=customer.risk_grade", "actor=@@user:0@@"])}`),
    () => get(`${PATH}?limit=${chance.between(1, 30)}&count=1&sort=${chance.pick(["", "-"])}${field.key}`),
    () => get(`${PATH}?limit=${chance.between(1, 200)}&count=1&${filter()}`),
    () => get(`${PATH}?limit=50&${filter()}&sort=-stage,${field.key}`),
    () => get(`${PATH}?limit=50&${query("filter", chance.pick([{ field: hidden, op: "empty" }, { not: { field: hidden, op: "eq", value: "high" } }, { field: hidden, op: "contains", value: digits }]))}`),
    () => get(`${PATH}?limit=200&count=1&q=${digits}`),
    () => get(`${PATH}?fields=name,${field.key}&limit=20`),
    () => get(chance.pick(["/forms/customer", "/forms", "/session", "/departments", `/members?q=${digits}`, "/audit", "/people", "/roles", "/rights", "/forms/customer/rights", "/openapi.json", "/forms/nothing/records"])),
    () => [`${viewer} pages`, async (world) => {
      const page = await world.who(viewer).get(`${PATH}?limit=3&sort=${field.key}`);
      if (page.status !== 200) return world.answer(page);
      const next = page.json<{ next: string | null }>().next;
      return `${world.hear(viewer, page)}\n${next === null ? "" : world.hear(viewer, await world.who(viewer).get(`${PATH}?limit=3&sort=${field.key}&after=${encodeURIComponent(next)}`))}`;
    }],
    () => patch({ [chance.pick([field.key, hidden])]: null }, () => version),
    () => {
      const fields = chance.some(first.fields.filter((each) => ["choice", "text", "long_text", "date", "money", "tags"].includes(each.type)), 2);
      return patch(Object.fromEntries(fields.map((each) => [each.key, valueFor(each, chance, PLACES)])), kept);
    },
    () => [`${viewer} reveals`, async (world) => world.answer(await world.who(viewer).post(world.of(`${PATH}/${at}/reveal`), { field: hidden, reason: "x" }))],
    () => [`${viewer} deletes ${at}`, async (world) => world.hear(viewer, note(world, await world.who(viewer).delete(world.of(`${PATH}/${at}`), blind ? {} : { headers: { "if-match": kept(world) } })))],
    () => [`${viewer} restores ${at}`, async (world) => world.hear(viewer, note(world, await world.who(viewer).request("POST", world.of(`${PATH}/${at}/restore`))))],
    () => get(`${PATH}?deleted=1&limit=200&count=1`),
    () => get(`${PATH}?deleted=1&limit=${chance.between(1, 5)}&${chance.true(0.5) ? `q=${digits}` : filter()}`),
    () => [`${viewer} batch ${at}`, async (world) => world.hear(viewer, note(world, await world.who(viewer).post(`${PATH}:batch`, world.json({ update: [{ id: at, version: kept(world), fields: { stage: "quoted", [hidden]: null } }], restore: [row(batchRow)] }))))],
    () => [`${viewer} creates`, async (world) => world.answer(await world.who(viewer).post(PATH, { fields: { name: "x", [hidden]: "1" } }))],
  ])();
}

const settle = (world: World): Promise<unknown> => Promise.all(VIEWERS.map((name) => world.screen(name).live.settle(world.pos(last[world.number] as number))));
async function told(): Promise<void> {
  await both(settle);
  for (const name of VIEWERS) await same(`frames of ${name}`, async (world) => world.screen(name).told());
}

const opened = (mirror: Mirror) => waitUntil("a view", () => mirror.open || mirror.over);

/** One more view, one less, another window, a lost cable. */
async function screens(viewer: ViewerName): Promise<() => Promise<void>> {
  const [first] = worlds;
  const open = [...first.screen(viewer).live.mirrors.values()].map((mirror, i) => [mirror, i] as const);
  const lists = open.filter(([mirror]) => mirror.open && mirror.request.kind === "records");
  const mirrorAt = (world: World, i: number) => [...world.screen(viewer).live.mirrors.values()][i];
  const kind = chance.next();
  if (kind < 0.15) {
    await both(async (world) => world.screen(viewer).live.ws.cut());
    away = true;
    return async () => {
      await both(async (world) => world.screen(viewer).live.reconnect());
      away = false;
    };
  }
  if (kind < 0.3 && lists.length > 0) {
    const [, i] = chance.pick(lists);
    const range = rangeOver(chance, near.map(String).slice(0, 8));
    await both(async (world) => {
      const mirror = mirrorAt(world, i);
      if (mirror === undefined) return;
      world.screen(viewer).live.move(mirror, range);
      await opened(mirror);
    });
    return async () => undefined;
  }
  if (open.length >= 6) {
    const i = chance.below(open.length);
    await both(async (world) => {
      const mirror = mirrorAt(world, i);
      if (mirror !== undefined) world.screen(viewer).live.unsub(mirror);
    });
  }
  const rows = [...near.map(row), "@@outside:1@@", "@@outside:4@@", "4611686018427387904"];
  const fields = chance.true(0.8) ? first.fields.filter((field) => !["credit_line", "risk_grade", "phone"].includes(field.key)) : first.fields;
  const asked = chance.true(0.05) ? { kind: chance.pick(["audit", "notice"] as const) } : requestOver(fields, chance, PLACES, rows);
  await both(async (world) => opened(world.screen(viewer).sub(asked)));
  return async () => undefined;
}

/** All has been told before somebody gives a view up; what is only written may wait, and is looked at with the next. */
async function session(): Promise<void> {
  const viewer = chance.pick(VIEWERS);
  let later: () => Promise<void> = async () => undefined as void;
  if (sessionNumber < 8 || chance.true(0.4)) {
    await told();
    later = await screens(viewer);
  }
  for (let i = 0; i < ASKS; i++) {
    const [what, ask] = request(viewer);
    await same(what, ask);
  }
  for (let i = 0; i < 2; i++) {
    await (chance.true(0.5) ? hiddenChange() : visibleChange());
    steps++;
  }
  await later();
  if (chance.true(0.08)) await presence();
}

test(`${SESSIONS} sessions are the same bytes in two worlds that differ in what is hidden from those who sit there (seed ${SEED})`, async (t) => {
  const places = await Promise.all(worlds.map(async (world) => {
    const items = (await world.who("clerk").list(`${PATH}?limit=200`)).items;
    return items.map((item) => ({ n: world.rows.indexOf(item.id), own: !item.masked.includes("phone"), digits: item.fields["phone"] !== null })).sort((a, b) => a.n - b.n);
  }));
  assert.deepEqual(places[1], places[0], "the demo bank is the same on every machine");
  near = (places[0] ?? []).map((place) => place.n);
  masked = (places[0] ?? []).filter((place) => !place.own && place.digits).map((place) => place.n);
  assert.ok(near.length > 3 && masked.length > 1, `${near.length} rows, ${masked.length} of others`);
  await both(async (world) => {
    for (const n of near) await change(world, n, { credit_line: `${1000 * (world.number + 1) + n}.00`, risk_grade: ["low", "high"][(world.number + n) % 2] });
    for (const n of masked) await change(world, n, { phone: `138${world.number + 1}0${n % 10}05678` });
    for (const n of masked) await changeContact(world, n, `138${world.number + 1}1${n % 10}05678`);
    for (let i = 0; i <= world.number * 4; i++) await changeOutside(world);
  });
  const open = await Promise.all(worlds.map(async (world) => (await world.who("manager").list(`${PATH}?limit=200&sort=no`)).items.map((item) => item.fields)));
  assert.notDeepEqual(open[0], open[1], "whoever may see the difference sees it: the comparison can fail");
  for (sessionNumber = 0; sessionNumber < SESSIONS; sessionNumber++) await session();
  await told();
  const differ = await Promise.all(worlds.map(async (world) => [await world.shell.run("SELECT no, credit_line, risk_grade, phone FROM rec_customer WHERE no IS NOT NULL ORDER BY no"), world.outside.length]));
  assert.notDeepEqual(differ[0], differ[1], "the worlds differ still");
  t.diagnostic(`${compared} answers and screens compared, ${steps} changes, ${worlds.map((world) => world.outside.length).join(" and ")} rows in one world only`);
});
