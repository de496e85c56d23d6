// Who is at a record, and in which field: told to those who see the record, without fields that they do not see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntil } from "../lib/wait.ts";
import type { Mirror } from "../lib/live.ts";
import { login, query } from "../lib/shared.ts";
import { change, herd, same, sit, type } from "./desk.ts";

const seen = (mirror: Mirror) => (mirror.users ?? []).map((user) => `${user.title}:${user.field}`).sort();
const shows = (mirror: Mirror, ...people: string[]) =>
  waitUntil(`${people.join(" and ") || "nobody"} at the record`, () => JSON.stringify(seen(mirror)) === JSON.stringify(people.sort()) || undefined, 15_000).catch((error) => {
    throw new Error(`${String(error)}; there: ${seen(mirror).join()}`);
  });

test("people come, change the field, and go; who comes later sees who is there", async () => {
  const [clerk, manager] = [await sit("clerk"), await sit("manager")];
  const { ids } = await herd(clerk.client, 2);
  const request = { kind: "record" as const, form: "customer", record: ids[0] as string };
  const [his, hers] = [await clerk.watch(request), await manager.watch(request)];
  const [c, m] = [clerk.client.session?.user.name, manager.client.session?.user.name];
  clerk.edit("customer", ids[0] as string, "phone");
  await shows(hers, `${c}:phone`);
  await shows(his, `${c}:phone`);
  manager.edit("customer", ids[0] as string);
  await shows(his, `${c}:phone`, `${m}:null`);
  clerk.edit("customer", ids[0] as string, "notes");
  await shows(hers, `${c}:notes`, `${m}:null`);

  const president = await sit("president");
  const late = await president.watch(request);
  await shows(late, `${c}:notes`, `${m}:null`);

  // To another record: gone here.
  await manager.watch({ ...request, record: ids[1] as string });
  manager.edit("customer", ids[1] as string, "name");
  await shows(his, `${c}:notes`);
  // Nobody is where he does not look.
  president.unsub(late);
  president.edit("customer", ids[0] as string, "name");
  // A page that is left, a socket that ends, a cable that is cut.
  clerk.unsub(his);
  await shows(hers);
  await clerk.watch(request);
  clerk.edit("customer", ids[0] as string, "name");
  await shows(hers, `${c}:name`);
  clerk.ws.cut();
  await shows(hers);
  assert.deepEqual([...clerk.complaints, ...manager.complaints, ...president.complaints], []);
});

test("who comes and goes at once leaves nothing behind", async () => {
  const manager = await sit("manager");
  const { ids } = await herd(manager.client, 1);
  const request = { kind: "record" as const, form: "customer", record: ids[0] as string };
  const hers = await manager.watch(request);
  for (let i = 0; i < 12; i++) {
    const clerk = await sit("president");
    await clerk.watch(request);
    for (const field of ["name", "notes", "phone", "stage"]) clerk.edit("customer", ids[0] as string, field);
    if (i % 2 === 0) clerk.ws.cut();
    else await clerk.close();
  }
  await waitUntil("no row is left", async () => (await query(`SELECT COUNT(*) AS n FROM presence WHERE record = ${ids[0]}`))[0]?.["n"] === "0");
  await shows(hers);
});

test("a field that the viewer may not see is left out, and a move between two such makes no frame", async () => {
  const [president, clerk] = [await sit("president"), await sit("clerk")];
  const { ids } = await herd(clerk.client, 1);
  const request = { kind: "record" as const, form: "customer", record: ids[0] as string };
  const [all, some] = [await president.watch(request), await clerk.watch(request)];
  const name = president.client.session?.user.name;
  president.edit("customer", ids[0] as string, "credit_line");
  await shows(all, `${name}:credit_line`);
  await shows(some, `${name}:null`);
  const heard = clerk.presence.length;
  president.edit("customer", ids[0] as string, "risk_grade");
  await shows(all, `${name}:risk_grade`);
  president.edit("customer", ids[0] as string, "name");
  await shows(some, `${name}:name`);
  assert.equal(clerk.presence.length, heard + 1);
  assert.ok(!JSON.stringify(clerk.presence).includes("credit_line"));
});

test("nobody is told of people at a record that he does not see, nor when he has lost it", async () => {
  const [clerk, president] = [await sit("clerk"), await sit("president")];
  const { ids } = await herd(clerk.client, 1);
  const request = { kind: "record" as const, form: "customer", record: ids[0] as string };
  const [his, theirs] = [await clerk.watch(request), await president.watch(request)];
  president.edit("customer", ids[0] as string, "name");
  await shows(his, `${president.client.session?.user.name}:name`);
  const far = (await login("clerk3")).session?.user;
  await same(clerk, await type(`UPDATE rec_customer SET _owner = ${far?.id}, _department = ${far?.department.id} WHERE _id = ${ids[0]}`));
  assert.deepEqual(his.items, []);
  const heard = clerk.presence.length;
  president.edit("customer", ids[0] as string, "notes");
  await shows(theirs, `${president.client.session?.user.name}:notes`);
  await same(clerk, (await change(await login("clerk3"), ids[0] as string, { notes: "x" })).pos);
  const again = await sit("clerk");
  const blind = again.sub(request);
  await waitUntil("answered", () => blind.open || blind.over);
  await same(again, (await change(await login("clerk3"), ids[0] as string, { notes: "y" })).pos, []);
  assert.equal(clerk.presence.length, heard, "no word of who is there");
  assert.deepEqual(again.presence, []);
});
