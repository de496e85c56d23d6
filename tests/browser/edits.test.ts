// Two people at one record: other fields merge, the same field asks, and whatever happens nothing typed is lost.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { input, mark, openRecord, waitLive } from "../lib/browser.ts";
import type { Item } from "../lib/client.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

async function edit(page: Page, id: string): Promise<void> {
  await openRecord(page, id);
  await waitLive(page);
  await page.locator(mark("edit")).click();
  await page.locator(input("notes")).waitFor();
}

async function change(item: Item, fields: Record<string, string>): Promise<void> {
  const manager = await login("manager");
  const now = await readCustomer(manager, item.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields }, now.version));
}

async function saved(page: Page): Promise<void> {
  await page.locator(mark("save")).click();
  await page.locator(mark("edit")).waitFor();
}

journey("different fields merge without a question, on both screens", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"), { notes: "原备注", legal_person: "原法人" });
  const manager = await anotherScreen({ as: "manager" });
  await edit(page, item.id);
  await edit(manager.page, item.id);
  await page.locator(input("notes")).fill("客户经理写的备注");
  await manager.page.locator(input("legal_person")).fill("行长改的法人");
  await saved(manager.page);
  // It comes into the form that is being filled in, and does not touch what is typed there.
  await waitUntil("the other's field", async () => (await page.locator(input("legal_person")).inputValue()) === "行长改的法人");
  assert.equal(await page.locator(input("notes")).inputValue(), "客户经理写的备注");
  await saved(page);
  assert.equal(await page.locator(mark("conflict")).count(), 0);
  await waitUntil("the manager's page", async () => (await manager.page.locator(mark("field-notes")).innerText()).includes("客户经理写的备注"));
  const now = await readCustomer(await login("manager"), item.id);
  assert.deepEqual([now.fields["notes"], now.fields["legal_person"]], ["客户经理写的备注", "行长改的法人"]);
});

journey("the same field: three values, and each choice does what it says", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原备注", legal_person: "原法人" });
  await edit(page, item.id);
  await page.locator(input("notes")).fill("我的备注");
  await page.locator(input("legal_person")).fill("我的法人");
  await change(item, { notes: "对方备注", legal_person: "对方法人" });
  await page.locator(mark("disputed-notes")).waitFor();
  assert.equal(await page.locator(input("notes")).inputValue(), "我的备注", "never overwritten");
  await page.locator(mark("save")).click();
  const panel = page.locator(mark("conflict"));
  await panel.waitFor();
  for (const [key, words] of [["notes", "备注"], ["legal_person", "法人"]] as const) {
    assert.match(await panel.locator(mark(`base-${key}`)).innerText(), new RegExp(`原${words}`));
    const text = await panel.locator(mark(`conflict-${key}`)).innerText();
    for (const who of ["原", "对方", "我的"]) assert.ok(text.includes(who + words), `${who}${words} in ${text}`);
  }
  assert.equal(await page.locator(mark("conflict-save")).isDisabled(), true, "nothing is chosen for anybody");
  await panel.locator(mark("theirs-notes")).check();
  await panel.locator(mark("yours-legal_person")).check();
  await page.locator(mark("conflict-save")).click();
  await page.locator(mark("edit")).waitFor();
  const now = await readCustomer(clerk, item.id);
  assert.deepEqual([now.fields["notes"], now.fields["legal_person"]], ["对方备注", "我的法人"]);
});

journey("back to editing from the question keeps what was typed; it is asked again on saving", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原备注" });
  await edit(page, item.id);
  await page.locator(input("notes")).fill("我的备注");
  await change(item, { notes: "对方备注" });
  await page.locator(mark("disputed-notes")).waitFor();
  await page.locator(mark("save")).click();
  await page.locator(mark("conflict")).getByRole("button", { name: "返回编辑" }).click();
  assert.equal(await page.locator(input("notes")).inputValue(), "我的备注");
  await page.locator(mark("save")).click();
  await page.locator(mark("conflict")).getByRole("button", { name: "全部保留我的" }).click();
  await page.locator(mark("conflict-save")).click();
  await page.locator(mark("edit")).waitFor();
  assert.equal((await readCustomer(clerk, item.id)).fields["notes"], "我的备注");
});

