// Every screen is live: what one person changes stands on the others' screens at once, as far as their rights go.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { cellOf, input, mark, openList, openRecord, rowOf, total, waitLive } from "../lib/browser.ts";
import { createCustomer, phone, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

/** Loads of the page since it was opened: a screen that reloads is not live. */
async function countLoads(page: Page): Promise<() => number> {
  let loads = 0;
  page.on("load", () => loads++);
  await page.evaluate("window.stillTheSamePage = true");
  return () => loads;
}

/** Which cells tint, by the class that a change leaves there for a second: remembered as it comes and goes. */
async function watchTints(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(`(() => {
    window.tinted = [];
    new MutationObserver((all) => {
      for (const { target } of all) {
        if (target instanceof HTMLElement && target.classList.contains("tint")) {
          const row = target.closest("[data-id]")?.dataset.id ?? "";
          window.tinted.push((row + " " + (target.dataset.test ?? target.closest("[data-test]")?.dataset.test ?? "")).trim());
        }
      }
    }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
  })()`);
  return () => page.evaluate("[...new Set(window.tinted)]") as Promise<string[]>;
}

journey("a clerk's change stands on a colleague's list, the manager's page and the auditor's log at once", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"), { phone: phone() });
  const colleague = await anotherScreen({ as: "clerk" });
  const manager = await anotherScreen({ as: "manager" });
  const auditor = await anotherScreen({ as: "auditor" });
  await openList(colleague.page);
  await openRecord(manager.page, item.id);
  await waitLive(manager.page);
  await auditor.page.goto("/audit");
  await auditor.page.locator(mark("audit-row")).first().waitFor();
  await waitLive(auditor.page);
  const loads = await Promise.all([colleague, manager, auditor].map((screen) => countLoads(screen.page)));
  const tints = await watchTints(colleague.page);
  await openRecord(page, item.id);
  const ownTints = await watchTints(page);

  const number = phone();
  await page.locator(mark("edit")).click();
  await page.locator(input("phone")).fill(number);
  await page.locator(input("stage")).click();
  await page.getByRole("option", { name: "成交客户" }).click();
  await page.locator(mark("save")).click();
  await page.locator(mark("edit")).waitFor();

  await waitUntil("the colleague's cell", async () => /成交客户/.test(await colleague.page.locator(cellOf(item.id, "stage")).innerText()));
  await waitUntil("the manager's page", async () => /成交客户/.test(await manager.page.locator(mark("field-stage")).innerText()));
  assert.ok((await manager.page.locator(mark("field-phone")).innerText()).includes(number));
  const line = auditor.page.locator(`${mark("audit-row")}[data-action=update]`).first();
  await line.locator("button").first().click();
  const stage = await line.locator(mark("change-stage")).innerText();
  assert.match(stage, /新线索[\s\S]*成交客户/, "before and after, by their labels");
  assert.doesNotMatch(stage, /lead|won/);
  assert.match(await line.innerText(), /客户/);
  const shown = await line.locator(mark("change-phone")).innerText();
  assert.ok(!shown.includes(number) && shown.includes("*"), `the auditor's phone is masked: ${shown}`);

  await waitUntil("a tint of the changed cells", async () => (await tints()).includes(`${item.id} cell-stage`));
  assert.deepEqual((await tints()).filter((cell) => !/cell-(stage|phone)$/.test(cell)), [], "only what has changed");
  assert.deepEqual(await ownTints(), [], "one's own change is no news");
  assert.deepEqual(loads.map((count) => count()), [0, 0, 0]);
  for (const screen of [colleague, manager, auditor]) assert.equal(await screen.page.evaluate("window.stillTheSamePage"), true);
});

