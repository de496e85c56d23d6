// The same work by finger on a phone, in the dark and in the other language too.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { fault, input, mark, openList, overflow, rowOf, total, waitLive } from "../lib/browser.ts";
import { createCustomer, phone, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const PHONE = { width: 390, height: 844, touch: true } as const;

/** What a finger has to hit: buttons and boxes lower than 36 px. */
async function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll("main .actions .btn, main .groups .input, main .groups .combo")]
    .filter((one) => one.getBoundingClientRect().height < 36).map((one) => one.outerHTML.slice(0, 120))`);
}

journey("find, open, change the stage and the phone; a colleague's change comes in meanwhile", { ...PHONE, as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { name: `手机上的客户 ${process.pid}` });
  await openList(page);
  await page.locator(mark("search")).fill(item.fields["name"] as string);
  await waitUntil("one card", async () => (await total(page)) === 1);
  await page.locator(mark("row")).first().tap();
  await page.locator(mark("field-name")).waitFor();
  await waitLive(page);
  const manager = await anotherScreen({ as: "manager" });
  await manager.page.goto(`/forms/customer/records/${item.id}`);
  await page.locator(mark("presence")).waitFor();
  await page.locator(mark("edit")).tap();
  await page.locator(input("phone")).fill("12");
  await page.locator(mark("save")).tap();
  await page.locator(fault("phone")).waitFor();
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await tooSmall(page), []);
  const number = phone();
  await page.locator(input("phone")).fill(number);
  await page.locator(input("stage")).tap();
  await page.getByRole("option", { name: "商务谈判" }).tap();
  await page.locator(mark("save")).tap();
  await page.locator(mark("edit")).waitFor();
  const saved = await readCustomer(clerk, item.id);
  assert.deepEqual([saved.fields["phone"], saved.fields["stage"]], [number, "negotiating"]);
  await waitUntil("the manager's screen", async () => /商务谈判/.test(await manager.page.locator(mark("field-stage")).innerText()));
});

journey("cards change as they are looked at", { ...PHONE, as: "clerk", dark: true }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await openList(page);
  const card = page.locator(rowOf(item.id));
  await card.waitFor();
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "won" } }, item.version));
  await waitUntil("the state on the card", async () => /成交客户/.test(await card.innerText()));
  const born = await createCustomer(clerk);
  await page.locator(rowOf(born.id)).waitFor();
  assert.equal(await overflow(page), 0);
});

journey("the question of three values by finger, in English and in the dark", { ...PHONE, as: "clerk", dark: true, locale: "en-US" }, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const item = await createCustomer(clerk, { notes: "before" });
  await page.goto(`/forms/customer/records/${item.id}`);
  await page.locator(mark("edit")).tap();
  await waitLive(page);
  await page.locator(input("notes")).fill("mine");
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { notes: "theirs" } }, (await readCustomer(manager, item.id)).version));
  await page.locator(mark("disputed-notes")).waitFor();
  await page.locator(mark("save")).tap();
  const panel = page.locator(mark("conflict"));
  await panel.waitFor();
  const text = await panel.innerText();
  for (const word of ["before", "mine", "theirs", "It was", "Yours"]) assert.ok(text.includes(word), word);
  assert.doesNotMatch(text, /\p{Script=Han}/u);
  assert.equal(await overflow(page), 0);
  await panel.locator(mark("yours-notes")).tap();
  await page.locator(mark("conflict-save")).tap();
  await page.locator(mark("edit")).waitFor();
  assert.equal((await readCustomer(clerk, item.id)).fields["notes"], "mine");
});

journey("the auditor's phone: the alarm, its event, and the way back", { ...PHONE, as: "auditor", locale: "en-US" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"));
  await page.goto("/audit");
  await page.locator(mark("audit-row")).first().waitFor();
  await waitLive(page);
  await query(`UPDATE tidemark.rec_customer SET stage = 'lost' WHERE _id = ${item.id}`);
  await waitUntil("the alarm", async () => (await page.locator(mark("alarm")).innerText()).includes(item.id));
  assert.equal(await overflow(page), 0);
  const text = await page.locator(mark("alarm")).innerText();
  assert.doesNotMatch(text, /\p{Script=Han}/u);
  await page.locator(mark("alarm-open")).tap();
  await page.locator(mark("audit-more")).waitFor();
  assert.equal(await overflow(page), 0);
  await page.locator(mark("alarm-note")).tap();
  await page.locator(mark("alarm")).waitFor({ state: "detached" });
});
