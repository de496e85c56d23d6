// The auditor sees who read and who changed a customer, with before and after.
import assert from "node:assert/strict";
import fs from "node:fs";
import { logIn, mark } from "../lib/browser.ts";
import { createCustomer, phone } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

journey("who read it and who changed it, from what to what", {}, async ({ page }) => {
  const [clerk, manager] = [await login("clerk"), await login("manager")];
  const secret = phone();
  const item = await createCustomer(clerk, { phone: secret });
  manager.expect(200, await manager.get(`/forms/customer/records/${item.id}`));
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "won", notes: "签约了" } }, item.version));
  await logIn(page, "auditor");
  await page.goto(`/audit?record=${item.id}`);
  await page.locator(mark("audit-row")).first().waitFor();
  const actions = await page.locator(mark("audit-row")).evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["action"]));
  assert.deepEqual(actions, ["update", "read", "create"], "newest first");
  const update = page.locator(`${mark("audit-row")}[data-action=update]`);
  assert.match(await update.innerText(), /clerk/);
  assert.match(await page.locator(`${mark("audit-row")}[data-action=read]`).innerText(), /manager/);
  await update.locator("button").first().click();
  await page.locator(mark("audit-more")).waitFor();
  const change = await page.locator(mark("change-notes")).innerText();
  assert.ok(change.includes("签约了"));
  const stage = await page.locator(mark("change-stage")).innerText();
  assert.match(stage, /新线索|lead/);
  assert.match(stage, /成交客户|won/);
  await page.locator(`${mark("audit-row")}[data-action=create] button`).first().click();
  await waitUntil("two open lines", async () => (await page.locator(mark("audit-more")).count()) === 2);
  assert.ok(!(await page.content()).includes(secret), "a phone is masked for the auditor");
  // How far the log is sealed, and the seals as a file to be kept elsewhere.
  await page.locator(mark("seal-state")).click();
  const key = (await page.locator(mark("seal-key")).innerText()).trim();
  assert.match(key, /^[0-9a-f]{64}$/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(mark("seal-download")).click()]);
  const lines = fs.readFileSync(await download.path(), "utf8").trimEnd().split("\n");
  assert.match(download.suggestedFilename(), /^tidemark-seals-\d+\.jsonl$/);
  assert.ok(lines.every((line) => /^\{"seal":"\d+","size":"\d+","root":"[0-9a-f]{64}",.*"signature":"[0-9a-f]{128}"\}$/.test(line)));
  assert.ok(lines.at(-1)?.includes(`"key":"${key}"`));
});

journey("the log is narrowed by person and action, and the address keeps the question", {}, async ({ page }) => {
  await createCustomer(await login("clerk"));
  await logIn(page, "auditor", "/audit");
  await page.locator(mark("audit-row")).first().waitFor();
  await page.locator(mark("filter-actor")).fill("clerk");
  await waitUntil("the address", () => /actor=clerk/.test(page.url()));
  await waitUntil("the clerk's lines only", async () => {
    const rows = await page.locator(mark("audit-row")).allInnerTexts();
    return rows.length > 0 && rows.every((row) => /clerk/.test(row));
  });
  await page.reload();
  await page.locator(mark("audit-row")).first().waitFor();
  assert.equal(await page.locator(mark("filter-actor")).inputValue(), "clerk");
  await page.locator(mark("filter-actor")).fill("nobody-of-that-name");
  await page.locator(mark("empty")).waitFor();
});

journey("the log goes on as one scrolls, without end and without doubles", {}, async ({ page }) => {
  await logIn(page, "auditor");
  await page.goto("/audit?action=create");
  await page.locator(mark("audit-row")).first().waitFor();
  const first = await page.locator(mark("audit-row")).count();
  await waitUntil("more lines", async () => {
    await page.locator(mark("audit-row")).last().scrollIntoViewIfNeeded();
    return (await page.locator(mark("audit-row")).count()) > first;
  });
  const ids = await page.locator(mark("audit-row")).evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["id"]));
  assert.equal(new Set(ids).size, ids.length);
});
