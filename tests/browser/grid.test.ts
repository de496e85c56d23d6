// The table as a spreadsheet: editing in place, blocks, clipboard, fill, undo; and what others do meanwhile.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { cellOf, mark, rowOf, waitLive } from "../lib/browser.ts";
import type { Client, Item, Json } from "../lib/client.ts";
import { createCustomer, phone, readCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

/** Three customers of the clerk's, alone in a filtered list, by name. */
async function openThree(page: Page, clerk: Client, more: Record<string, Json>[] = [{}, {}, {}]): Promise<{ items: Item[]; name: string }> {
  const name = `表格 ${process.pid} ${Date.now()}`;
  const items: Item[] = [];
  for (const [at, fields] of more.entries()) items.push(await createCustomer(clerk, { name: `${name} ${at}`, phone: phone(), legal_person: null, registered_capital: null, next_follow_up_on: null, ...fields }));
  const filter = JSON.stringify({ field: "name", op: "contains", value: name });
  await page.goto(`/forms/customer?sort=name&filter=${encodeURIComponent(filter)}`);
  for (const item of items) await page.locator(rowOf(item.id)).waitFor();
  await waitLive(page);
  return { items, name };
}

const valueOf = async (clerk: Client, item: Item, field: string) => (await readCustomer(clerk, item.id)).fields[field] ?? null;
const stands = (clerk: Client, item: Item, field: string, wanted: unknown) => waitUntil(`${field} of ${item.id} is ${JSON.stringify(wanted)}`, async () => (await valueOf(clerk, item, field)) === wanted);
const text = (page: Page, item: Item, field: string) => page.locator(cellOf(item.id, field)).innerText();
/** The cell has the keyboard, and its input, where it may be written. */
async function goTo(page: Page, item: Item, field: string): Promise<void> {
  await page.locator(cellOf(item.id, field)).scrollIntoViewIfNeeded();
  await page.locator(cellOf(item.id, field)).click();
  await page.locator(`${cellOf(item.id, field)}:focus, ${cellOf(item.id, field)} :focus`).waitFor({ state: "attached" });
}
async function armed(page: Page, item: Item, field: string): Promise<void> {
  await goTo(page, item, field);
  await page.locator(`${cellOf(item.id, field)} .cell-edit :focus`).waitFor({ state: "attached" });
}
const clipboard = (page: Page) => page.evaluate("navigator.clipboard.readText()") as Promise<string>;

journey("typing, Enter, Tab, Esc: a cell is edited where it stands, and what cannot be says why", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const { items } = await openThree(page, clerk);
  const [a, b] = items as [Item, Item, Item];
  await armed(page, a, "legal_person");
  await page.keyboard.type("王小明");
  await page.keyboard.press("Enter");
  await stands(clerk, a, "legal_person", "王小明");
  // Enter went one down; typing goes on there, Esc takes it back.
  await page.keyboard.type("丢掉");
  await page.locator(`${cellOf(b.id, "legal_person")} ${mark("cell-edit")}`).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("F2");
  await page.keyboard.type("李");
  await page.keyboard.press("Tab");
  await stands(clerk, b, "legal_person", "李");
  assert.equal(await page.evaluate("document.activeElement.closest('[data-test^=cell-]').dataset.test !== 'cell-legal_person'"), true);

  // Wrong input stays in hand and says so; left by the mouse it stays marked, and can be given up.
  await armed(page, a, "phone");
  await page.keyboard.type("12");
  await page.keyboard.press("Enter");
  await page.locator(mark("cell-fault")).waitFor();
  await page.locator(cellOf(b.id, "legal_person")).click();
  await page.locator(`${rowOf(a.id)} .mark-failed`).waitFor();
  assert.match(await text(page, a, "phone"), /^12/);
  await page.locator(mark("cells-left")).click();
  await page.locator(mark("cell-discard")).click();
  await page.locator(`${rowOf(a.id)} .mark-failed`).waitFor({ state: "detached" });

  // A choice: the list opens, a letter finds, Enter takes it.
  await armed(page, a, "stage");
  await page.keyboard.press("F2");
  await page.locator("#cell-edit-list [role=option]").nth(1).click();
  await page.keyboard.press("Enter");
  await stands(clerk, a, "stage", "contacted");

  // An input method: the first key begins in the cell's own input; its Enter belongs to it.
  await armed(page, b, "legal_person");
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Input.imeSetComposition", { text: "zhang", selectionStart: 5, selectionEnd: 5 });
  await page.locator(`${cellOf(b.id, "legal_person")} ${mark("cell-edit")}`).waitFor();
  await page.keyboard.insertText("张三");
  await page.keyboard.press("Enter");
  await stands(clerk, b, "legal_person", "张三");

  // What is given by the system is not written.
  await goTo(page, a, "no");
  await page.keyboard.type("x");
  await page.locator(mark("toast")).filter({ hasText: "编号由系统" }).waitFor();
});