journey("rights decide what comes: masked for a colleague, hidden for risk, nothing for another outlet", { as: "manager" }, async ({ page }) => {
  const clerk = await login("clerk");
  const manager = await login("manager");
  const list = await clerk.list("/forms/customer/records?limit=200");
  const foreign = list.items.find((item) => item.masked.includes("phone"));
  assert.ok(foreign, "a colleague's customer");
  const colleague = await anotherScreen({ as: "clerk" });
  const risk = await anotherScreen({ as: "risk" });
  const elsewhere = await anotherScreen({ as: "clerk3" });
  await openRecord(colleague.page, foreign.id);
  await openRecord(risk.page, foreign.id);
  await openList(elsewhere.page);
  for (const screen of [colleague, risk]) await waitLive(screen.page);
  const heard: string[] = [];
  const socket = await anotherScreen({ as: "risk" });
  socket.page.on("websocket", (ws) => ws.on("framereceived", (frame) => heard.push(String(frame.payload))));
  await openRecord(socket.page, foreign.id);
  await waitLive(socket.page);

  const before = await total(elsewhere.page);
  const number = phone();
  const now = await readCustomer(manager, foreign.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${foreign.id}`, { fields: { phone: number, stage: "lost", notes: "顺便写的备注" } }, now.version));
  await openRecord(page, foreign.id);
  assert.ok((await page.locator(mark("field-phone")).innerText()).includes(number));

  await waitUntil("the colleague's masked phone", async () => (await colleague.page.locator(mark("field-phone")).innerText()).includes(number.slice(-4)));
  assert.ok(!(await colleague.page.content()).includes(number), "never in clear");
  await waitUntil("the stage on the risk officer's page", async () => /流失客户/.test(await risk.page.locator(mark("field-stage")).innerText()));
  assert.equal(await risk.page.locator(mark("field-phone")).count(), 0);
  await waitUntil("the stage on the wire", () => heard.some((frame) => frame.includes('"lost"')));
  assert.ok(heard.every((frame) => !frame.includes(number)), "not even on the wire");
  assert.equal(await total(elsewhere.page), before);
  assert.equal(await elsewhere.page.locator(rowOf(foreign.id)).count(), 0);
});

journey("a new customer comes into the colleague's list; the total counts along", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  await openList(page);
  const before = await total(page);
  const item = await createCustomer(clerk, { name: `新来的客户 ${process.pid}` });
  await page.locator(rowOf(item.id)).waitFor();
  await waitUntil("the total", async () => (await total(page)) === before + 1);
  const manager = await login("manager");
  const { user } = (await login("clerk2")).session ?? assert.fail();
  const fields = { department: user.department.id, owner: user.id };
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields }, (await readCustomer(manager, item.id)).version));
  await page.locator(rowOf(item.id)).waitFor({ state: "detached" });
  await waitUntil("the total", async () => (await total(page)) === before);
});

journey("a change by `tidemark sql` reaches the screens, and raises the alarm on the auditor's, once", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"));
  const auditor = await anotherScreen({ as: "auditor" });
  const banner = auditor.page.locator(mark("alarm"));
  await auditor.page.goto("/audit");
  await auditor.page.locator(mark("audit-row")).first().waitFor();
  await waitLive(auditor.page);
  // What stood there from before has been noted.
  if (await banner.isVisible()) await auditor.page.locator(mark("alarm-note")).click();
  await banner.waitFor({ state: "detached" });
  await openList(page);
  assert.equal(await page.locator(mark("alarm")).count(), 0);

  await query(`UPDATE tidemark.rec_customer SET stage = 'negotiating' WHERE _id = ${item.id}`);
  await waitUntil("the clerk's cell", async () => /商务谈判/.test(await page.locator(cellOf(item.id, "stage")).innerText()));
  await banner.waitFor();
  assert.ok((await banner.innerText()).includes(item.id), "which record");
  assert.match(await banner.innerText(), /客户/, "which form, by its name");
  await auditor.page.locator(mark("alarm-open")).click();
  const line = auditor.page.locator(`${mark("audit-row")}[data-action=unaudited]`).filter({ hasText: item.id });
  await line.locator(mark("audit-more")).waitFor();
  assert.equal(await line.count(), 1, "once");
  const told = await line.innerText();
  for (const word of ["客户", "修改", "没有对应的审计事件"]) assert.ok(told.includes(word), `${word} in ${told}`);
  assert.equal(await page.locator(mark("alarm")).count(), 0, "the alarm is not the clerk's");

  await auditor.page.locator(mark("alarm-note")).click();
  await banner.waitFor({ state: "detached" });
  await auditor.page.reload();
  await auditor.page.locator(mark("audit-row")).first().waitFor();
  await waitLive(auditor.page);
  assert.equal(await banner.count(), 0, "noted is noted");
  await query(`UPDATE tidemark.rec_customer SET stage = 'quoted' WHERE _id = ${item.id}`);
  await banner.waitFor();
});

journey("the log waits while one reads: new events are counted, and come when they are asked for", { as: "auditor" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await page.goto("/audit");
  const create = page.locator(`${mark("audit-row")}[data-action=create]`).first();
  await create.locator("button").first().click();
  await create.locator(mark("audit-more")).waitFor();
  await waitLive(page);
  const top = (await create.boundingBox())?.y;
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { notes: "读的时候" } }, item.version));
  await page.locator(mark("audit-news")).waitFor();
  assert.equal((await create.boundingBox())?.y, top, "nothing moves under the eye");
  await page.locator(mark("audit-news")).click();
  await page.locator(`${mark("audit-row")}[data-action=update]`).first().waitFor();
  assert.equal(await page.locator(mark("audit-news")).count(), 0);
  const ids = await page.locator(mark("audit-row")).evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["id"]));
  assert.equal(new Set(ids).size, ids.length, "nothing twice");
});
