// A grant whose condition no longer fits its form (the field has gone, or is of another type) gives nothing, and one that
// denies takes on every record. Neither keeps the server from starting, nor anybody else from working.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Client } from "../lib/client.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const server = new Server({ rows: 20 });
let [security, clerk, risk, manager]: Client[] = [];
const ids: Record<string, string> = {};

async function people(): Promise<void> {
  [security, clerk, risk, manager] = [await server.login("security"), await server.login("clerk"), await server.login("risk"), await server.login("manager")];
}
const matrix = async () => (security as Client).expect<any>(200, await (security as Client).get("/forms/customer/rights"));
const grantsOf = (found: any, key: string) => found.roles.find((role: any) => role.key === key).grants;
const total = async (client: Client) => Number((await client.list("/forms/customer/records?limit=1&count=1")).total);

/** As a designer would leave it behind: the rows as they are, the catalog moved on. */
async function breakGrants(): Promise<void> {
  const text = (name: string, op: string, value: unknown) => JSON.stringify({ field: name, op, value }).replaceAll("'", "''");
  server.sql(`UPDATE access_grant SET row_filter = '${text("gone_field", "eq", "x")}' WHERE id = ${ids["give"]};
    UPDATE access_grant SET row_filter = '${text("registered_capital", "contains", "x")}' WHERE id = ${ids["deny"]};
    UPDATE catalog_epoch SET epoch = epoch + 1`);
}

before(async () => {
  await server.start();
  await people();
  const found = await matrix();
  const condition = { field: "stage", op: "ne", value: "lost" };
  grantsOf(found, "risk_officer")[0].rule = "condition";
  grantsOf(found, "risk_officer")[0].condition = condition;
  grantsOf(found, "branch_manager").push({ rule: "condition", condition: { field: "stage", op: "eq", value: "lost" }, deny: true, actions: ["delete"], fields: { notes: "hidden" }, masks: {} });
  (security as Client).expect(200, await (security as Client).put("/forms/customer/rights", { roles: found.roles.map(({ id, grants }: any) => ({ id, grants })) }, found.version));
  for (const row of server.sql("SELECT id, deny FROM access_grant WHERE row_rule = 'condition'")) ids[row["deny"] === "1" ? "deny" : "give"] = row["id"] as string;
});
after(() => server.stop());

async function holds(): Promise<void> {
  const found = await matrix();
  const [give, deny] = [grantsOf(found, "risk_officer")[0], grantsOf(found, "branch_manager").at(-1)];
  assert.deepEqual([give.broken?.code, give.broken?.field], ["unknown", "filter.field"]);
  assert.match(give.broken.message, /not known/);
  assert.equal(deny.broken?.code, "bad_value");
  assert.equal((await (risk as Client).get("/forms/customer/records")).status, 404, "it gives nothing: there is no form for him");
  assert.deepEqual((await (risk as Client).list("/forms")).items, []);
  const rows = (await (manager as Client).list("/forms/customer/records?limit=200")).items;
  assert.ok(rows.length > 0 && rows.every((item) => !("notes" in item.fields) && !item.can.includes("delete")), "it denies on every record");
  const form = (manager as Client).expect<{ fields: { key: string }[]; can: string[] }>(200, await (manager as Client).get("/forms/customer"));
  assert.ok(!form.fields.some((field) => field.key === "notes") && !form.can.includes("delete"));
  assert.ok((await total(clerk as Client)) > 0, "others work on");
  assert.equal((server.stderr.match(/condition does not fit its form/g) ?? []).length >= 2, true, "the log tells it");
  const why = (security as Client).expect<any>(200, await (security as Client).get(`/forms/customer/rights/why?person=${risk?.session?.user.id}`));
  assert.deepEqual([why.grants.length, why.grants[0].holds, why.grants[0].grant.broken.code], [1, null, "unknown"]);
}

test("broken while the server runs: the next epoch has it, and nobody else notices", async () => {
  assert.ok((await total(risk as Client)) > 0, "before, it gives");
  await breakGrants();
  await waitUntil("the next epoch", async () => (await (risk as Client).get("/forms/customer/records")).status === 404);
  await holds();
});

test("a server that starts with them starts", async () => {
  await server.stopKeepingData();
  server.stderr = "";
  await server.start();
  await people();
  await holds();
});

test("others' rights can be changed while it stays; mended, it gives again", async () => {
  const found = await matrix();
  const body = { roles: found.roles.map(({ id, grants }: any) => ({ id, grants })) };
  grantsOf(found, "president")[0].fields["birthday"] = "hidden";
  const saved = (security as Client).expect<any>(200, await (security as Client).put("/forms/customer/rights", body, found.version));
  assert.deepEqual([grantsOf(saved, "president")[0].fields["birthday"], grantsOf(saved, "risk_officer")[0].broken?.code], ["hidden", "unknown"]);
  assert.deepEqual([saved.changed.by.title, typeof saved.changed.at], [security?.session?.user.name, "string"]);
  const mended = grantsOf(saved, "risk_officer")[0];
  mended.condition = { field: "gone_field", op: "eq", value: "another" };
  const again = { roles: saved.roles.map(({ id, grants }: any) => ({ id, grants })) };
  assert.equal((await (security as Client).put("/forms/customer/rights", again, saved.version)).status, 422, "another broken condition is not taken");
  mended.condition = { field: "stage", op: "ne", value: "lost" };
  const whole = (security as Client).expect<any>(200, await (security as Client).put("/forms/customer/rights", again, saved.version));
  assert.equal("broken" in grantsOf(whole, "risk_officer")[0], false);
  assert.ok((await total(risk as Client)) > 0);
});
