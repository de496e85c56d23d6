// New people and departments: what the system administrator does on the screen, and what the newcomer meets first.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { logIn, mark, overflow } from "../lib/browser.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { ownKey } from "../lib/rights.ts";
import { PASSWORD } from "../lib/server.ts";
import { login, sharedServer } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

interface Place {
  id: string;
  key: string;
  title: string;
  parent: string | null;
  retired: boolean;
}
const places = async () => {
  const admin = await login("admin");
  return admin.expect<{ items: Place[] }>(200, await admin.get("/organisation")).items;
};

async function newPerson(page: Page, name: string, loginName: string): Promise<void> {
  await page.locator(mark("person-new-name")).fill(name);
  await page.locator(mark("person-new-login")).fill(loginName);
  await page.locator(mark("person-create")).click();
}

journey("a newcomer: made with a first password that is shown once, chooses another one before anything else, and is in", {}, async ({ page }) => {
  const name = ownKey("xiaoming");
  await logIn(page, "admin");
  await page.goto("/people");
  await page.locator(mark("person-new")).click();
  await newPerson(page, "李小明", "CLERK");
  await page.locator(mark("person-login-fault")).waitFor();
  await newPerson(page, "李小明", name);
  const first = await page.locator(mark("first-password-text")).innerText();
  assert.match(first, /^[\w-]{12}$/);
  await page.locator(mark("first-password-close")).click();
  await waitUntil("the password is gone from the page", async () => !(await page.content()).includes(first));
  const other = await anotherScreen();
  try {
    await other.page.goto((await sharedServer()).url);
    await other.page.locator(mark("login-name")).fill(name);
    await other.page.locator(mark("login-password")).fill(first);
    await other.page.locator(mark("login-submit")).click();
    await other.page.locator(mark("password-form")).waitFor();
    await other.page.goto("/people");
    await other.page.locator(mark("password-form")).waitFor();
    await other.page.locator(mark("password-now")).fill(first);
    await other.page.locator(mark("password-new")).fill("short1");
    await other.page.locator(mark("password-save")).click();
    assert.equal(await other.page.locator("#password-rules .bad").count(), 1, "what is missing is marked");
    await other.page.locator(mark("password-new")).fill(`${PASSWORD}-x`);
    await other.page.locator(mark("password-again")).fill(`${PASSWORD}-x`);
    await other.page.locator(mark("password-save")).click();
    await other.page.locator(mark("person-menu")).waitFor();
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.context.close();
  }
  await page.locator(mark("people-search")).fill(name);
  await page.locator(`${mark("person")}[data-login=${name}]`).click();
  await page.locator(mark("account-reset")).click();
  await page.locator(mark("reset-confirm")).click();
  assert.notEqual(await page.locator(mark("first-password-text")).innerText(), first);
});

journey("departments: a new one below another, put in order with the keys, moved, taken back, retired", {}, async ({ page }) => {
  const key = ownKey("desk");
  const admin = await login("admin");
  const branch = (await places()).find((one) => one.key === "branch3") as Place;
  const beside = async () => (await places()).filter((one) => one.parent === branch.id && !one.retired).map((one) => one.key);
  const row = page.locator(`${mark("department")}[data-key="${key}"]`);
  const pick = async (line: string, what: string) => {
    await page.locator(`${mark("department")}[data-key="${line}"] ${mark("department-menu")}`).click();
    await page.locator(mark(`department-${what}`)).click();
  };
  await logIn(page, "admin");
  await page.locator(mark("nav-departments")).click();
  await page.locator(mark("department")).first().waitFor();
  await pick("branch3", "add");
  await page.locator(mark("department-title")).fill("成都锦江支行");
  await page.locator(mark("department-key")).fill(key);
  await page.locator(mark("department-save")).click();
  await page.locator(mark("department-title-fault")).waitFor();
  await page.locator(mark("department-title")).fill(`柜台 ${key}`);
  await page.locator(mark("department-save")).click();
  await row.waitFor();
  const before = await beside();
  assert.equal(before.at(-1), key);
  await row.focus();
  await page.keyboard.press("Alt+ArrowUp");
  await waitUntil("a step up", async () => (await beside()).at(-2) === key);
  await pick(key, "edit");
  await page.locator(`${mark("department-parent")} input`).fill("南京分行");
  await page.getByRole("option", { name: "南京分行" }).click();
  await page.locator(mark("department-moved")).waitFor();
  await page.locator(mark("department-save")).click();
  await waitUntil("moved", async () => !(await beside()).includes(key));
  await page.locator(mark("toast")).filter({ hasText: "已保存" }).locator("button", { hasText: "撤销" }).click();
  await waitUntil("taken back to its place", async () => (await beside()).at(-2) === key);
  await row.waitFor();
  await pick(key, "retire");
  await row.waitFor({ state: "detached" });
  await page.locator(mark("departments-retired")).check();
  await row.waitFor();
  assert.equal((await places()).find((one) => one.key === key)?.retired, true);
  assert.equal((await admin.get("/departments")).text.includes(key), false);
});

journey("departments on a phone, in English, for the security administrator: to see, not to change", { width: 390, height: 844, touch: true, locale: "en-US" }, async ({ page }) => {
  await logIn(page, "security");
  await page.goto("/departments");
  await page.locator(mark("department")).first().waitFor();
  assert.equal(await overflow(page), 0);
  assert.deepEqual([await page.locator(mark("department-new")).count(), await page.locator(mark("department-menu")).count()], [0, 0]);
  await page.locator(mark("departments-search")).fill("branch2");
  await waitUntil("what is found, and what stands above", async () => (await page.locator(mark("department")).count()) === 2);
  assert.equal(await page.locator("h1").innerText(), "Departments");
});
