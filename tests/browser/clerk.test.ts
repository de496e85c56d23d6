// The clerk's day: find a customer, change it, be told clearly what is wrong, lose nothing.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { fault, input, logIn, mark, openRecord, total } from "../lib/browser.ts";
import { createCustomer, phone, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("the table scrolls through every record to the very last", {}, async ({ page }) => {
  await logIn(page, "president", "/forms/customer");
  await page.locator(mark("row")).first().waitFor();
  const all = await total(page);
  const known = Number((await query("SELECT COUNT(*) AS n FROM rec_customer WHERE _deleted_at IS NULL"))[0]?.["n"]);
  assert.equal(all, known);
  assert.ok(all >= 300);
  // The height is that of the whole list at once; the end is fetched on the way.
  await page.locator(mark("table")).evaluate((table) => (table.scrollTop = table.scrollHeight));
  await page.locator(`[data-row="${all - 1}"]${mark("row")}`).waitFor();
  assert.equal(await page.locator(`[data-row="${all}"]`).count(), 0);
  assert.ok((await page.locator(mark("row")).count()) < 120, "only what is looked at is drawn");
});

journey("a customer is found by its name, its code and its phone, and opened", {}, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { name: `浏览器寻找 ${process.pid}` });
  await logIn(page, "clerk", "/forms/customer");
  for (const words of [`浏览器寻找 ${process.pid}`, item.fields["credit_code"] as string, item.fields["phone"] as string]) {
    await page.locator(mark("search")).fill(words);
    await waitUntil("one row", async () => (await total(page)) === 1);
    assert.equal(await page.locator(mark("row")).first().getAttribute("data-id"), item.id);
  }
  await page.locator(mark("search")).press("Escape");
  await waitUntil("all rows again", async () => (await total(page)) > 1);
  await page.locator(mark("search")).fill("绝无此客户");
  await page.locator(mark("empty")).waitFor();
  await page.locator(mark("search")).fill(item.fields["phone"] as string);
  await waitUntil("one row", async () => (await total(page)) === 1);
  await page.locator(`${mark("row")} a`).first().click();
  await page.locator(mark("field-name")).waitFor();
  assert.match(page.url(), new RegExp(`/records/${item.id}$`));
});

journey("stage and phone are changed; a wrong phone is told beside its field and nothing is lost", {}, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await logIn(page, "clerk");
  await openRecord(page, item.id);
  await page.locator(mark("edit")).click();
  await page.locator(input("phone")).fill("12345");
  await page.locator(input("stage")).click();
  await page.getByRole("option", { name: "方案报价" }).click();
  await page.locator(mark("save")).click();
  await page.locator(fault("phone")).waitFor();
  assert.match(await page.locator(fault("phone")).innerText(), /电话/);
  assert.equal(await page.locator(input("phone")).getAttribute("aria-invalid"), "true");
  assert.equal(await page.locator(input("phone")).inputValue(), "12345", "what was typed stays");
  assert.equal((await readCustomer(clerk, item.id)).fields["stage"], "lead", "nothing was written");
  const number = phone();
  await page.locator(input("phone")).fill(number);
  await page.locator(mark("save")).click();
  await page.locator(mark("edit")).waitFor();
  assert.equal(await page.locator(fault("phone")).count(), 0);
  assert.match(await page.locator(mark("field-stage")).innerText(), /方案报价/);
  const saved = await readCustomer(clerk, item.id);
  assert.deepEqual([saved.fields["stage"], saved.fields["phone"]], ["quoted", number]);
});

journey("only what was changed is sent, with the version that it is based on", {}, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await logIn(page, "clerk");
  await openRecord(page, item.id);
  await page.locator(mark("edit")).click();
  await page.locator(input("legal_person")).fill("赵六");
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await page.keyboard.press("Control+s");
  const request = await sent;
  assert.deepEqual(request.postDataJSON(), { fields: { legal_person: "赵六" } });
  assert.equal(request.headers()["if-match"], item.version);
  await page.locator(mark("edit")).waitFor();
});

journey("a new customer: what is required is told at once, then it is there with its number", {}, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("new")).click();
  await page.locator(input("name")).waitFor();
  await page.locator(mark("save")).click();
  await page.locator(fault("name")).waitFor();
  await page.locator(input("name")).fill(`浏览器新建 ${process.pid}`);
  await page.locator(input("kind")).click();
  await page.getByRole("option", { name: "企业" }).click();
  await page.locator(input("stage")).click();
  await page.getByRole("option", { name: "新线索" }).click();
  await page.locator(input("phone")).fill(phone());
  await page.locator(mark("save")).click();
  await page.locator(mark("edit")).waitFor();
  await page.waitForURL(/\/records\/\d+$/);
  assert.match(await page.locator(mark("field-no")).innerText(), /C\d{8}/);
});

