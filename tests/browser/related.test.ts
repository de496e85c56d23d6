// What belongs to a customer stands on the customer's page, live, and is added to in two clicks.
import assert from "node:assert/strict";
import { input, logIn, mark, openRecord, overflow, waitLive } from "../lib/browser.ts";
import type { Item } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("a contact is added on the customer's page and stands there; another's follow-up comes by itself; the customer is picked by the keys", {}, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const customer = await createCustomer(clerk, { name: `相关列表 ${process.pid}` });
  await logIn(page, "clerk");
  await openRecord(page, customer.id);
  await waitLive(page);
  await page.locator(mark("related-empty-contact")).waitFor();
  await page.locator(mark("related-add-contact")).click();
  assert.equal(await page.locator(input("customer")).inputValue(), customer.fields["name"]);
  await page.locator(input("name")).fill("王小明");
  await page.locator(input("email")).fill("wang@example.com");
  await page.locator(input("decision_maker")).check();
  await page.locator(mark("save")).click();
  await page.waitForURL(new RegExp(`/forms/customer/records/${customer.id}$`));
  const row = page.locator(mark("related-row-contact"));
  await row.filter({ hasText: "王小明" }).waitFor();
  // A new follow-up begins with the customer, oneself and now: what was said is all there is to type.
  await page.locator(mark("related-add-follow_up")).click();
  await waitUntil("the keyboard in the first field that is empty", async () => (await page.evaluate("document.activeElement.id")) === "f-kind");
  await page.locator(input("kind")).click();
  await page.getByRole("option", { name: "电话" }).click();
  await page.locator(input("content")).fill("约定下周再谈");
  await page.locator(mark("save")).click();
  await page.locator(mark("related-row-follow_up")).filter({ hasText: "约定下周再谈" }).waitFor();
  const follow = manager.expect<Item>(201, await manager.post("/forms/follow_up/records", { fields: { customer: customer.id, kind: "visit", at: "2026-11-20T02:00:00Z", content: "行长陪同拜访", by: manager.session?.user.id as string } }));
  await page.locator(`${mark("related-row-follow_up")}[data-id="${follow.id}"]`).waitFor();
  // From the contact back to its customer; another one is found as one types.
  const other = await createCustomer(clerk, { name: `另一客户 ${process.pid}` });
  await row.locator("a").first().click();
  await page.locator(`${mark("field-customer")} a`).filter({ hasText: customer.fields["name"] as string }).waitFor();
  await page.locator(mark("edit")).click();
  await page.locator(input("customer")).fill(`另一客户 ${process.pid}`);
  await page.getByRole("option", { name: `另一客户 ${process.pid}` }).waitFor();
  await page.locator(input("customer")).press("Enter");
  await page.locator(mark("save")).click();
  await page.locator(`${mark("field-customer")} a`).filter({ hasText: `另一客户 ${process.pid}` }).click();
  await page.waitForURL(new RegExp(`/forms/customer/records/${other.id}$`));
  await row.filter({ hasText: "王小明" }).waitFor();
  // The customer's new name is there at once; and it leaves the clerk's sight with all that belongs to it.
  manager.expect(200, await manager.patch(`/forms/customer/records/${other.id}`, { fields: { name: `又一名 ${process.pid}` } }, "*"));
  await page.locator("h1").filter({ hasText: `又一名 ${process.pid}` }).waitFor();
  const clerk2 = (await login("clerk2")).session?.user;
  manager.expect(200, await manager.patch(`/forms/customer/records/${other.id}`, { fields: { owner: clerk2?.id as string, department: clerk2?.department.id as string } }, "*"));
  await page.locator(mark("gone")).waitFor();
  assert.equal(await row.count(), 0);
});

