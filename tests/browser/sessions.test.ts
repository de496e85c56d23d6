// Sessions that end elsewhere, other tabs, and tabs that nobody looks at.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { cellOf, input, mark, openList, openRecord, rowOf, useSession, waitLive } from "../lib/browser.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { PASSWORD } from "../lib/server.ts";
import { freshLogin, login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("a session that is ended elsewhere: asked at once, over the page; then everything goes on", {}, async ({ page, context }, url) => {
  const clerk = await freshLogin("clerk");
  const item = await createCustomer(clerk, { notes: "原备注" });
  await useSession(context, clerk, url);
  await openRecord(page, item.id);
  await waitLive(page);
  await page.locator(mark("edit")).click();
  await page.locator(input("notes")).fill("会话结束时正写着");
  clerk.expect(204, await clerk.logOut());
  const dialog = page.locator(mark("login-again"));
  await dialog.waitFor();
  assert.equal(await dialog.locator(mark("login-name")).getAttribute("readonly"), "", "for the same person");
  await dialog.locator(mark("login-password")).fill("falsch");
  await dialog.locator(mark("login-submit")).click();
  await dialog.locator(mark("login-error")).waitFor();
  await dialog.locator(mark("login-password")).fill(PASSWORD);
  await dialog.locator(mark("login-submit")).click();
  await dialog.waitFor({ state: "detached" });
  await waitLive(page);
  assert.equal(await page.locator(input("notes")).inputValue(), "会话结束时正写着");
  // Live again, and able to save.
  const manager = await login("manager");
  const now = await readCustomer(manager, item.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "quoted" } }, now.version));
  await waitUntil("the change", async () => (await page.locator(input("stage")).inputValue()) === "方案报价");
  await page.locator(mark("save")).click();
  await page.locator(mark("edit")).waitFor();
  assert.equal((await readCustomer(manager, item.id)).fields["notes"], "会话结束时正写着");
});

journey("logging out in one tab leads all the others to the log-in, and leaves nothing behind", {}, async ({ page, context }, url) => {
  const clerk = await freshLogin("clerk");
  const item = await createCustomer(clerk);
  await useSession(context, clerk, url);
  await openList(page);
  const other = await context.newPage();
  await openRecord(other, item.id);
  await waitLive(other);
  await page.locator(mark("person-menu")).click();
  await page.locator(mark("logout")).click();
  for (const tab of [page, other]) {
    await tab.locator(mark("login-name")).waitFor();
    assert.ok(!(await tab.content()).includes(item.fields["name"] as string));
  }
  assert.equal(await other.evaluate("sessionStorage.length"), 0);
});

journey("another person in another tab: this one shows nothing of the first any more", {}, async ({ page, context }, url) => {
  const clerk = await freshLogin("clerk");
  await useSession(context, clerk, url);
  await openList(page);
  const other = await context.newPage();
  await other.goto("/");
  await other.locator(mark("person-menu")).click();
  await other.locator(mark("logout")).click();
  await other.locator(mark("login-name")).fill("admin");
  await other.locator(mark("login-password")).fill(PASSWORD);
  await other.locator(mark("login-submit")).click();
  await other.locator(mark("home-work")).waitFor();
  await waitUntil("no customers", async () => (await page.locator(mark("row")).count()) === 0);
});

/** A headless browser hides no tab: the page is told that it is hidden, as a browser would tell it. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => ${hidden} });
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => ${hidden ? '"hidden"' : '"visible"'} });
    document.dispatchEvent(new Event("visibilitychange"));
  })()`);
}

journey("a hidden tab idles, and catches up in one go when it is looked at", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  let item = await createCustomer(clerk);
  await openList(page);
  await page.locator(rowOf(item.id)).waitFor();
  await setHidden(page, true);
  await page.evaluate(`(() => {
    window.changes = 0;
    new MutationObserver((all) => (window.changes += all.length)).observe(document.querySelector('[data-test="table"]'), { subtree: true, childList: true, characterData: true, attributes: true });
  })()`);
  const frames: string[] = [];
  const seen = (await page.context().newCDPSession(page)) as unknown as { on(name: string, heard: (event: { response: { payloadData: string } }) => void): void; send(name: string): Promise<void> };
  await seen.send("Network.enable");
  seen.on("Network.webSocketFrameReceived", ({ response }) => frames.push(response.payloadData));
  for (const stage of ["contacted", "quoted", "negotiating", "won"]) {
    item = clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage } }, item.version));
  }
  const born = await createCustomer(clerk);
  await waitUntil("the news at the tab's door", () => frames.some((frame) => frame.includes(born.id)));
  assert.equal(await page.evaluate("window.changes"), 0, "nothing is drawn for nobody");
  await setHidden(page, false);
  await page.locator(rowOf(born.id)).waitFor();
  await waitUntil("the last state", async () => /成交客户/.test(await page.locator(cellOf(item.id, "stage")).innerText()));
});