journey("two people, one field: both values are shown and one is chosen", {}, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const item = await createCustomer(clerk, { legal_person: "原来" });
  await logIn(page, "clerk");
  await openRecord(page, item.id);
  await page.locator(mark("edit")).click();
  await page.locator(input("legal_person")).fill("我的");
  await page.locator(input("notes")).fill("我的备注");
  const theirs = await readCustomer(manager, item.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { legal_person: "他的" } }, theirs.version));
  await page.locator(mark("save")).click();
  await page.locator(mark("conflict")).waitFor();
  const text = await page.locator(mark("conflict-legal_person")).innerText();
  for (const word of ["原来", "我的", "他的"]) assert.ok(text.includes(word), word);
  await page.locator(mark("theirs-legal_person")).check();
  await page.locator(mark("conflict-save")).click();
  await page.locator(mark("edit")).waitFor();
  const now = await readCustomer(clerk, item.id);
  assert.deepEqual([now.fields["legal_person"], now.fields["notes"]], ["他的", "我的备注"]);
});

journey("a colleague's customer: phone masked with a lock, and no way to change it", {}, async ({ page }) => {
  const clerk = await login("clerk");
  const list = await clerk.list("/forms/customer/records?limit=200");
  const other = list.items.find((item) => item.masked.includes("phone"));
  assert.ok(other);
  await logIn(page, "clerk");
  await openRecord(page, other.id);
  await page.locator(mark("read-only")).waitFor();
  assert.equal(await page.locator(mark("edit")).count(), 0);
  const shown = await page.locator(mark("field-phone")).innerText();
  assert.ok(shown.includes("*"));
  assert.equal(await page.locator(`${mark("field-phone")} svg[role=img]`).count(), 1);
  assert.equal(await page.locator(mark("field-credit_line")).count(), 0, "a hidden field does not exist");
});

journey("the session's end while typing: log in over the page, and go on where one was", {}, async ({ page, context }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await logIn(page, "clerk");
  await openRecord(page, item.id);
  await page.locator(mark("edit")).click();
  await page.locator(input("notes")).fill("写到一半的备注");
  await context.clearCookies();
  await page.locator(mark("save")).click();
  const dialog = page.locator(mark("login-again"));
  await dialog.waitFor();
  assert.equal(await dialog.locator(mark("login-name")).inputValue(), "clerk");
  const { PASSWORD } = await import("../lib/server.ts");
  await dialog.locator(mark("login-password")).fill(PASSWORD);
  await dialog.locator(mark("login-submit")).click();
  await dialog.waitFor({ state: "detached" });
  // What was under way goes on by itself.
  await page.locator(mark("edit")).waitFor();
  assert.equal((await readCustomer(clerk, item.id)).fields["notes"], "写到一半的备注");
});

journey("the server away while saving: said plainly, and what was typed is kept", {}, async ({ page, context }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await logIn(page, "clerk");
  await openRecord(page, item.id);
  await page.locator(mark("edit")).click();
  await page.locator(input("notes")).fill("离线时写的");
  await context.setOffline(true);
  await page.locator(mark("save")).click();
  await page.locator(mark("save-error")).waitFor();
  assert.equal(await page.locator(input("notes")).inputValue(), "离线时写的");
  await context.setOffline(false);
  await waitUntil("the save", async () => {
    if (await page.locator(mark("save")).isVisible()) await page.locator(mark("save")).click();
    return (await readCustomer(clerk, item.id)).fields["notes"] === "离线时写的";
  });
});

journey("with the keyboard alone: to a cell, to its record, into editing, and out of it", {}, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("row")).first().waitFor();
  await page.locator(`[data-row="0"] [role=gridcell]`).first().focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  const at = await page.evaluate("document.activeElement.closest('[data-cell]')?.dataset.cell");
  assert.equal(at, "2:1");
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  assert.equal(await page.evaluate("document.activeElement.closest('[data-cell]')?.dataset.cell"), "2:0");
  const wanted = await page.locator(`[data-row="2"]${mark("row")}`).getAttribute("data-id");
  await page.keyboard.press("Enter");
  await page.locator(mark("field-name")).waitFor();
  assert.ok(page.url().endsWith(`/records/${wanted}`));
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(mark("save")).count(), 0);
});

journey("columns keep their width and order for the next visit", {}, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("row")).first().waitFor();
  const head = page.locator(mark("head-name"));
  const before = (await head.boundingBox())?.width ?? 0;
  const box = await head.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width + 78, box.y + box.height / 2, { steps: 8 });
  await page.mouse.up();
  const wide = (await head.boundingBox())?.width ?? 0;
  assert.ok(wide > before + 40, `${before} to ${wide}`);
  await page.reload();
  await page.locator(mark("row")).first().waitFor();
  assert.ok(Math.abs(((await head.boundingBox())?.width ?? 0) - wide) < 2);
});

journey("a click on a column's head sorts, and the address tells it", {}, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("row")).first().waitFor();
  await page.locator(mark("head-name")).click();
  await waitUntil("the address", () => /sort=-?name/.test(page.url()));
  await page.locator(`${mark("row")} ${mark("cell-name")}`).first().waitFor();
  const other = await anotherScreen({ as: "clerk" });
  await other.page.goto(page.url());
  await other.page.locator(mark("row")).first().waitFor();
  const first = (screen: Page) => screen.locator(`[data-row="0"]${mark("row")}`).getAttribute("data-id");
  await waitUntil("the same order", async () => (await first(page)) === (await first(other.page)));
});
