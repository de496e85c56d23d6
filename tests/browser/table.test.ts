// The table under one's hands: it keeps its place, its order and its columns, and everything can be done by keys.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { mark, openList, rowOf, total, waitLive } from "../lib/browser.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const at = (page: Page) => page.evaluate("document.activeElement.closest('[data-cell]')?.dataset.cell") as Promise<string | undefined>;
const activeId = (page: Page) => page.evaluate("document.activeElement.closest('[data-id]')?.dataset.id") as Promise<string | undefined>;

/** The record in the middle of the table, and how far it stands from the table's top. */
async function middle(page: Page): Promise<{ id: string; y: number }> {
  return page.locator(mark("table")).evaluate((table) => {
    const box = table.getBoundingClientRect();
    const found = document.elementFromPoint(box.left + 80, box.top + box.height / 2)?.closest<HTMLElement>("[data-id]");
    return { id: found?.dataset["id"] ?? "", y: Math.round((found?.getBoundingClientRect().top ?? 0) - box.top) };
  });
}
const place = (page: Page, id: string) =>
  page.locator(rowOf(id)).evaluate((row) => Math.round(row.getBoundingClientRect().top - (row.closest('[data-test="table"]') as HTMLElement).getBoundingClientRect().top));

journey("rows come and go above: what one looks at stays where it is", { as: "clerk" }, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  await openList(page);
  const known = await total(page);
  await page.locator(mark("table")).evaluate((table) => (table.scrollTop = 36 * 15));
  await page.locator(`[data-row="25"]${mark("row")}`).waitFor();
  const seen = await middle(page);
  assert.notEqual(seen.id, "");
  const born = [await createCustomer(clerk), await createCustomer(clerk), await createCustomer(clerk)];
  await waitUntil("three more", async () => (await total(page)) === known + 3);
  await waitUntil("the same place", async () => (await place(page, seen.id)) === seen.y);
  assert.deepEqual(await middle(page), seen);
  const other = (await login("clerk2")).session?.user;
  for (const item of born) {
    const fields = { department: other?.department.id, owner: other?.id };
    manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields }, (await readCustomer(manager, item.id)).version));
  }
  await waitUntil("three fewer", async () => (await total(page)) === known);
  await waitUntil("the same place", async () => (await place(page, seen.id)) === seen.y);
  assert.deepEqual(await middle(page), seen);
});

journey("at the very top, with the hands off, new rows are seen coming", { as: "manager" }, async ({ page }) => {
  await openList(page);
  await page.mouse.move(2, 2);
  const item = await createCustomer(await login("clerk"));
  await page.locator(`[data-row="0"]${rowOf(item.id)}`).waitFor();
  assert.equal(await page.locator(mark("table")).evaluate((table) => table.scrollTop), 0);
});

journey("the keyboard's cursor stays with its record while others come above it", { as: "manager" }, async ({ page }) => {
  await openList(page);
  await page.locator(`[data-row="0"] [role=gridcell]`).first().focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowDown");
  const id = await activeId(page);
  const cell = await at(page);
  assert.equal(cell, "5:0");
  await createCustomer(await login("clerk"));
  await waitUntil("one place further down", async () => (await at(page)) === "6:0");
  assert.equal(await activeId(page), id);
  await page.keyboard.press("ArrowUp");
  assert.equal(await at(page), "5:0");
});

journey("arrows, pages, ends: by keys to the very last row and back", { as: "manager" }, async ({ page }) => {
  await openList(page);
  const all = await total(page);
  await page.locator(`[data-row="0"] [role=gridcell]`).first().focus();
  await page.keyboard.press("PageDown");
  const page1 = Number((await at(page))?.split(":")[0]);
  assert.ok(page1 >= 10, `a page is ${page1} rows`);
  await page.keyboard.press("PageDown");
  await waitUntil("two pages down", async () => Number((await at(page))?.split(":")[0]) === 2 * page1);
  await page.keyboard.press("PageUp");
  await page.keyboard.press("PageUp");
  await waitUntil("the first row", async () => (await at(page)) === "0:0");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Home");
  assert.equal(await at(page), "0:0");
  await page.keyboard.press("End");
  const columns = Number((await at(page))?.split(":")[1]);
  assert.ok(columns > 10);
  const edge = await page.locator(`[data-cell="0:${columns}"]`).boundingBox();
  assert.ok(edge && edge.x + edge.width <= 1366, "and it is on the screen");
  await page.keyboard.press("Control+End");
  await waitUntil("the last row", async () => (await at(page)) === `${all - 1}:${columns}`);
  await page.locator(`[data-row="${all - 1}"]${mark("row")}`).waitFor();
  await page.keyboard.press("Control+Home");
  await waitUntil("the first cell", async () => (await at(page)) === "0:0");
  await page.keyboard.press("ArrowUp");
  assert.equal(await at(page), "-1:0", "the heads are reached too");
});

