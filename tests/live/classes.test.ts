// Conditions, denials and masks of one's own under open sockets: a row is told as its viewer's grants have it, enters and
// leaves with them, and what they do not show makes no frame.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Live, Message, Mirror } from "../lib/live.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant } from "../lib/rights.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { change, herd, same, sit } from "./desk.ts";

const SEES = ["list", "read"];
const RECORD = { kind: "record" as const, form: "customer" };

interface Seat {
  live: Live;
  role: string;
  frames: Message[];
  bytes: () => string;
}
/** Somebody with a role of his own, at a screen; and everything that is not a mark that he has heard. */
async function seat(grants: Grant[], department = "branch1"): Promise<Seat> {
  const role = await makeRole(ownKey("class"));
  await setGrants({ [role.key]: grants });
  const client = await makePerson(ownKey("class"), department, [role.key]);
  const frames: Message[] = [];
  const live = await sit("", { client, tap: (message) => (message.op !== "mark" && frames.push(message), [message]) });
  return { live, role: role.key, frames, bytes: () => JSON.stringify(frames) };
}
const watch = (live: Live, filter: unknown): Promise<Mirror> => live.watch({ kind: "records", form: "customer", filter: filter as never, sort: "registered_capital", count: true });

/** What is told while `act` is done; the frames of the probe that waits for it aside. */
async function told(seat: Seat, chans: Mirror[], act: () => Promise<{ pos: string }>): Promise<Message[]> {
  const before = seat.frames.length;
  await same(seat.live, (await act()).pos);
  return seat.frames.slice(before).filter((message) => chans.some((mirror) => mirror.chan === message.chan) || message.op === "presence" || message.op === "schema");
}

test("a condition on what its viewer does not see: rows enter and leave by it, and of the value nothing is told", async () => {
  const [manager, risk] = [await login("manager"), await login("risk")];
  const large: Grant = { rule: "condition", condition: { field: "credit_line", op: "ge", value: "1000" }, actions: SEES, fields: { "*": "read", credit_line: "hidden", risk_grade: "hidden" } };
  const viewer = await seat([large]);
  const { ids, filter } = await herd(manager, 3);
  const id = ids[1] as string;
  const list = await watch(viewer.live, filter);
  const record = await viewer.live.watch({ ...RECORD, record: id });
  assert.deepEqual([list.items, list.total, record.items], [[], "0", []]);
  const enters = await told(viewer, [list, record], () => change(risk, id, { credit_line: "73190457.31" }));
  assert.deepEqual([list.items.map((item) => item.id), list.total, record.items.length, enters.length], [[id], "1", 1, 2]);
  assert.deepEqual(await told(viewer, [list, record], () => change(risk, id, { credit_line: "73190457.99", risk_grade: "high" })), []);
  const leaves = await told(viewer, [list, record], () => change(risk, id, { credit_line: "999.99" }));
  assert.deepEqual(leaves.map((message) => [message.del, message.put]), [[[id], []], [[id], []]]);
  assert.deepEqual([list.items, list.total], [[], "0"]);
  assert.ok(!/credit_line|risk_grade|73190457|999\.99/.test(viewer.bytes()));
});

test("a denial holds on the rows of its condition, takes what it names there, and gives it back", async () => {
  const manager = await login("manager");
  const viewer = await seat([
    { rule: "subtree", actions: [...SEES, "update"], fields: { "*": "write" } },
    { rule: "condition", condition: { field: "stage", op: "eq", value: "won" }, deny: true, actions: ["update"], fields: { phone: "masked", notes: "hidden" }, masks: { phone: "3+0" } },
    { rule: "condition", condition: { field: "level", op: "eq", value: "key" }, deny: true, actions: SEES, fields: {} },
  ]);
  const { ids, filter } = await herd(manager, 2, { phone: "13812345678", notes: "offen", stage: "lead", level: "growth" });
  const id = ids[0] as string;
  const list = await watch(viewer.live, filter);
  const record = await viewer.live.watch({ ...RECORD, record: id });
  const shown = () => [list, record].map((mirror) => [mirror.item(id)?.fields["phone"], mirror.item(id)?.fields["notes"], mirror.item(id)?.masked, mirror.item(id)?.can]);
  assert.deepEqual(shown(), Array(2).fill(["13812345678", "offen", [], ["read", "update"]]));
  await told(viewer, [], () => change(manager, id, { stage: "won" }));
  assert.deepEqual(shown(), Array(2).fill(["138***", undefined, ["phone"], ["read"]]));
  const hidden = await told(viewer, [list, record], () => change(manager, id, { phone: "13899997777", notes: "Geheim 4711" }));
  assert.deepEqual(hidden, [], "its mask is the same, and the notes are not there");
  assert.ok(!/13899997777|Geheim/.test(viewer.bytes()));
  await told(viewer, [], () => change(manager, id, { stage: "quoted" }));
  assert.deepEqual(shown(), Array(2).fill(["13899997777", "Geheim 4711", [], ["read", "update"]]));
  await told(viewer, [], () => change(manager, id, { level: "key" }));
  assert.deepEqual([list.items.length, list.total, record.items.length], [1, "1", 0], "who may neither list nor read it has lost it");
  const gone = await told(viewer, [list, record], () => change(manager, id, { notes: "niemand" }));
  assert.deepEqual(gone, []);
  await told(viewer, [], () => change(manager, id, { level: "standard" }));
  assert.deepEqual([list.items.length, record.items.length], [2, 1]);
});

