// Many records in one request: all or nothing, each with its event, faults and conflicts under the place of their item.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Client, type Item, type Json, type Reply } from "../lib/client.ts";
import { createCustomer, creditCode, customerFields, readCustomer } from "../lib/demo.ts";
import { makePerson, ownKey } from "../lib/rights.ts";
import { login, query } from "../lib/shared.ts";

interface Done {
  create: Item[];
  update: Item[];
  delete: string[];
  restore: Item[];
  pos: string;
}
const BATCH = "/forms/customer/records:batch";
const send = (client: Client, body: unknown, form = "customer"): Promise<Reply> => client.post(`/forms/${form}/records:batch`, body);
const done = async (client: Client, body: unknown, form = "customer"): Promise<Done> => client.expect<Done>(200, await send(client, body, form));
const made = async (client: Client, n: number): Promise<Item[]> => Promise.all(Array.from({ length: n }, () => createCustomer(client)));
const rows = async (where: string) => Number((await query(`SELECT COUNT(*) AS n FROM rec_customer WHERE ${where}`))[0]?.["n"]);
const actions = async (id: string) => (await query(`SELECT action, rev FROM tidemark_log.event WHERE record = ${id} AND rev IS NOT NULL ORDER BY rev`, "app")).map((row) => `${row["action"]} ${row["rev"]}`);

test("creating, changing, deleting and restoring in one transaction; the answer stands in the order of the request", async () => {
  const clerk = await login("clerk");
  const [a, b, c, d] = (await made(clerk, 4)) as [Item, Item, Item, Item];
  clerk.expect(200, await clerk.delete(`/forms/customer/records/${d.id}`));
  const fields = await Promise.all([1, 2].map(() => customerFields(clerk)));
  const answer = await done(clerk, {
    create: fields.map((each) => ({ fields: each })),
    update: [b, a].map((item, i) => ({ id: item.id, version: item.version, fields: { notes: `Stapel ${i}` } })),
    delete: [c.id],
    restore: [d.id],
  });
  assert.deepEqual(answer.create.map((item) => item.fields["credit_code"]), fields.map((each) => each["credit_code"]));
  assert.deepEqual(answer.update.map((item) => [item.id, item.fields["notes"]]), [[b.id, "Stapel 0"], [a.id, "Stapel 1"]]);
  assert.deepEqual([answer.delete, answer.restore.map((item) => item.id)], [[c.id], [d.id]]);
  assert.match(answer.pos, /^[^.]+\.\d+$/);
  for (const item of [...answer.create, ...answer.update, ...answer.restore]) assert.deepEqual(await readCustomer(clerk, item.id), item);
  assert.equal((await clerk.get(`/forms/customer/records/${c.id}`)).status, 404);
  assert.deepEqual(await actions(answer.create[0]?.id as string), ["create 1"]);
  assert.deepEqual(await actions(a.id), ["create 1", "update 2"]);
  assert.deepEqual(await actions(c.id), ["create 1", "delete 2"]);
  assert.deepEqual(await actions(d.id), ["create 1", "delete 2", "restore 3"]);
  const nothing = await done(clerk, { update: [{ id: a.id, version: "*", fields: { notes: "Stapel 1" } }] });
  assert.deepEqual([nothing.update[0]?.version, (await actions(a.id)).length], [answer.update[1]?.version, 2], "what changes nothing writes nothing");
  const told = await query(`SELECT id FROM tidemark_log.event WHERE record = ${a.id} AND action = 'read' AND detail LIKE '%"unchanged"%'`, "app");
  assert.equal(told.length, 1, "but what it shows is in the log");
  assert.deepEqual((await done(clerk, {})).create, []);
});

test("what is wrong is told of all items at once, and nothing of the batch is there", async () => {
  const clerk = await login("clerk");
  const colleague = await makePerson(ownKey("stapel"), "outlet11", ["clerk"]);
  const [mine, other] = [await createCustomer(clerk), await createCustomer(colleague)];
  const foreign = (await query("SELECT p._id FROM rec_customer p JOIN department x ON x.id = p._department WHERE x.`key` = 'outlet21' AND p._live = 1 LIMIT 1"))[0]?.["_id"] as string;
  const good = await customerFields(clerk);
  const reply = await send(clerk, {
    create: [{ fields: good }, { fields: { ...(await customerFields(clerk)), phone: "x", nonsense: 1, credit_line: "1.00" } }, { fields: {} }],
    update: [{ id: mine.id, version: "*", fields: { phone: "12", stage: "nowhere" } }, { id: foreign, version: "*", fields: { notes: "x" } }],
    delete: ["4611686018427387904"],
  });
  assert.equal(reply.status, 422);
  const found = faults(reply).map(([field, code]) => `${field} ${code}`);
  for (const wanted of ["create[1].fields.phone not_a_phone", "create[1].fields.nonsense unknown", "create[1].fields.credit_line unknown", "create[2].fields.name required", "update[0].fields.phone not_a_phone", "update[0].fields.stage not_an_option", "update[1] not_visible", "delete[0] not_visible"])
    assert.ok(found.includes(wanted), `${wanted} is missing in ${found.join(", ")}`);
  assert.equal(await rows(`credit_code = '${good["credit_code"]}'`), 0);
  const refused = await send(clerk, { create: [{ fields: good }], update: [{ id: other.id, version: "*", fields: { notes: "x" } }], delete: [mine.id, other.id.replace(/.$/, "0")] });
  assert.equal(refused.status, 403, "what is seen but not allowed stands over the rest");
  assert.ok(faults(refused).some(([field, code]) => field === "update[0]" && code === "not_allowed"));
  assert.equal((await readCustomer(clerk, mine.id)).version, mine.version);
  assert.equal(await rows(`credit_code = '${good["credit_code"]}'`), 0);
});