journey("beside the field, before saving: take theirs, or keep one's own", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原备注", legal_person: "原法人" });
  await edit(page, item.id);
  await page.locator(input("notes")).fill("我的备注");
  await page.locator(input("legal_person")).fill("我的法人");
  await change(item, { notes: "对方备注", legal_person: "对方法人" });
  await page.locator(mark("take-notes")).click();
  assert.equal(await page.locator(input("notes")).inputValue(), "对方备注");
  await page.locator(mark("keep-legal_person")).click();
  assert.equal(await page.locator(input("legal_person")).inputValue(), "我的法人");
  await saved(page);
  const now = await readCustomer(clerk, item.id);
  assert.deepEqual([now.fields["notes"], now.fields["legal_person"]], ["对方备注", "我的法人"]);
});

journey("what was typed survives leaving the page and loading it anew, with what stood there before", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原备注" });
  page.on("dialog", (dialog) => void dialog.accept());
  await edit(page, item.id);
  await page.locator(input("notes")).fill("草稿");
  await page.locator(mark("crumb-list")).click();
  await page.locator(mark("row")).first().waitFor();
  // The message leads back to it.
  await page.locator(mark("toast")).getByRole("button", { name: "返回继续" }).click();
  assert.equal(await page.locator(input("notes")).inputValue(), "草稿");
  await page.locator(input("notes")).fill("草稿，接着写");
  await page.locator(input("legal_person")).focus();
  await page.reload();
  await page.locator(input("notes")).waitFor();
  assert.equal(await page.locator(input("notes")).inputValue(), "草稿，接着写");
  await waitLive(page);
  await change(item, { notes: "对方备注" });
  await page.locator(mark("disputed-notes")).waitFor();
  await page.locator(mark("save")).click();
  assert.match(await page.locator(mark("base-notes")).innerText(), /原备注/);
  await page.locator(mark("yours-notes")).check();
  await page.locator(mark("conflict-save")).click();
  await page.locator(mark("edit")).waitFor();
  assert.equal((await readCustomer(clerk, item.id)).fields["notes"], "草稿，接着写");
  assert.equal(await page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft')).length"), 0, "a saved draft is gone");
});

journey("cancelled by mistake: undo brings it back", { as: "clerk" }, async ({ page }) => {
  const item = await createCustomer(await login("clerk"), { notes: "原备注" });
  await edit(page, item.id);
  await page.locator(input("notes")).fill("不小心放弃的");
  await page.keyboard.press("Escape");
  await page.locator(mark("toast")).getByRole("button", { name: "撤销" }).click();
  assert.equal(await page.locator(input("notes")).inputValue(), "不小心放弃的");
});

journey("given to another outlet while one types: told plainly, and what was typed can be copied", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const clerk2 = await login("clerk2");
  const item = await createCustomer(clerk, { notes: "原备注" });
  await edit(page, item.id);
  await page.locator(input("notes")).fill("还没保存的备注");
  await page.locator(input("legal_person")).fill("还没保存的法人");
  const department = clerk2.session?.user.department.id as string;
  await change(item, { department, owner: clerk2.session?.user.id as string });
  await page.locator(mark("gone")).waitFor();
  const text = await page.locator(mark("gone")).innerText();
  for (const words of ["不再属于您的查看范围", "还没保存的备注", "还没保存的法人"]) assert.ok(text.includes(words), `${words} in ${text}`);
  assert.equal(await page.locator(mark("save")).count(), 0, "there is nothing to save it into");
  assert.ok(!(await page.content()).includes(item.fields["phone"] as string), "what one may not see any more is gone from the page");
  await page.locator(mark("gone-copy")).click();
  await waitUntil("the copy", async () => ((await page.evaluate("navigator.clipboard.readText()")) as string).includes("还没保存的法人"));
  assert.equal((await clerk.get(`/forms/customer/records/${item.id}`)).status, 404);
  await page.locator(mark("gone-drop")).click();
  await page.locator(mark("row")).first().waitFor();
  // And given back: it is there again, as it is now.
  const manager = await login("manager");
  const own = clerk.session?.user;
  const now = await readCustomer(manager, item.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { department: own?.department.id, owner: own?.id } }, now.version));
  await openRecord(page, item.id);
  assert.match(await page.locator(mark("field-notes")).innerText(), /原备注/);
});

journey("open to read only, it goes as plainly", { as: "clerk" }, async ({ page }) => {
  const clerk2 = await login("clerk2");
  const item = await createCustomer(await login("clerk"));
  await openRecord(page, item.id);
  await waitLive(page);
  await change(item, { department: clerk2.session?.user.department.id as string, owner: clerk2.session?.user.id as string });
  await page.locator(mark("gone")).waitFor();
  assert.equal(await page.locator(mark("gone-copy")).count(), 0);
  await page.locator(mark("gone")).getByRole("link", { name: "回到列表" }).click();
  await page.locator(mark("row")).first().waitFor();
});
