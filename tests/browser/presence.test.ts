// Who else is at a record, and in which field: seen while it is so, and not a moment longer.
import assert from "node:assert/strict";
import { input, mark, openRecord, waitLive } from "../lib/browser.ts";
import { createCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("two people on one record see each other and the field, and the end of it", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const managerName = (await login("manager")).session?.user.name as string;
  await openRecord(page, item.id);
  await waitLive(page);
  assert.equal(await page.locator(mark("presence")).count(), 0, "oneself is nobody else");
  const manager = await anotherScreen({ as: "manager" });
  await openRecord(manager.page, item.id);
  await page.locator(mark("presence")).waitFor();
  await manager.page.locator(mark("presence")).waitFor();
  assert.match((await page.locator(mark("presence")).getAttribute("aria-label")) ?? "", new RegExp(`${managerName} 也在看`));
  assert.match((await manager.page.locator(mark("presence")).getAttribute("aria-label")) ?? "", new RegExp(clerk.session?.user.name as string));

  await manager.page.locator(mark("edit")).click();
  await manager.page.locator(input("phone")).focus();
  const tag = page.locator(`${mark("field-phone")} ${mark("field-people")}`);
  await tag.waitFor();
  assert.equal(await tag.innerText(), managerName);
  assert.match((await page.locator(mark("presence")).getAttribute("aria-label")) ?? "", /正在编辑“联系电话”/);
  await manager.page.locator(input("legal_person")).focus();
  await page.locator(`${mark("field-legal_person")} ${mark("field-people")}`).waitFor();
  await tag.waitFor({ state: "detached" });

  await manager.page.keyboard.press("Escape");
  await waitUntil("nobody in a field", async () => (await page.locator(mark("field-people")).count()) === 0);
  await manager.context.close();
  await page.locator(mark("presence")).waitFor({ state: "detached" });
});

journey("a second window of one's own is nobody else; a window more of another is one face", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"));
  const own = await anotherScreen({ as: "clerk" });
  const first = await anotherScreen({ as: "manager" });
  const second = await anotherScreen({ as: "manager" });
  await openRecord(page, item.id);
  for (const screen of [own, first, second]) await openRecord(screen.page, item.id);
  await waitUntil("one face", async () => (await page.locator(`${mark("presence")} [data-person]`).count()) === 1);
  await second.page.locator(mark("edit")).click();
  await second.page.locator(input("notes")).focus();
  await page.locator(`${mark("field-notes")} ${mark("field-people")}`).waitFor();
  assert.equal(await page.locator(`${mark("presence")} [data-person]`).count(), 1);
});

journey("in a field that one may not see nobody is seen", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"));
  await openRecord(page, item.id);
  const risk = await anotherScreen({ as: "risk" });
  await openRecord(risk.page, item.id);
  await risk.page.locator(mark("edit")).click();
  await risk.page.locator(input("credit_line")).focus();
  await page.locator(mark("presence")).waitFor();
  const manager = await anotherScreen({ as: "manager" });
  await openRecord(manager.page, item.id);
  await manager.page.locator(`${mark("field-credit_line")} ${mark("field-people")}`).waitFor();
  assert.match((await page.locator(mark("presence")).getAttribute("aria-label")) ?? "", /也在看/);
  assert.doesNotMatch((await page.locator(mark("presence")).getAttribute("aria-label")) ?? "", /授信|credit/);
  assert.equal(await page.locator(mark("field-people")).count(), 0);
});