test("a body that is not a batch", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const cases: [unknown, string[]][] = [
    [{ create: 1, update: {}, delete: "1" }, ["create wrong_type", "update wrong_type", "delete wrong_type"]],
    [{ create: [1], update: [{ id: 5 }], delete: ["x", 7] }, ["create[0] wrong_type", "update[0].id wrong_type", "update[0].version required", "update[0].fields required", "delete[0] not_an_id", "delete[1] wrong_type"]],
    [{ purge: [] }, ["purge unknown"]],
    [{ delete: [item.id, item.id] }, ["delete[1] duplicate"]],
    [{ update: [{ id: item.id, version: "*", fields: {} }], delete: [item.id] }, ["delete[0] duplicate"]],
    [{ delete: Array.from({ length: 1001 }, (_, i) => String(i + 1)) }, ["delete too_many"]],
    [{ create: [{ fields: 5 }] }, ["create[0].fields wrong_type"]],
  ];
  for (const [body, wanted] of cases) {
    const reply = await send(clerk, body);
    assert.equal(reply.status, 422, reply.text);
    const found = faults(reply).map(([field, code]) => `${field} ${code}`);
    for (const each of wanted) assert.ok(found.includes(each), `${each} is missing in ${found.join(", ")}`);
  }
  assert.equal((await clerk.post(BATCH, undefined, { raw: "{" })).status, 400);
  for (const name of ["auditor", "admin"]) assert.equal((await send(await login(name), { delete: [item.id] })).status, 404);
});

test("edits merge with what others changed meanwhile; on the same field the batch stops and every clash is told", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const [a, b, c] = (await made(clerk, 3)) as [Item, Item, Item];
  for (const item of [a, b, c]) manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "quoted", notes: "von oben" } }, "*"));
  const update = (item: Item, fields: Record<string, Json>) => ({ id: item.id, version: item.version, fields });
  const merged = await done(clerk, { update: [update(a, { level: "key" }), update(b, { level: "key" })] });
  assert.deepEqual(merged.update.map((item) => [item.fields["level"], item.fields["stage"], item.fields["notes"]]), [1, 2].map(() => ["key", "quoted", "von oben"]));
  const reply = await send(clerk, { update: [update(a, { stage: "won" }), update(c, { level: "key" }), update(b, { stage: "lost", notes: "von unten" })] });
  assert.equal(reply.status, 412);
  const conflicts = (reply.problem().conflicts ?? []) as unknown as { item: string; field: string; base: Json; theirs: Json; yours: Json }[];
  const told = conflicts.map((one) => [one.item, one.field, one.base, one.theirs, one.yours].join("|")).sort();
  assert.deepEqual(told, ["update[0]|stage|lead|quoted|won", "update[2]|notes||von oben|von unten", "update[2]|stage|lead|quoted|lost"]);
  assert.equal((await readCustomer(clerk, c.id)).fields["level"] ?? null, c.fields["level"] ?? null, "all or nothing");
});

test("unique values: two of a batch, and those that somebody has, are told by item; what goes makes room", async () => {
  const clerk = await login("clerk");
  const [taken, mine] = (await made(clerk, 2)) as [Item, Item];
  const code = creditCode();
  const fresh = async (more: Record<string, Json>) => ({ fields: await customerFields(clerk, more) });
  const twice = await send(clerk, { create: [await fresh({ credit_code: code }), await fresh({ credit_code: code })] });
  assert.deepEqual([twice.status, faults(twice)], [422, [["create[1].fields.credit_code", "duplicate"]]]);
  const clash = await send(clerk, { create: [await fresh({}), await fresh({ credit_code: taken.fields["credit_code"] as string })], update: [{ id: mine.id, version: "*", fields: { notes: "x" } }] });
  assert.deepEqual([clash.status, faults(clash)], [409, [["create[1].fields.credit_code", "not_unique"]]]);
  assert.equal((await readCustomer(clerk, mine.id)).version, mine.version);
  const moved = await done(clerk, { create: [await fresh({ credit_code: taken.fields["credit_code"] as string })], delete: [taken.id] });
  assert.equal(moved.create[0]?.fields["credit_code"], taken.fields["credit_code"]);
  const back = await send(clerk, { restore: [taken.id] });
  assert.deepEqual([back.status, faults(back)], [409, [["restore[0].fields.credit_code", "not_unique"]]]);
});

