// The auditor's tail and the alarm: events as they commit, masked as the log masks; a change that Tidemark did not make
// raises exactly one alarm, one that it made raises none.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../lib/client.ts";
import { phone } from "../lib/demo.ts";
import type { Mirror } from "../lib/live.ts";
import { login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";
import { change, herd, PATH, sit, type } from "./desk.ts";

const events = (mirror: Mirror) => mirror.items as unknown as Record<string, Json>[];
const alarms = async () => Number((await query("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'unaudited'", "app"))[0]?.["n"]);

test("an event is on the auditor's screen as it commits, once, with masked values masked", async () => {
  const auditor = await sit("auditor", { headers: { "accept-language": "en" } });
  const tail = await auditor.watch({ kind: "audit" });
  const clerk = await login("clerk");
  const { ids } = await herd(clerk, 1);
  const number = phone();
  const { pos } = await change(clerk, ids[0] as string, { phone: number, stage: "won" });
  const event = await waitUntil("the event", () => events(tail).find((each) => each["action"] === "update" && (each["record"] === ids[0] || JSON.stringify(each["record"]).includes(ids[0] as string))));
  assert.equal(event["pos"], pos);
  const text = JSON.stringify(events(tail));
  assert.ok(!text.includes(number) && text.includes(`${number.slice(0, 3)}****${number.slice(-4)}`));
  assert.equal(new Set(events(tail).map((each) => each["id"])).size, events(tail).length);
  assert.deepEqual(auditor.complaints, []);
  // What the tail shows is what the log says.
  const said = (await auditor.client.get(`/audit?record=${ids[0]}&action=update`)).json<{ items: Record<string, Json>[] }>().items[0];
  assert.deepEqual(event["changes"], said?.["changes"]);
});

test("opening and end of a view are events with their positions", async () => {
  const clerk = await sit("clerk");
  const { ids } = await herd(clerk.client, 1);
  const record = await clerk.watch({ kind: "record", form: "customer", record: ids[0] as string });
  const logged = async () => (await query(`SELECT detail FROM tidemark_log.event WHERE record = ${ids[0]} AND detail LIKE '%"live"%' ORDER BY id`, "app")).map((row) => JSON.parse(row["detail"] as string) as Record<string, string>);
  assert.deepEqual((await logged()).map((each) => [each["live"], each["chan"]]), [["open", record.chan]]);
  const chan = record.chan;
  await clerk.close();
  const both = await waitUntil("the end", async () => {
    const rows = await logged();
    return rows.length === 2 ? rows : undefined;
  });
  assert.deepEqual([both[1]?.["live"], both[1]?.["chan"]], ["close", chan]);
  assert.match(both[1]?.["pos"] ?? "", /^[0-9a-f]{8}\.\d+$/);
});

test("what is typed into the database reaches the screens and raises one alarm; audited writes raise none", async () => {
  const auditor = await sit("auditor");
  const [tail, notices] = [await auditor.watch({ kind: "audit" }), await auditor.watch({ kind: "notice" })];
  const clerk = await sit("clerk");
  const { ids, filter } = await herd(clerk.client, 1);
  const list = await clerk.watch({ kind: "records", form: "customer", filter });
  await clerk.settle((await change(clerk.client, ids[0] as string, { notes: "vorher" })).pos);
  const before = await alarms();

  // Under load from many hands: none.
  const manager = await login("manager");
  await Promise.all(Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; i < 10; i++) {
      await manager.get(`${PATH}?limit=2`);
      await change(lane % 2 === 0 ? manager : clerk.client, ids[0] as string, { notes: `${lane}/${i}`, phone: phone() });
    }
  }));
  await clerk.settle((await change(clerk.client, ids[0] as string, { notes: "nachher" })).pos);
  assert.equal(await alarms(), before);

  await type(`UPDATE rec_customer SET stage = 'lost' WHERE _id = ${ids[0]}`);
  await waitUntil("the clerk's screen", () => list.items[0]?.fields["stage"] === "lost");
  const alarm = await waitUntil("the alarm", () => events(notices).find((each) => JSON.stringify(each).includes(ids[0] as string)));
  assert.equal(alarm["action"], "unaudited");
  await waitUntil("the same on the tail", () => events(tail).some((each) => each["id"] === alarm["id"]));
  await clerk.settle((await change(clerk.client, ids[0] as string, { notes: "danach" })).pos);
  assert.equal(await alarms(), before + 1, "exactly one");
});

test("notices of a person without that right are empty, and the tail is refused", async () => {
  const clerk = await sit("clerk");
  const notices = await clerk.watch({ kind: "notice" });
  const { ids } = await herd(clerk.client, 1);
  await type(`UPDATE rec_customer SET stage = 'lost' WHERE _id = ${ids[0]}`);
  const auditor = await sit("auditor");
  await waitUntil("the alarm", async () => events(await auditor.watch({ kind: "notice" })).some((each) => JSON.stringify(each).includes(ids[0] as string)));
  assert.deepEqual(notices.items, []);
  const tail = clerk.sub({ kind: "audit" });
  await waitUntil("refused", () => tail.over);
  assert.equal(tail.problem?.status, 403);
});
