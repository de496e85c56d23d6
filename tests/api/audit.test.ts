// The log knows: who read, who changed what, with before and after; and no answer leaves before the event of its read is
// there. The auditor sees masked what has a mask.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item } from "../lib/client.ts";
import { createCustomer, idNo, phone } from "../lib/demo.ts";
import { events, newest, type Event } from "../lib/log.ts";
import { PASSWORD } from "../lib/server.ts";
import { freshLogin, login, query, stranger } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";

function only(found: Event[]): Event {
  assert.equal(found.length, 1, JSON.stringify(found.map((event) => event.action)));
  return found[0] as Event;
}

test("a change is one event: who, when, from where, before and after of what changed", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const item = await createCustomer(clerk);
  clerk.expect(200, await clerk.patch(`${PATH}/${item.id}`, { fields: { stage: "negotiating", notes: "谈价" } }, item.version));
  const event = only(await events(auditor, { record: item.id, action: "update" }));
  assert.equal(event.login, "clerk");
  assert.equal(event.actor?.id, clerk.session?.user.id);
  assert.equal(event.actor?.title, clerk.session?.user.name);
  assert.equal(event.form, "customer");
  assert.equal(event.record, item.id);
  assert.match(event.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(Math.abs(Date.parse(event.at) - Date.now()) < 60_000);
  assert.match(event.address ?? "", /^127\.0\.0\.1$/);
  assert.ok((event.request ?? "").length > 8);
  assert.match(event.session ?? "", /^\d+$/);
  assert.ok(event.pos === null || /^[0-9a-f]{8}\.\d+$/.test(event.pos), "not known yet, or a position");
  const changes = Object.fromEntries(event.changes.map((change) => [change.field, [change.before, change.after]]));
  assert.deepEqual(Object.keys(changes).sort(), ["notes", "stage"]);
  assert.deepEqual(changes["notes"], [null, "谈价"]);
  assert.equal((changes["stage"] as unknown[]).length, 2);
  assert.notEqual((changes["stage"] as unknown[])[0], (changes["stage"] as unknown[])[1]);
});

test("an event says in words what its form and its values are called, in the reader's language", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const item = await createCustomer(clerk);
  clerk.expect(200, await clerk.patch(`${PATH}/${item.id}`, { fields: { stage: "won" } }, item.version));
  for (const [language, form, before, after] of [["zh-CN", "客户", "新线索", "成交客户"], ["en", "Customer", "New lead", "Won"]]) {
    const reply = await auditor.get(`/audit?record=${item.id}&action=update`, { headers: { "accept-language": language } });
    const event = only(auditor.expect<{ items: Event[] }>(200, reply).items);
    assert.equal(event.form_label, form);
    assert.deepEqual(event.changes.map((change) => [change.before_text, change.after_text]), [[before, after]]);
  }
  const look = (await events(auditor, { action: "list", form: "_log" }, 1))[0] as Event;
  assert.equal(look.form_label, null, "what is no form has no name");
});

test("a creation tells all that was given, masked where the field has a mask", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const [number, id] = [phone(), idNo()];
  const item = await createCustomer(clerk, { phone: number, id_no: id, name: "深圳市某某有限公司" });
  const event = only(await events(auditor, { record: item.id, action: "create" }));
  const after = Object.fromEntries(event.changes.map((change) => [change.field, change.after]));
  assert.ok("stage" in after && "credit_code" in after);
  for (const [field, clear] of [["phone", number], ["id_no", id], ["name", "深圳市某某有限公司"]] as const) {
    assert.ok(field in after, field);
    assert.notEqual(after[field], clear, `${field} is masked for the auditor`);
    assert.match(String(after[field]), /\*/);
  }
  const whole = (await auditor.get(`/audit?record=${item.id}`)).text;
  for (const clear of [number, id, "某某有限公司"]) assert.ok(!whole.includes(clear), `${clear} in clear`);
  // The log itself, for those who may prove it, has the values.
  const row = (await query(`SELECT changes FROM tidemark_log.event WHERE record = ${item.id} AND action = 'create'`, "app"))[0];
  assert.ok(row?.["changes"]?.includes(number));
});

