// Departments as the system administrator keeps them: a tree that is never broken, in an order that people see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults } from "../lib/client.ts";
import { ownKey } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

interface Department {
  id: string;
  key: string;
  title: string;
  parent: string | null;
  place: number;
  retired: boolean;
  people: number;
  version: string;
}
const all = async (): Promise<Department[]> => {
  const admin = await login("admin");
  return admin.expect<{ items: Department[] }>(200, await admin.get("/organisation")).items;
};
const make = async (title: string, parent: string | null = null, more: object = {}): Promise<Department> => {
  const admin = await login("admin");
  const { pos: _pos, ...made } = admin.expect<Department & { pos: string }>(201, await admin.post("/departments", { key: ownKey("dep"), title: `${title} ${process.pid}`, parent, ...more }));
  return made;
};
const patch = async (id: string, body: object, version = "*") => (await login("admin")).patch(`/departments/${id}`, body, version);
const below = async (parent: string) => (await all()).filter((one) => one.parent === parent).map((one) => one.title.split(" ")[0]);

test("made, renamed, moved, put in order: the tree is as it was said, and each changed row has its event", async () => {
  const top = await make("总部");
  const [a, b, c] = [await make("甲", top.id), await make("乙", top.id), await make("丙", top.id, { place: 0 })];
  assert.deepEqual(await below(top.id), ["丙", "甲", "乙"]);
  assert.deepEqual([c.place, (await all()).find((one) => one.id === b.id)?.place], [0, 2]);
  const before = (await query("SELECT MAX(id) AS id FROM tidemark_log.event", "app"))[0]?.["id"];
  const admin = await login("admin");
  admin.expect(200, await patch(b.id, { place: 0 }));
  assert.deepEqual(await below(top.id), ["乙", "丙", "甲"]);
  const events = await query(`SELECT record FROM tidemark_log.event WHERE id > ${before} AND form = '_department' ORDER BY id`, "app");
  assert.deepEqual(events.map((event) => event["record"]).sort(), [a.id, b.id, c.id].sort(), "each whose order changed, and no other");
  admin.expect(200, await patch(a.id, { parent: b.id, title: `甲改 ${process.pid}` }));
  assert.deepEqual([await below(top.id), await below(b.id)], [["乙", "丙"], ["甲改"]]);
  admin.expect(200, await patch(a.id, { parent: top.id, place: 99 }));
  assert.deepEqual(await below(top.id), ["乙", "丙", "甲改"]);
  const rows = await query("SELECT id, `key`, name, parent_id FROM department");
  assert.deepEqual((await all()).map((one) => [one.id, one.key, one.title, one.parent]).sort(), rows.map((row) => [row["id"], row["key"], row["name"], row["parent_id"]]).sort());
  assert.equal((await query("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited' AND detail LIKE '%department%'", "app"))[0]?.["n"], "0");
});

test("no circle, no two of a name beside each other, no bad key; told where", async () => {
  const admin = await login("admin");
  const top = await make("环一");
  const middle = await make("环二", top.id);
  const low = await make("环三", middle.id);
  for (const parent of [top.id, middle.id, low.id]) {
    const reply = await patch(top.id, { parent });
    assert.deepEqual([reply.status, faults(reply)], [422, [["parent", "circle"]]]);
  }
  const twin = await admin.post("/departments", { key: ownKey("dep"), title: `环三 ${process.pid}`, parent: middle.id });
  assert.deepEqual(faults(twin), [["title", "not_unique"]]);
  const wrong: [object, string[]][] = [
    [{ key: "Upper", title: "甲" }, ["key bad_value"]],
    [{ key: "", title: "空" }, ["key too_short"]],
    [{ key: "-x", title: "" }, ["key bad_value", "title required"]],
    [{ key: ownKey("dep"), title: "x".repeat(101), parent: "99" }, ["parent unknown", "title too_long"]],
    [{ key: ownKey("dep"), title: "甲", parent: 5, place: "1" }, ["parent not_an_id", "place wrong_type"]],
    [{ key: ownKey("dep"), title: "负", place: -1 }, ["place too_small"]],
  ];
  for (const [body, told] of wrong) {
    const reply = await admin.post("/departments", body);
    assert.deepEqual([reply.status, faults(reply).map((one) => one.join(" ")).sort()], [422, told], JSON.stringify(body));
  }
  const taken = await admin.post("/departments", { key: top.key, title: "同码" });
  assert.deepEqual([taken.status, faults(taken)], [409, [["key", "not_unique"]]]);
  const stale = await patch(low.id, { title: "改名" }, "nonsense");
  assert.equal(stale.status, 412);
  assert.equal((await admin.patch(`/departments/${low.id}`, { title: "改名" }, undefined)).status, 428);
  assert.equal((await patch("99", { title: "改名" })).status, 404);
});