test("children follow each record of a batch; of too many the item is named", async () => {
  const [clerk, manager, clerk2] = [await login("clerk"), await login("manager"), await login("clerk2")];
  const customers = await made(clerk, 3);
  const contacts = (await done(clerk, { create: customers.map((customer, i) => ({ fields: { customer: customer.id, name: `联系人 ${i}` } })) }, "contact")).create;
  const [owner, department] = [clerk2.session?.user.id as string, clerk2.session?.user.department.id as string];
  await done(manager, { update: customers.slice(0, 2).map((customer) => ({ id: customer.id, version: "*", fields: { owner, department } })), delete: [customers[2]?.id] });
  for (const [i, contact] of contacts.entries()) {
    assert.equal((await clerk2.get(`/forms/contact/records/${contact.id}`)).status, i < 2 ? 200 : 404);
    assert.equal((await clerk.get(`/forms/contact/records/${contact.id}`)).status, 404);
    const last = (await query(`SELECT action, detail FROM tidemark_log.event WHERE record = ${contact.id} AND rev = 2`, "app"))[0];
    assert.equal(last?.["action"], i < 2 ? "derive" : "delete");
    const cause = /"cause":"(\d+)"/.exec(last?.["detail"] ?? "")?.[1];
    assert.equal((await query(`SELECT record FROM tidemark_log.event WHERE id = ${cause}`, "app"))[0]?.["record"], customers[i]?.id, "the cause is its customer's event");
  }
  await done(manager, { restore: [customers[2]?.id] });
  assert.equal((await clerk.get(`/forms/contact/records/${contacts[2]?.id}`)).status, 200);
});

test("1,000 at once; two batches that race for the same records and values never cross, and exactly one of each pair wins", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const template = await customerFields(clerk);
  const many = (n: number) => Array.from({ length: n }, (_, i) => ({ fields: { ...template, name: `批量 ${i}`, credit_code: creditCode() } }));
  const big = await done(clerk, { create: many(1000) });
  const numbers = new Set(big.create.map((item) => item.fields["no"]));
  assert.equal(numbers.size, 1000, "numbers are unique");
  // The same rows, asked for in opposite orders, again and again.
  const ids = big.create.slice(0, 60).map((item) => item.id);
  const turn = (order: string[], note: string) => ({ update: order.map((id) => ({ id, version: "*", fields: { notes: note } })) });
  const replies = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => send(i % 2 ? manager : clerk, turn(i % 2 ? [...ids].reverse() : ids, `Runde ${i}`))));
  assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 200, 200, 200, 200]);
  const notes = new Set((await query(`SELECT DISTINCT notes FROM rec_customer WHERE _id IN (${ids.join()})`)).map((row) => row["notes"]));
  assert.equal(notes.size, 1, "all of one batch, whichever was last");
  // One code, five who want it, alone and in batches.
  const code = creditCode();
  const before = await rows(`credit_code = '${code}'`);
  const wish = async (client: Client) => ({ fields: await customerFields(client, { credit_code: code }) });
  const [one, two, three, four, five] = await Promise.all([clerk, manager, clerk, manager, clerk].map(wish));
  const race = await Promise.all([
    clerk.post("/forms/customer/records", one), manager.post("/forms/customer/records", two), clerk.post("/forms/customer/records", three),
    send(manager, { create: [...many(3), four] }), send(clerk, { create: [five, ...many(3)] }),
  ]);
  const won = race.filter((reply) => reply.status < 300).length;
  assert.deepEqual([before, won, await rows(`credit_code = '${code}'`)], [0, 1, 1], race.map((reply) => reply.status).join());
  assert.ok(race.every((reply) => reply.status < 300 || reply.status === 409), race.map((reply) => reply.status).join());
  // Numbers drawn by many at once.
  const drawn = await Promise.all(Array.from({ length: 12 }, (_, i) => send(i % 2 ? clerk : manager, { create: many(5) })));
  const all = drawn.flatMap((reply) => reply.json<Done>().create.map((item) => item.fields["no"]));
  assert.equal(new Set([...all, ...numbers]).size, 1060);
  await done(clerk, { delete: big.create.map((item) => item.id) });
});
