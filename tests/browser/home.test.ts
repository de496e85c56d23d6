// The first page: a clerk's day, a manager's branch, what stands out for the auditor; live, and each number leads to its list.
import assert from "node:assert/strict";
import { input, logIn, mark, overflow, waitLive } from "../lib/browser.ts";
import { createCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login, query, stranger } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

/** A day of the instance's zone. */
const day = (ahead: number): string => new Date(Date.now() + 8 * 3_600_000 + ahead * 86_400_000).toISOString().slice(0, 10);
const number = (text: string): number => Number(text.replace(/\D/g, ""));

journey("a clerk's day: what is due stands there, a follow-up in two clicks, and what others change counts at once; the manager's by unit", {}, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const due = await createCustomer(clerk, { name: `今天跟进 ${process.pid}`, next_follow_up_on: day(0) });
  const late = await createCustomer(clerk, { name: `逾期三天 ${process.pid}`, next_follow_up_on: day(-3) });
  await logIn(page, "clerk");
  await page.locator(mark("home-day")).waitFor();
  await waitLive(page);
  const row = (id: string) => page.locator(`${mark("day-due")} ${mark("day-row")}[data-id="${id}"]`);
  const total = async (key: string) => number(await page.locator(mark(`day-total-${key}`)).innerText());
  await row(due.id).waitFor();
  const expected = async (condition: string) =>
    number((await query(`SELECT COUNT(*) AS n FROM rec_customer WHERE _live = 1 AND _owner = ${clerk.session?.user.id} AND stage <> 'lost' AND next_follow_up_on ${condition}`))[0]?.["n"] as string);
  assert.equal(await total("due"), await expected(`= '${day(0)}'`));
  await page.locator(mark("day-total-overdue")).waitFor();
  const overdue = await expected(`< '${day(0)}'`);
  assert.equal(await total("overdue"), overdue);
  // Somebody gives it another day: it leaves the list, and the other one has one more.
  manager.expect(200, await manager.patch(`/forms/customer/records/${late.id}`, { fields: { next_follow_up_on: day(0) } }, "*"));
  await row(late.id).waitFor();
  await waitUntil("one less", async () => (await total("overdue")) === overdue - 1);
  await row(due.id).locator(mark("day-add")).click();
  assert.equal(await page.locator(input("customer")).inputValue(), due.fields["name"]);
  await page.locator(input("kind")).click();
  await page.getByRole("option", { name: "电话" }).click();
  await page.locator(input("content")).fill("电话约定");
  await page.locator(mark("save")).click();
  await page.locator(mark("related-row-follow_up")).filter({ hasText: "电话约定" }).waitFor();
  await page.locator(mark("nav-home")).click();
  await waitUntil("the number of today", async () => (await total("due")) > 0);
  const today = await total("due");
  await page.locator(mark("day-all-due")).click();
  await page.waitForURL(/\/forms\/customer\?.*filter=/);
  await waitUntil("the same number in the list", async () => number(await page.locator(mark("total")).innerText()) === today);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/");
  await row(due.id).waitFor();
  assert.equal(await overflow(page), 0);

  const branch = await anotherScreen();
  await logIn(branch.page, "manager");
  await branch.page.locator(mark("day-outlet")).first().waitFor();
  assert.equal(await branch.page.locator(mark("day-outlet")).count(), 3);
  const sums = await query(`SELECT d.id, COUNT(*) AS n FROM rec_customer c JOIN department d ON d.id = c._department WHERE c._live = 1 AND c.stage <> 'lost' AND c.next_follow_up_on = '${day(0)}' AND d.\`key\` LIKE 'outlet1%' GROUP BY d.id`);
  for (const sum of sums) {
    const cell = branch.page.locator(`${mark("day-outlet")}[data-id="${sum["id"]}"] td`).first();
    await waitUntil(`the outlet's ${sum["n"]}`, async () => number(await cell.innerText()) === Number(sum["n"]));
  }
});

journey("what stands out for the auditor: a failed log-in is counted as it happens and leads to the log with its question", {}, async ({ page }) => {
  await logIn(page, "auditor");
  await page.locator(mark("home-audit")).waitFor();
  await waitLive(page);
  const shown = page.locator(mark("watch-total-login"));
  await shown.waitFor();
  const before = number(await shown.innerText());
  const failed = await (await stranger()).logIn("nobody.here", "wrong password");
  assert.equal(failed.status, 401);
  await waitUntil("one more", async () => number(await shown.innerText()) === before + 1);
  assert.match(await page.locator(mark("watch-login")).innerText(), /nobody\.here/);
  await page.locator(mark("watch-all-login")).click();
  await page.waitForURL(/\/audit\?action=refuse&form=_session&from=/);
  await page.locator(`${mark("audit-row")}[data-action=refuse]`).first().waitFor();
});
