// Which records a list shows: by pointing at a cell, by building conditions, by a link from a colleague; and it stays live.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { cellOf, mark, openList, rowOf, total, waitLive } from "../lib/browser.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const chips = (page: Page) => page.locator(mark("chip")).allInnerTexts();
const filterOf = (page: Page) => JSON.parse(new URL(page.url()).searchParams.get("filter") ?? "null") as unknown;
const dialog = (page: Page) => page.locator(mark("filter-dialog"));

journey("a list is filtered by pointing at a cell, and rows leave it as they cease to fit", { as: "manager" }, async ({ page }) => {
  const clerk = await login("clerk");
  const name = `筛选 ${process.pid} ${Date.now()}`;
  const mine = [await createCustomer(clerk, { name: `${name} 甲`, stage: "lead" }), await createCustomer(clerk, { name: `${name} 乙`, stage: "lead" })];
  await openList(page);
  const all = await total(page);
  await page.locator(cellOf(mine[0]!.id, "stage")).click({ button: "right" });
  await page.locator(mark("quick-in")).click();
  await waitUntil("the filter stands in the address", () => JSON.stringify(filterOf(page)) === JSON.stringify({ field: "stage", op: "in", value: ["lead"] }));
  await waitUntil("fewer records", async () => (await total(page)) < all);
  assert.equal((await chips(page)).length, 1);
  const lead = await page.locator(cellOf(mine[0]!.id, "stage")).innerText();
  for (const text of await page.locator(`${mark("row")} ${mark("cell-stage")}`).allInnerTexts()) assert.equal(text, lead);

  // By keys, one more condition: only this name.
  await page.locator(cellOf(mine[0]!.id, "name")).focus();
  await page.keyboard.press("Shift+F10");
  await page.locator(mark("quick-eq")).waitFor();
  await waitUntil("the keyboard is in the menu", () => page.evaluate("document.activeElement.dataset.test === 'quick-eq'"));
  await page.keyboard.press("Enter");
  await waitUntil("one record", async () => (await total(page)) === 1);
  assert.equal((await chips(page)).length, 2);

  // Live: another record comes to fit, then the one ceases to.
  await page.locator(mark("chip-drop")).last().click();
  await page.locator(rowOf(mine[1]!.id)).waitFor();
  const shown = await total(page);
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${mine[1]!.id}`, { fields: { stage: "contacted" } }, (await readCustomer(clerk, mine[1]!.id)).version));
  await page.locator(rowOf(mine[1]!.id)).waitFor({ state: "detached" });
  await waitUntil("one fewer", async () => (await total(page)) === shown - 1);
  await page.locator(mark("chips-clear")).click();
  await waitUntil("all of them", async () => (await total(page)) === all);
});

journey("conditions are built by clicking, the server's word stands beside them, the link leads a colleague there", { as: "manager" }, async ({ page, context }) => {
  const clerk = await login("clerk");
  const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
  const name = `条件 ${process.pid} ${Date.now()}`;
  const mine = await createCustomer(clerk, { name: `${name} 甲`, registered_capital: "1000.00", next_follow_up_on: today });
  await createCustomer(clerk, { name: `${name} 乙`, registered_capital: null });
  await openList(page);
  await page.locator(mark("filter")).click();
  const field = (n: number) => dialog(page).locator(mark("condition-field")).nth(n);
  await field(0).selectOption("name");
  await dialog(page).locator(mark("condition-op")).nth(0).selectOption("contains");
  await dialog(page).locator(mark("condition-text")).fill(name);
  await dialog(page).locator(mark("condition-add-group")).first().click();
  await field(1).selectOption("owner");
  await dialog(page).locator("[role=combobox]").click();
  await page.getByRole("option", { name: "我", exact: true }).click();
  await page.keyboard.press("Escape");
  await dialog(page).locator(mark("condition-add")).first().click();
  await field(2).selectOption("registered_capital");
  await dialog(page).locator(mark("condition-op")).nth(2).selectOption("ge");
  await dialog(page).locator("input[inputmode=decimal]").fill("很多");
  await dialog(page).locator(mark("filter-apply")).click();
  await dialog(page).locator(mark("condition-fault")).waitFor();
  assert.equal(await dialog(page).locator(mark("condition-fault")).count(), 1);
  await dialog(page).locator("input[inputmode=decimal]").fill("900");
  await waitUntil("what was wrong is gone", async () => (await dialog(page).locator(mark("condition-fault")).count()) === 0);
  await dialog(page).locator(mark("filter-apply")).click();
  await dialog(page).waitFor({ state: "detached" });
  assert.deepEqual(filterOf(page), {
    and: [
      { field: "name", op: "contains", value: name },
      { or: [{ field: "owner", op: "in", value: ["@me"] }, { field: "registered_capital", op: "ge", value: "900" }] },
    ],
  });
  await page.locator(rowOf(mine.id)).waitFor();
  await waitUntil("one record", async () => (await total(page)) === 1);

  // A period, begun from the column's head.
  await page.locator(mark("chips-clear")).click();
  await page.locator(mark("head-next_follow_up_on")).scrollIntoViewIfNeeded();
  await page.locator(`${mark("head-next_follow_up_on")} [aria-haspopup=menu]`).click({ force: true });
  await page.locator(mark("by-next_follow_up_on")).click();
  await dialog(page).locator(mark("condition-period")).selectOption("last");
  await dialog(page).locator(mark("condition-days")).fill("3");
  await dialog(page).locator(mark("condition-days")).press("Enter");
  await dialog(page).waitFor({ state: "detached" });
  assert.deepEqual(filterOf(page), { field: "next_follow_up_on", op: "within", value: "last_3_days" });
  await page.locator(rowOf(mine.id)).waitFor();

  const other = await context.newPage();
  await other.goto(page.url());
  await other.locator(rowOf(mine.id)).waitFor();
  await waitLive(other);
  await waitUntil("the same count", async () => (await total(other)) === (await total(page)));

  // A link that does not fit the form says so at its condition, and one press mends it.
  await other.goto(`/forms/customer?filter=${encodeURIComponent('{"and":[{"field":"stage","op":"in","value":["won"]},{"field":"nothing","op":"empty"}]}')}`);
  await other.locator(mark("filter-refused")).waitFor();
  assert.equal(await other.locator(mark("chip")).count(), 2);
  assert.match((await chips(other))[1] ?? "", /nothing.*·/s);
  await other.locator(mark("chip-drop")).last().click();
  await other.locator(mark("row")).first().waitFor();
  await other.goto("/forms/customer?filter=nonsense");
  await other.locator(mark("row")).first().waitFor();
  assert.match(await other.locator(mark("chips")).innerText(), /无法识别/);
});