test("a change of a masked field shows that it changed, and both sides masked", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const [before, after] = [phone(), phone()];
  const item = await createCustomer(clerk, { phone: before });
  clerk.expect(200, await clerk.patch(`${PATH}/${item.id}`, { fields: { phone: after } }, item.version));
  const event = only(await events(auditor, { record: item.id, action: "update" }));
  assert.deepEqual(event.changes.map((change) => change.field), ["phone"]);
  const text = JSON.stringify(event);
  assert.ok(!text.includes(before) && !text.includes(after));
});

test("the event of a read is in the log when its answer arrives", async () => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const item = await createCustomer(clerk);
  for (let i = 0; i < 10; i++) {
    manager.expect(200, await manager.get(`${PATH}/${item.id}`));
    const rows = await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${item.id} AND action = 'read' AND login = 'manager'`, "app");
    assert.equal(rows[0]?.["n"], String(i + 1));
  }
});

test("a list is an event with the records that it showed, found by each of them", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const mark = `名单${process.pid}`;
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await createCustomer(clerk, { name: `${mark}${i}` })).id);
  const shown = await clerk.list(`${PATH}?q=${encodeURIComponent(mark)}`);
  assert.equal(shown.items.length, 3);
  for (const id of made) {
    const event = only(await events(auditor, { record: id, action: "list", actor: "clerk" }));
    assert.deepEqual([...(event.records ?? [])].sort(), [...made].sort());
    assert.equal(event.record, null);
    assert.equal(event.form, "customer");
  }
});

test("reads that fail and reads that show nothing name no record that was not shown", async () => {
  const [clerk, clerk3, auditor] = [await login("clerk"), await login("clerk3"), await login("auditor")];
  const item = await createCustomer(clerk);
  assert.equal((await clerk3.get(`${PATH}/${item.id}`)).status, 404);
  const found = await events(auditor, { record: item.id, actor: "clerk3" });
  assert.ok(!found.some((event) => event.action === "read" || event.action === "list"), "a refused read is not a read");
});

test("a refused change leaves no change event", async () => {
  const [clerk, president, auditor] = [await login("clerk"), await login("president"), await login("auditor")];
  const item = await createCustomer(clerk);
  assert.equal((await president.patch(`${PATH}/${item.id}`, { fields: { stage: "won" } }, "*")).status, 403);
  assert.equal((await clerk.patch(`${PATH}/${item.id}`, { fields: { phone: "12" } }, item.version)).status, 422);
  assert.deepEqual(await events(auditor, { record: item.id, action: "update" }), []);
  // Somebody tried what they may not do: that is worth a line.
  const refusals = await waitUntil("the refusal", async () => {
    const found = await events(auditor, { record: item.id, action: "refuse" });
    return found.length > 0 && found;
  });
  assert.equal(refusals[0]?.login, "president");
});

test("log-in, log-out and a failed log-in are in the log", async () => {
  const auditor = await login("auditor");
  const client = await freshLogin("clerk2");
  const opened = await waitUntil("the log-in", async () => (await events(auditor, { actor: "clerk2", action: "login" }, 1))[0]);
  await client.logOut();
  const closed = await waitUntil("the log-out", async () => {
    const last = (await events(auditor, { actor: "clerk2", action: "logout" }, 1))[0];
    return last !== undefined && BigInt(last.id) > BigInt(opened.id) && last;
  });
  assert.match(closed.session ?? "", /^\d+$/);
  assert.equal(opened.session, closed.session, "a log-in's event names the session that it opened");
  const name = `intruder-${process.pid}`;
  assert.equal((await (await stranger()).logIn(name, PASSWORD)).status, 401);
  await waitUntil("the refused log-in", async () => {
    const found = await events(auditor, { action: "refuse" }, 200);
    return found.some((event) => event.login === name || JSON.stringify(event.detail ?? null).includes("login"));
  }, 15_000);
  const text = JSON.stringify(await events(auditor, { action: "refuse" }, 200));
  assert.ok(!text.includes(PASSWORD), "never a password");
});

test("reading the log is itself an event", async () => {
  const auditor = await login("auditor");
  const last = await newest(auditor);
  auditor.expect(200, await auditor.get("/audit?action=create&limit=3"));
  const rows = await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE id > ${last} AND login = 'auditor' AND action IN ('read', 'list')`, "app");
  assert.ok(Number(rows[0]?.["n"]) >= 1);
});