test("the tree goes no deeper than 64, counted with what hangs below what is moved", async () => {
  const admin = await login("admin");
  let parent = (await make("深一")).id;
  const other = await make("支一");
  const under = await make("支二", other.id);
  for (let depth = 2; depth <= 63; depth++) parent = (await make(`深${depth}`, parent)).id;
  const refused = await patch(other.id, { parent });
  assert.deepEqual([refused.status, faults(refused)], [422, [["parent", "too_deep"]]]);
  admin.expect(200, await patch(under.id, { parent }));
  assert.deepEqual(faults(await admin.post("/departments", { key: ownKey("dep"), title: "更深", parent: under.id })), [["parent", "too_deep"]]);
});

test("retired: only when empty; nobody and nothing is put there; pickers do not offer it; taken back it is as before", async () => {
  const admin = await login("admin");
  const top = await make("停一");
  const low = await make("停二", top.id);
  const made = admin.expect<{ person: { id: string; version: string } }>(201, await admin.post("/people", { login: ownKey("off"), name: "停用人", department: top.id }));
  const refused = await patch(top.id, { retired: true });
  assert.deepEqual(refused.problem().errors?.map((one) => [one.field, one.code, one.limit]), [["retired", "has_people", "1"], ["retired", "has_below", "1"]]);
  admin.expect(200, await patch(low.id, { retired: true }));
  admin.expect(200, await admin.patch(`/people/${made.person.id}`, { disabled: true }, "*"));
  admin.expect(200, await patch(top.id, { retired: true }));
  const offered = admin.expect<{ items: { id: string }[] }>(200, await admin.get("/departments")).items.map((one) => one.id);
  assert.ok(!offered.includes(top.id) && !offered.includes(low.id));
  for (const reply of [
    await admin.post("/people", { login: ownKey("off"), name: "新人", department: top.id }),
    await admin.patch(`/people/${made.person.id}`, { disabled: false }, "*"),
    await admin.patch(`/people/${(await login("clerk3")).session?.user.id}`, { department: top.id }, "*"),
  ]) assert.deepEqual([reply.status, faults(reply)], [422, [["department", "retired"]]]);
  assert.deepEqual(faults(await admin.post("/departments", { key: ownKey("dep"), title: "其下", parent: top.id })), [["parent", "retired"]]);
  assert.deepEqual(faults(await patch(low.id, { retired: false })), [["retired", "retired"]], "its parent comes first");
  const manager = await login("manager");
  const item = (await manager.list("/forms/customer/records?limit=1")).items[0];
  assert.deepEqual(faults(await manager.patch(`/forms/customer/records/${item?.id}`, { fields: { department: top.id } }, "*")), [["department", "not_visible"]]);
  admin.expect(200, await patch(top.id, { retired: false }));
  admin.expect(200, await patch(low.id, { retired: false }));
  assert.deepEqual(await below(top.id), ["停二"]);
});

test("the security administrator sees the tree and changes nothing; others do not see it", async () => {
  const security = await login("security");
  assert.equal((await security.get("/organisation")).status, 200);
  const id = (await all())[0]?.id;
  assert.equal((await security.post("/departments", { key: "x", title: "x" })).status, 403);
  assert.equal((await security.patch(`/departments/${id}`, { title: "x" }, "*")).status, 403);
  for (const who of ["auditor", "manager", "clerk"]) assert.equal((await (await login(who)).get("/organisation")).status, 403, who);
});