test("two masks of one field: each viewer is told of what his own shows, at once under another mask as well", async () => {
  const manager = await login("manager");
  const grant = (mask: string): Grant => ({ rule: "subtree", actions: SEES, fields: { "*": "read", phone: "masked" }, masks: { phone: mask } });
  const [front, back] = [await seat([grant("3+1")]), await seat([grant("0+4")])];
  const { ids, filter } = await herd(manager, 1, { phone: "13812345678" });
  const id = ids[0] as string;
  const [first, second] = [await watch(front.live, filter), await watch(back.live, filter)];
  const shown = () => [first, second].map((mirror) => mirror.items[0]?.fields["phone"]);
  assert.deepEqual(shown(), ["138***8", "***5678"]);
  const versions = [first, second].map((mirror) => mirror.items[0]?.version);
  const { pos } = await change(manager, id, { phone: "13812344448" });
  await Promise.all([same(front.live, pos), same(back.live, pos)]);
  assert.deepEqual([shown(), first.deltas, second.deltas], [["138***8", "***4448"], 0, 1]);
  assert.deepEqual([first, second].map((mirror) => mirror.items[0]?.version), versions, "what is masked is not part of the version");
  const { pos: changed } = await setGrants({ [front.role]: [grant("1+1")] });
  await same(front.live, changed as string);
  assert.deepEqual([shown(), first.snapshots], [["1***8", "***4448"], 2]);
  for (const seat of [front, back]) assert.ok(!/13812345678|13812344448/.test(seat.bytes()));
});

test("another grant that comes to the same is not told: nothing that is seen has changed", async () => {
  const [manager, risk] = [await login("manager"), await login("risk")];
  const fields = { "*": "read", credit_line: "hidden", risk_grade: "hidden" } as const;
  const viewer = await seat([
    { rule: "subtree", actions: SEES, fields },
    { rule: "condition", condition: { field: "credit_line", op: "ge", value: "1000" }, actions: SEES, fields },
    { rule: "condition", condition: { field: "risk_grade", op: "eq", value: "high" }, deny: true, actions: ["update"], fields: {} },
  ]);
  const { ids, filter } = await herd(manager, 2);
  const list = await watch(viewer.live, filter);
  const record = await viewer.live.watch({ ...RECORD, record: ids[0] as string });
  const steps: Record<string, string>[] = [{ credit_line: "5000.00" }, { credit_line: "1.00", risk_grade: "high" }, { risk_grade: "low" }];
  for (const step of steps) assert.deepEqual(await told(viewer, [list, record], () => change(risk, ids[0] as string, step)), [], JSON.stringify(step));
});

test("a field that is hidden on this row is not named in who is there, though it is seen on others", async () => {
  const manager = await login("manager");
  const viewer = await seat([
    { rule: "subtree", actions: SEES, fields: { "*": "read" } },
    { rule: "condition", condition: { field: "stage", op: "eq", value: "won" }, deny: true, actions: [], fields: { phone: "hidden" } },
  ]);
  const { ids } = await herd(manager, 1, { stage: "won" });
  const id = ids[0] as string;
  const mirror = await viewer.live.watch({ ...RECORD, record: id });
  const president = await sit("president");
  const all = await president.watch({ ...RECORD, record: id });
  const at = (field: string) => waitUntil(`the president is in ${field}`, () => all.users?.[0]?.field === field);
  president.edit("customer", id, "notes");
  await at("notes");
  await same(viewer.live, (await change(manager, id, { level: "growth" })).pos);
  assert.deepEqual(mirror.users?.map((user) => user.field), ["notes"]);
  president.edit("customer", id, "phone");
  await at("phone");
  await same(viewer.live, (await change(manager, id, { level: "key" })).pos);
  assert.deepEqual(mirror.users?.map((user) => user.field), [null]);
  await same(viewer.live, (await change(manager, id, { stage: "lead" })).pos);
  assert.deepEqual(mirror.users?.map((user) => user.field), ["phone"], "seen again, told again");
  await same(viewer.live, (await change(manager, id, { stage: "won" })).pos);
  assert.deepEqual(mirror.users?.map((user) => user.field), [null]);
});

test("a role that is taken, and a department that is left, end what they gave, and nothing else of the socket", async () => {
  const [security, admin, manager] = [await login("security"), await login("admin"), await login("manager")];
  const viewer = await seat([{ rule: "department", actions: SEES, fields: { "*": "read" } }], "outlet12");
  const client = viewer.live.client;
  const path = `/people/${client.session?.user.id}`;
  const there = (await login("clerk2")).session?.user.department.id as string;
  const { ids, filter } = await herd(manager, 2, { department: there });
  const list = await watch(viewer.live, filter);
  const record = await viewer.live.watch({ ...RECORD, record: ids[0] as string });
  assert.deepEqual([list.items.length, record.items.length], [2, 1]);
  const move = async (department: string) => admin.expect<{ pos: string }>(200, await admin.patch(path, { department }, "*"));
  await same(viewer.live, (await move((await login("clerk")).session?.user.department.id as string)).pos);
  assert.deepEqual([list.items.length, list.total, record.items.length], [0, "0", 0]);
  await same(viewer.live, (await change(manager, ids[0] as string, { notes: "fern" })).pos);
  await same(viewer.live, (await move(there)).pos);
  assert.deepEqual([list.items.length, record.items[0]?.fields["notes"]], [2, "fern"]);
  const roles = (await security.expect(200, await security.get(path))).roles.map((role: { id: string }) => role.id);
  await security.expect(200, await security.patch(path, { roles: [] }, "*"));
  await waitUntil("both have ended", () => list.over && record.over);
  assert.deepEqual([list.problem?.status, record.problem?.status, viewer.live.ws.closed], [404, 404, undefined]);
  await security.expect(200, await security.patch(path, { roles }, "*"));
  assert.equal((await watch(viewer.live, filter)).items.length, 2);
});
