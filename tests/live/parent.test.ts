// Records that belong to another record, on open screens: they enter and leave with it, and show what it is called now.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item, Json } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import type { Live, Mirror } from "../lib/live.ts";
import { makePerson, makeRole, ownKey, setGrants } from "../lib/rights.ts";
import { login } from "../lib/shared.ts";
import { change, same, sit, type } from "./desk.ts";

const create = async (live: Live, form: string, fields: Record<string, Json>): Promise<Item & { pos: string }> =>
  live.client.expect(201, await live.client.post(`/forms/${form}/records`, { fields }));
const has = (mirror: Mirror, id: string) => mirror.item(id) !== undefined;

test("a customer that moves takes contacts and follow-ups with it on every open screen, and its new name shows on them", async () => {
  const manager = await login("manager");
  const role = await makeRole(ownKey("fremd"));
  await setGrants({ [role.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read" } }] }, "contact");
  const stranger = await makePerson(ownKey("fremd"), "head", [role.key]);
  const [clerk, clerk2, president, clerk3] = [await sit("clerk"), await sit("clerk2"), await sit("president"), await sit("clerk3")];
  const orphan = await sit("fremd", { client: stranger });
  const customer = await createCustomer(clerk.client);
  const contact = await create(clerk, "contact", { customer: customer.id, name: "罗马" });
  const follow = await create(clerk, "follow_up", { customer: customer.id, kind: "phone", at: "2026-11-20T02:00:00Z", content: "电话", by: clerk.client.session?.user.id as string });
  const of = { field: "customer", op: "eq", value: customer.id };
  const lists = async (live: Live) => ({
    contacts: await live.watch({ kind: "records", form: "contact", filter: of, sort: "name", count: true }),
    follows: await live.watch({ kind: "records", form: "follow_up", filter: of, sort: "-at", count: true }),
    all: await live.watch({ kind: "records", form: "contact", sort: "-decision_maker", limit: 100, count: true }),
    one: live.sub({ kind: "record", form: "contact", record: contact.id }),
  });
  const [a, b, c, d] = [await lists(clerk), await lists(clerk2), await lists(president), await lists(clerk3)];
  const unseen = await orphan.watch({ kind: "records", form: "contact", filter: { field: "name", op: "eq", value: "罗马" }, count: true });
  const hidden = await orphan.watch({ kind: "records", form: "contact", filter: of, count: true });
  const everybody = async (pos: string | number) => {
    for (const live of [clerk, clerk2, president, clerk3, orphan]) await same(live, pos);
  };
  await everybody(follow.pos);
  const places = () => [a, b, c, d].map((one) => [has(one.contacts, contact.id), has(one.follows, follow.id), has(one.one, contact.id)]);
  const [IN, OUT] = [[true, true, true], [false, false, false]];
  assert.deepEqual(places(), [IN, OUT, IN, OUT]);
  assert.deepEqual([unseen.item(contact.id)?.fields["customer"], hidden.items], [{ id: null, title: null }, []]);
  const told = unseen.deltas;
  const moved = await change(manager, customer.id, { owner: clerk2.client.session?.user.id as string, department: clerk2.client.session?.user.department.id as string });
  await everybody(moved.pos);
  assert.deepEqual(places(), [OUT, IN, IN, OUT]);
  assert.deepEqual([a.contacts.total, b.contacts.total], ["0", "1"]);
  const renamed = await change(manager, customer.id, { name: "更名有限公司" });
  await everybody(renamed.pos);
  assert.deepEqual([b, c].map((one) => one.contacts.item(contact.id)?.fields["customer"]), [1, 2].map(() => ({ id: customer.id, title: "更名有限公司" })));
  const still = await change(manager, customer.id, { notes: "steht nirgends sonst" });
  await everybody(still.pos);
  assert.equal(unseen.deltas, told, "who may not see the customer hears nothing of its moves and names");
  // A hand's doing, too: the row alone decides.
  await everybody(await type(`UPDATE rec_contact SET _department = ${clerk3.client.session?.user.department.id} WHERE _id = ${contact.id}`));
  assert.deepEqual(places().map((one) => one[0]), [false, true, true, true], "clerk2 is its owner still");
  await type(`UPDATE rec_contact SET _department = ${clerk2.client.session?.user.department.id} WHERE _id = ${contact.id}`);
});

test("rights on customers that change under open screens change what is seen of contacts", async () => {
  const clerk = await login("clerk");
  const customer = await createCustomer(clerk, { name: "权限变更有限公司" });
  const role = await makeRole(ownKey("kinder"));
  await setGrants({ [role.key]: [{ rule: "parent", actions: ["list", "read"], fields: { "*": "read" } }] }, "contact");
  await setGrants({ [role.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read" } }] });
  const live = await sit("kinder", { client: await makePerson(ownKey("kinder"), "head", [role.key]) });
  const contact = await clerk.expect<Item & { pos: string }>(201, await clerk.post("/forms/contact/records", { fields: { customer: customer.id, name: "可见" } }));
  const list = await live.watch({ kind: "records", form: "contact", filter: { field: "customer", op: "eq", value: customer.id }, count: true });
  await same(live, contact.pos);
  assert.deepEqual(list.item(contact.id)?.fields["customer"], { id: customer.id, title: "权限变更有限公司" });
  const masked = await setGrants({ [role.key]: [{ rule: "all", actions: ["list", "read"], fields: { "*": "read", name: "masked" } }] });
  await same(live, masked.pos as string);
  assert.deepEqual(list.item(contact.id)?.fields["customer"], { id: customer.id, title: "权限****" });
  const gone = await setGrants({ [role.key]: [{ rule: "owner", actions: ["list", "read"], fields: { "*": "read" } }] });
  await same(live, gone.pos as string);
  assert.deepEqual([list.items, list.total], [[], "0"]);
});