journey("blocks are copied, pasted, filled, emptied and undone; the sum stands below", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const { items, name } = await openThree(page, clerk, [{ legal_person: "甲", registered_capital: "100.50" }, { legal_person: "乙", registered_capital: "0.50" }, {}]);
  const [a, b, c] = items as [Item, Item, Item];
  await goTo(page, a, "registered_capital");
  await page.keyboard.press("Shift+ArrowDown");
  await waitUntil("the sum", async () => (await page.locator(mark("sum")).innerText()).includes("101"));
  await page.keyboard.press("Control+c");
  await waitUntil("the block is copied", async () => (await clipboard(page)).replace(/\r/g, "") === "100.50\n0.50");

  // One value into many, then undone in one step.
  await goTo(page, a, "legal_person");
  await page.evaluate("navigator.clipboard.writeText('丙')");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Control+v");
  for (const one of items) await stands(clerk, one, "legal_person", "丙");
  // Somebody changes one of them: the undo leaves it alone and says so.
  const theirs = await readCustomer(clerk, b.id);
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${b.id}`, { fields: { legal_person: "别人" } }, theirs.version));
  await waitUntil("it is seen", async () => (await text(page, b, "legal_person")) === "别人");
  await page.keyboard.press("Control+z");
  await page.locator(mark("toast")).filter({ hasText: "已被他人改动" }).waitFor();
  await stands(clerk, a, "legal_person", "甲");
  await stands(clerk, c, "legal_person", null);
  assert.equal(await valueOf(clerk, b, "legal_person"), "别人");
  await page.keyboard.press("Control+y");
  await stands(clerk, a, "legal_person", "丙");

  // Ctrl+D fills down, Delete empties, Ctrl+; is today.
  await goTo(page, a, "registered_capital");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Control+d");
  await stands(clerk, c, "registered_capital", "100.50");
  await page.keyboard.press("Delete");
  for (const one of items) await stands(clerk, one, "registered_capital", null);
  await goTo(page, a, "next_follow_up_on");
  await page.keyboard.press("Control+;");
  await stands(clerk, a, "next_follow_up_on", new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10));

  // What is not known is told before anything is written; lines past the end become records where one says so.
  await goTo(page, c, "no");
  await page.keyboard.press("ArrowLeft");
  await page.locator(`${cellOf(c.id, "name")} .cell-edit :focus`).waitFor({ state: "attached" });
  const stage = await text(page, c, "stage");
  await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(`${name} 新\tx\t没有的阶段\r\n${name} 末\tx\t${stage}\r\n`)})`);
  await page.keyboard.press("Control+v");
  await page.locator(mark("paste-wrong")).filter({ hasText: "没有的阶段" }).waitFor();
  assert.equal(await valueOf(clerk, c, "name"), `${name} 2`);
  await page.locator(mark("paste-go")).click();
  await stands(clerk, c, "name", `${name} 新`);
  await page.locator(`${mark("paste-refused")}`).or(page.locator(mark("cell-name")).filter({ hasText: `${name} 末` })).first().waitFor();
});