journey("Enter opens, the way back leads to the same row at the same place", { as: "manager" }, async ({ page }) => {
  await openList(page);
  await page.locator(mark("table")).evaluate((table) => (table.scrollTop = 36 * 40));
  await page.locator(`[data-row="45"]${mark("row")}`).waitFor();
  await page.locator(`[data-row="45"] [role=gridcell]`).first().focus();
  const id = await page.locator(`[data-row="45"]${mark("row")}`).getAttribute("data-id");
  const y = await place(page, id as string);
  await page.keyboard.press("Enter");
  await page.locator(mark("field-name")).waitFor();
  assert.ok(page.url().endsWith(`/records/${id}`));
  // From here by keys to the next of the list and back.
  await page.keyboard.press("Alt+PageDown");
  await waitUntil("the next record", () => !page.url().endsWith(`/records/${id}`));
  await page.keyboard.press("Alt+PageUp");
  await waitUntil("the record", () => page.url().endsWith(`/records/${id}`));
  await page.locator(mark("crumb-list")).click();
  await page.locator(rowOf(id as string)).waitFor();
  await waitUntil("the same place", async () => (await place(page, id as string)) === y);
});

journey("order and columns are kept over a reload, and put back by one press", { as: "manager" }, async ({ page }) => {
  await openList(page);
  const heads = () => page.locator("[data-test^=head-]").evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset["test"]?.slice(5)));
  const first = await heads();
  assert.deepEqual(first.slice(0, 3), ["name", "no", "stage"], "the state stands beside what names the record");
  await page.locator(mark("columns")).click();
  await page.getByLabel("统一社会信用代码", { exact: true }).uncheck();
  await page.getByRole("button", { name: "上移“所属行业”" }).click();
  await page.keyboard.press("Escape");
  const arranged = await heads();
  assert.ok(!arranged.includes("credit_code"));
  assert.ok(arranged.indexOf("industry") < first.indexOf("industry"));
  await page.locator(mark("head-name")).click();
  await waitUntil("the order", () => /sort=name/.test(page.url()));
  await page.locator(mark("head-name")).click();
  await waitUntil("the other way", () => /sort=-name/.test(page.url()));
  await page.reload();
  await page.locator(mark("row")).first().waitFor();
  await waitLive(page);
  assert.deepEqual(await heads(), arranged);
  assert.match(page.url(), /sort=-name/);
  const names = await page.locator(`${mark("row")} ${mark("cell-name")}`).evaluateAll((all) => all.slice(0, 2).map((one) => (one as HTMLElement).innerText));
  assert.equal(names.length, 2);
  await page.locator(mark("columns")).click();
  await page.getByRole("button", { name: "恢复默认" }).click();
  await page.keyboard.press("Escape");
  assert.deepEqual(await heads(), first);
});

journey("a sorted list stays sorted: a row that changes goes to its new place", { as: "manager" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { name: `啊 排在最前 ${process.pid}` });
  await openList(page, "/forms/customer?sort=name");
  await page.locator(rowOf(item.id)).waitFor();
  const last = `做 排在最后 ${process.pid}`;
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { name: last } }, item.version));
  await page.locator(rowOf(item.id)).waitFor({ state: "detached" });
  const all = await total(page);
  await page.locator(mark("table")).evaluate((table) => (table.scrollTop = table.scrollHeight));
  await page.locator(`[data-row="${all - 1}"]${mark("row")}`).waitFor();
  await page.locator(rowOf(item.id)).waitFor();
});