journey("around a customer: the time line by itself and by kind, the time in a stage, an earlier value put back and taken back again, the keys", { as: "clerk" }, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const customer = await createCustomer(clerk, { name: `动态 ${process.pid}`, stage: "lead", notes: "原备注" });
  const path = `/forms/customer/records/${customer.id}`;
  clerk.expect(200, await clerk.patch(path, { fields: { stage: "contacted", notes: "改后的备注" } }, customer.version));
  await openRecord(page, customer.id);
  await waitLive(page);
  await page.keyboard.press("?");
  await page.locator(mark("keys-dialog")).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(mark("keys-dialog")).waitFor({ state: "detached" });
  await page.keyboard.press("h");
  const events = page.locator(mark("timeline-event"));
  await waitUntil("both of the customer's own events", async () => (await events.count()) === 2);
  assert.deepEqual((await page.locator(mark("stage")).allInnerTexts()).map((text) => text.split(/\s/)[0]), ["新线索", "初步沟通"]);
  assert.match(await events.first().innerText(), /初步沟通[\s\S]*此前停留 1分钟/);
  const follow = manager.expect<Item>(201, await manager.post("/forms/follow_up/records", { fields: { customer: customer.id, kind: "visit", at: "2026-11-20T02:00:00Z", content: "行长陪同拜访", by: manager.session?.user.id as string } }));
  const visit = page.locator(`${mark("timeline-event")}[data-form=follow_up]`);
  await visit.waitFor();
  assert.match(await visit.innerText(), /新建跟进记录[\s\S]*行长陪同拜访[\s\S]*上门拜访/);
  assert.equal(await visit.locator("a").getAttribute("href"), `/forms/follow_up/records/${follow.id}`);
  await page.locator("#timeline-kind").click();
  await page.getByRole("option", { name: "联系人" }).click();
  await page.locator(mark("timeline-empty")).waitFor();
  await page.locator(mark("timeline-clear")).click();
  await waitUntil("all of it again", async () => (await events.count()) === 3);

  await page.locator(mark("side-history")).click();
  await page.locator(mark("restore-notes")).click();
  const shown = (text: string) => waitUntil(text, async () => (await page.locator(mark("field-notes")).innerText()).includes(text));
  await shown("原备注");
  await page.locator(mark("toast")).filter({ hasText: "已恢复" }).getByRole("button", { name: "撤销" }).click();
  await shown("改后的备注");

  await page.locator(mark("side-timeline")).click();
  await page.locator("h1").click();
  await page.keyboard.press("e");
  await page.locator(input("notes")).fill("用键盘保存");
  await page.keyboard.press("Control+Enter");
  await page.locator(mark("edit")).waitFor();
  await shown("用键盘保存");
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await overflow(page), 0);
  // To the next of the list that it was opened from, and back.
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto("/forms/customer?sort=no");
  await page.locator(mark("row")).first().locator("a").first().click();
  await page.locator(mark("field-name")).waitFor();
  const first = page.url();
  await page.keyboard.press("j");
  await page.waitForURL((url) => url.href !== first);
  await page.keyboard.press("k");
  await page.waitForURL(first);
});

journey("on a phone: an opportunity is added at its customer, a contract at the opportunity has its customer too, and its payments come by themselves", { width: 390, height: 844, touch: true }, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const customer = await createCustomer(clerk, { name: `商机客户 ${process.pid}` });
  await logIn(page, "clerk");
  await openRecord(page, customer.id);
  await waitLive(page);
  await page.locator(mark("related-add-opportunity")).tap();
  assert.equal(await page.locator(input("customer")).inputValue(), customer.fields["name"]);
  await page.locator(input("name")).fill("流动资金贷款");
  await page.locator(input("stage")).tap();
  await page.getByRole("option", { name: "商务谈判" }).tap();
  await page.locator(input("amount")).fill("120000");
  await page.locator(input("expected_on")).fill("2026-12-31");
  await page.locator(mark("save")).tap();
  const lead = page.locator(mark("related-row-opportunity"));
  await lead.filter({ hasText: "商务谈判" }).waitFor();
  assert.equal(await overflow(page), 0);
  await lead.locator("a").tap();
  await page.locator(mark("related-add-contract")).tap();
  assert.deepEqual([await page.locator(input("opportunity")).inputValue(), await page.locator(input("customer")).inputValue()], ["流动资金贷款", customer.fields["name"]]);
  await page.locator(input("amount")).fill("120000");
  await page.locator(input("status")).tap();
  await page.getByRole("option", { name: "已签订" }).tap();
  await page.locator(mark("save")).tap();
  await page.locator(mark("related-row-contract")).locator("a").tap();
  await page.locator(mark("related-empty-payment")).waitFor();
  const contract = /records\/(\d+)$/.exec(page.url())?.[1] as string;
  manager.expect(201, await manager.post("/forms/payment/records", { fields: { contract, due_on: "2027-01-15", amount: "60000.00" } }));
  await page.locator(mark("related-row-payment")).filter({ hasText: "60,000.00" }).waitFor();
  assert.equal(await overflow(page), 0);
  // The last forms stand behind the three dots.
  await page.locator(mark("nav-more")).tap();
  await page.locator(mark("nav-payment")).tap();
  await page.locator(mark("row")).first().waitFor();
  await page.waitForURL(/\/forms\/payment$/);
});