journey("others' changes never overwrite the cell in hand; the three values stand side by side", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const { items } = await openThree(page, clerk, [{ legal_person: "原来" }]);
  const [a] = items as [Item];
  const change = async (value: string) => clerk.expect(200, await clerk.patch(`/forms/customer/records/${a.id}`, { fields: { legal_person: value } }, (await readCustomer(clerk, a.id)).version));
  for (const side of ["take", "keep"] as const) {
    const before = await valueOf(clerk, a, "legal_person");
    await armed(page, a, "legal_person");
    await page.keyboard.type(`我的${side}`);
    await change(`别人${side}`);
    await page.locator(mark("cell-fault")).filter({ hasText: `别人${side}` }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(`${rowOf(a.id)} .mark-clash`).waitFor();
    await goTo(page, a, "legal_person");
    assert.deepEqual([await page.locator(mark("cell-base")).innerText(), await page.locator(mark("cell-theirs")).innerText(), await page.locator(mark("cell-yours")).innerText()], [before, `别人${side}`, `我的${side}`]);
    await page.keyboard.press("Enter");
    await waitUntil("the keyboard is at the question", () => page.evaluate("document.activeElement.dataset.test === 'cell-take'"));
    await page.locator(mark(`cell-${side}`)).click();
    await page.locator(`${rowOf(a.id)} .mark-clash`).waitFor({ state: "detached" });
    await stands(clerk, a, "legal_person", side === "take" ? "别人take" : "我的keep");
  }
});

journey("ticked records are changed at once, with their number, and back again", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const { items } = await openThree(page, clerk, [{ stage: "lead" }, { stage: "contacted" }, { stage: "lead" }]);
  const [a, b, c] = items as [Item, Item, Item];
  const tick = (item: Item) => page.locator(`${rowOf(item.id)} ${mark("tick")}`);
  await tick(a).click();
  await tick(c).click({ modifiers: ["Shift"] });
  await page.locator(mark("bulk-count")).filter({ hasText: "3" }).waitFor();
  await tick(b).click();
  await page.locator(mark("bulk-count")).filter({ hasText: "2" }).waitFor();
  await page.locator(mark("bulk-edit")).click();
  await page.locator(mark("bulk-field-0")).selectOption("stage");
  await page.locator("#bulk-0").click();
  await page.locator("#bulk-0-list [role=option]").nth(2).click();
  await page.locator(mark("bulk-apply")).click();
  await page.locator(mark("bulk-dialog")).waitFor({ state: "detached" });
  await stands(clerk, a, "stage", "quoted");
  await stands(clerk, c, "stage", "quoted");
  assert.equal(await valueOf(clerk, b, "stage"), "contacted");
  await page.locator(mark("toast")).getByRole("button", { name: "撤销" }).click();
  await stands(clerk, a, "stage", "lead");
  await stands(clerk, c, "stage", "lead");
  // By keys: the rows of a block.
  await page.locator(mark("bulk-clear")).click();
  await goTo(page, b, "no");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+Space");
  await page.locator(mark("bulk-count")).filter({ hasText: "2" }).waitFor();
  await page.locator(mark("bulk-remove")).click();
  await page.locator(rowOf(b.id)).waitFor({ state: "detached" });
  await page.locator(rowOf(c.id)).waitFor({ state: "detached" });
  await page.locator(mark("toast")).filter({ hasText: "回收站" }).getByRole("button", { name: "撤销" }).click();
  await page.locator(rowOf(b.id)).waitFor();
  await page.locator(rowOf(c.id)).waitFor();
});

journey("the board: a card goes to another state by keys and by the mouse, columns count, others see it", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const { items } = await openThree(page, clerk, [{ stage: "lead" }, { stage: "lead" }, { stage: "quoted" }]);
  const [a, b, c] = items as [Item, Item, Item];
  await page.locator(mark("board-show")).click();
  const column = (key: string) => page.locator(`${mark("board-column")}[data-key="${key}"]`);
  const counted = (key: string, n: string) => waitUntil(`${n} in ${key}`, async () => (await page.locator(mark(`board-total-${key}`)).innerText()) === n);
  await counted("lead", "2");
  await counted("quoted", "1");
  await column("lead").locator(rowOf(a.id)).focus();
  await page.keyboard.press("Control+ArrowRight");
  await stands(clerk, a, "stage", "contacted");
  await column("contacted").locator(rowOf(a.id)).waitFor();
  await counted("lead", "1");
  await column("lead").locator(rowOf(b.id)).dragTo(column("quoted"));
  await stands(clerk, b, "stage", "quoted");
  await counted("quoted", "2");
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${c.id}`, { fields: { stage: "lead" } }, (await readCustomer(clerk, c.id)).version));
  await column("lead").locator(rowOf(c.id)).waitFor();
  await counted("lead", "1");
});
