// The recycle bin on open screens: what is deleted leaves, with what belongs to it, what comes back enters; who was at it is gone.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item, Json } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import type { Live, Mirror } from "../lib/live.ts";
import { login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { PATH, same, sit, word } from "./desk.ts";

test("a customer that is deleted leaves lists, windows and pages with its contacts; restored, all enter again, total and all", async () => {
  const manager = await login("manager");
  const [clerk, president] = [await sit("clerk"), await sit("president")];
  const name = word();
  const customer = await createCustomer(clerk.client, { legal_person: name });
  const contact = clerk.client.expect<Item & { pos: string }>(201, await clerk.client.post("/forms/contact/records", { fields: { customer: customer.id, name: "罗马" } }));
  const find: Json = { field: "legal_person", op: "eq", value: name };
  const watch = async (live: Live): Promise<Mirror[]> => [
    await live.watch({ kind: "records", form: "customer", filter: find, count: true }),
    await live.watch({ kind: "records", form: "contact", filter: { field: "customer", op: "eq", value: customer.id }, count: true }),
    await live.watch({ kind: "record", form: "customer", record: customer.id }),
    await live.watch({ kind: "record", form: "contact", record: contact.id }),
  ];
  const screens = [[clerk, await watch(clerk)], [president, await watch(president)]] as const;
  const everybody = async (pos: string, there: boolean) => {
    for (const [live, mirrors] of screens) {
      await same(live, pos);
      assert.deepEqual(mirrors.map((mirror) => mirror.items.length), [1, 1, 1, 1].map((one) => (there ? one : 0)));
      assert.deepEqual(mirrors.slice(0, 2).map((mirror) => mirror.total), there ? ["1", "1"] : ["0", "0"]);
    }
  };
  await everybody(contact.pos, true);
  const shown = screens.map(([, mirrors]) => mirrors.map((mirror) => mirror.items[0]));
  clerk.edit("customer", customer.id, "phone");
  const people = async () => Number((await query(`SELECT COUNT(*) AS n FROM presence WHERE record = ${customer.id}`))[0]?.["n"]);
  await waitUntil("the clerk at the record", async () => (await people()) === 1);
  const gone = manager.expect<{ pos: string }>(200, await manager.delete(`${PATH}/${customer.id}`));
  await everybody(gone.pos, false);
  await waitUntil("nobody is at what has gone", async () => (await people()) === 0);
  const back = manager.expect<{ pos: string }>(200, await manager.request("POST", `${PATH}/${customer.id}/restore`));
  await everybody(back.pos, true);
  assert.deepEqual(screens.map(([, mirrors]) => mirrors.map((mirror) => mirror.items[0])), shown, "as it was, version and all");
  const batch = manager.expect<{ pos: string }>(200, await manager.post(`${PATH}:batch`, { delete: [customer.id] }));
  await everybody(batch.pos, false);
});
