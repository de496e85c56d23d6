// Deleting on the record's page, with an undo; the recycle bin; and what others see of it on their open pages.
import assert from "node:assert/strict";
import { logIn, mark, openList, openRecord, overflow, rowOf, waitLive } from "../lib/browser.ts";
import type { Item } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("a customer is deleted and taken back by its message; then by the bin, with what belongs to it, while a colleague looks on", {}, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const name = `回收站客户 ${process.pid}`;
  const customer = await createCustomer(clerk, { name });
  const contact = clerk.expect<Item>(201, await clerk.post("/forms/contact/records", { fields: { customer: customer.id, name: "王小明" } }));
  await logIn(page, "clerk");
  await openRecord(page, customer.id);
  await waitLive(page);
  const other = await anotherScreen({ as: "manager", width: 390, height: 844, touch: true });
  await other.page.goto(`/forms/customer/records/${customer.id}`);
  await page.locator(mark("presence")).waitFor();
  await page.locator(mark("record-more")).click();
  await page.locator(mark("remove")).click();
  const toast = page.locator(mark("toast")).filter({ hasText: name });
  await toast.waitFor();
  await page.waitForURL(/\/forms\/customer$/);
  await other.page.locator(mark("gone")).waitFor();
  await other.page.locator(mark("gone-bin")).waitFor();
  await toast.getByRole("button", { name: "撤销" }).click();
  await page.waitForURL(new RegExp(`/records/${customer.id}$`));
  await page.locator(mark("related-row-contact")).filter({ hasText: "王小明" }).waitFor();
  await other.page.locator(mark("field-name")).waitFor();

  // By the keyboard this time, and back out of the bin on the colleague's phone.
  await page.locator("h1").filter({ hasText: name }).click();
  await page.keyboard.press("Shift+Delete");
  await page.waitForURL(/\/forms\/customer$/);
  await openList(page);
  assert.equal(await page.locator(rowOf(customer.id)).count(), 0);
  assert.equal((await manager.get(`/forms/contact/records/${contact.id}`)).status, 404);
  await other.page.locator(mark("gone-bin")).tap();
  const item = other.page.locator(`${mark("bin-item")}[data-id="${customer.id}"]`);
  await item.filter({ hasText: name }).waitFor();
  assert.match(await item.innerText(), new RegExp(clerk.session?.user.name as string));
  assert.equal(await overflow(other.page), 0);
  await page.locator(mark("bin-open")).click();
  const mine = page.locator(`${mark("bin-item")}[data-id="${customer.id}"]`);
  await mine.waitFor();
  await item.locator(mark("bin-restore")).tap();
  await waitUntil("it leaves the bin", async () => (await item.count()) === 0);
  // The clerk's bin is as it was when he opened it: what is not there any more says so, and goes.
  await page.locator(mark("bin-search")).fill(name);
  await page.locator(mark("bin-empty")).waitFor();
  await page.locator(mark("bin-search")).fill("");
  assert.equal((await clerk.get(`/forms/contact/records/${contact.id}`)).status, 200);

  // Two in a row by the keys; one that meets somebody's value says which.
  const pair = [await createCustomer(clerk, { name: `${name} 甲` }), await createCustomer(clerk, { name: `${name} 乙` })];
  for (const one of pair) clerk.expect(200, await clerk.delete(`/forms/customer/records/${one.id}`));
  await createCustomer(clerk, { credit_code: pair[1]?.fields["credit_code"] as string });
  await page.locator(mark("refresh")).click();
  const [first, second] = [pair[1], pair[0]].map((one) => page.locator(`${mark("bin-item")}[data-id="${one?.id}"]`));
  await first?.locator(mark("bin-restore")).focus();
  await page.keyboard.press("Enter");
  await first?.locator(mark("bin-refused")).filter({ hasText: "统一社会信用代码" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await waitUntil("the second is back", async () => (await second?.count()) === 0);
  assert.equal((await clerk.get(`/forms/customer/records/${pair[0]?.id}`)).status, 200);
});

journey("whoever may not restore is told so, and has no way there in the list", { as: "president", locale: "en-US" }, async ({ page }) => {
  await openList(page);
  assert.equal(await page.locator(mark("bin-open")).count(), 0);
  await page.goto("/forms/customer/bin");
  await page.locator(mark("bin-no-right")).waitFor();
});
