// A department that is moved takes its records into the scope of those above it, and out of that of those it leaves: on open
// screens, at once, and no frame of it to anybody else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makePerson, makeRole, ownKey, setGrants } from "../lib/rights.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { herd, same, sit, type } from "./desk.ts";

const AT_ONCE_MS = 1000;

test("rows enter and leave with their department", async () => {
  const admin = await login("admin");
  const add = async (title: string, parent: string | null) => {
    const key = ownKey("move");
    return admin.expect<{ id: string; key: string }>(201, await admin.post("/departments", { key, title: `${title} ${key}`, parent }));
  };
  const [east, west] = [await add("东区", null), await add("西区", null)];
  const outlet = await add("网点", west.id);
  const role = await makeRole(ownKey("head"));
  await setGrants({ [role.key]: [{ rule: "subtree", actions: ["list", "read"], fields: { "*": "read" } }] });
  const { ids, filter } = await herd(await login("clerk"), 3);
  await type(`UPDATE rec_customer SET _department = ${outlet.id} WHERE _id IN (${ids.join()})`);
  const [gains, loses] = [await sit("", { client: await makePerson(ownKey("east"), east.key, [role.key]) }), await sit("", { client: await makePerson(ownKey("west"), west.key, [role.key]) })];
  const watch = { kind: "records", form: "customer", filter, sort: "name", count: true } as const;
  const [there, here] = [await gains.watch(watch), await loses.watch(watch)];
  assert.deepEqual([there.items.length, here.items.length], [0, 3]);
  for (const [parent, sees, sees_not] of [[east.id, there, here], [west.id, here, there]] as const) {
    const { pos } = admin.expect<{ pos: string }>(200, await admin.patch(`/departments/${outlet.id}`, { parent }, "*"));
    const answered = performance.now();
    await waitUntil("the rows on the other screen", () => sees.items.length === 3 && sees_not.items.length === 0);
    assert.ok(performance.now() - answered <= AT_ONCE_MS, `${performance.now() - answered} ms`);
    await same(gains, pos, [there]);
    await same(loses, pos, [here]);
  }
});