test("the log is newest first, paged without gaps or doubles, and its filters hold", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const from = new Date().toISOString();
  const made: Item[] = [];
  for (let i = 0; i < 12; i++) made.push(await createCustomer(clerk));
  const seen: Event[] = [];
  let after = "";
  for (;;) {
    const page = auditor.expect(200, await auditor.get(`/audit?action=create&actor=clerk&form=customer&from=${from}&limit=5${after}`));
    assert.ok(page.items.length <= 5);
    seen.push(...page.items);
    if (page.next === null) break;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
  assert.deepEqual(seen.map((event) => event.record), made.map((item) => item.id).reverse());
  for (let i = 1; i < seen.length; i++) assert.ok((seen[i - 1] as Event).at >= (seen[i] as Event).at);
  assert.deepEqual(await events(auditor, { action: "create", actor: "clerk", to: from, from }), []);
  assert.deepEqual(await events(auditor, { actor: "nobody-of-that-name" }), []);
});

test("filters that are not understood are refused", async () => {
  const auditor = await login("auditor");
  for (const [query, field] of [["action=fly", "action"], ["record=abc", "record"], ["from=yesterday", "from"], ["to=2026-13-01T00:00:00Z", "to"], ["limit=0", "limit"], ["limit=5000", "limit"], ["after=zzz", "after"], ["who=me", "who"]]) {
    const reply = await auditor.get(`/audit?${query}`);
    assert.equal(reply.status, 422, `${query}: ${reply.text}`);
    assert.ok(reply.problem().errors?.some((error) => error.field === field), reply.text);
  }
});

test("the application's own account can neither change nor delete an event", async () => {
  for (const statement of [
    "UPDATE tidemark_log.event SET login = 'x' LIMIT 1",
    "DELETE FROM tidemark_log.event LIMIT 1",
    "TRUNCATE tidemark_log.event",
    "DROP TABLE tidemark_log.event",
    "ALTER TABLE tidemark_log.event ADD COLUMN x INT",
  ]) {
    await assert.rejects(() => query(statement, "app"), /denied/i, statement);
  }
  // Nor can the owner of the forms' tables, who is there for their DDL.
  await assert.rejects(() => query("SELECT COUNT(*) FROM tidemark_log.event"), /denied/i);
});

test("every customer row has its chain of events: a create, then one for each revision", async () => {
  const rows = await query(
    `SELECT r._id AS id, r._rev AS rev, COUNT(e.id) AS n, COUNT(DISTINCT e.rev) AS d, MIN(e.rev) AS lo, MAX(e.rev) AS hi, SUM(e.action = 'create') AS made
     FROM tidemark.rec_customer r LEFT JOIN tidemark_log.event e ON e.record = r._id AND e.form = 'customer' AND e.rev IS NOT NULL
     GROUP BY r._id, r._rev`,
    "app",
  );
  assert.ok(rows.length >= 300);
  for (const row of rows) {
    assert.equal(row["made"], "1", `record ${row["id"]} was never created`);
    assert.deepEqual([row["n"], row["d"], row["lo"], row["hi"]], [row["rev"], row["rev"], "1", row["rev"]], `record ${row["id"]}`);
  }
});
