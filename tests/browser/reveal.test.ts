// A masked value in clear, for a reason and for a while; and what was done to a record, beside it.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { logIn, mark, openRecord, overflow, useSession, waitLive } from "../lib/browser.ts";
import type { Client } from "../lib/client.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { makePerson, makeRole, matrixOf, ownKey, setGrants, type Grant } from "../lib/rights.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const PHONE = "13800001111";
const COVERED = "138****1111";

/** No role of the demo bank may reveal: security lets the clerks, and takes it back afterwards. */
async function whileClerksMayReveal(body: (withdraw: () => Promise<unknown>) => Promise<void>): Promise<void> {
  const before = (await matrixOf()).roles.find((role) => role.key === "clerk")?.grants;
  assert.ok(before && before.every((grant) => !grant.actions.includes("reveal")));
  const withdraw = () => setGrants({ clerk: before });
  await setGrants({ clerk: before.map((grant) => (grant.deny === true ? grant : { ...grant, actions: [...grant.actions, "reveal"] })) });
  try {
    await body(withdraw);
  } finally {
    await withdraw();
  }
}

/** Somebody else of the clerk's outlet, who sees his customers' phones masked. */
const colleague = () => makePerson(ownKey("reveal"), "outlet11", ["clerk"]);

async function openAs(page: Page, client: Client, id: string): Promise<void> {
  await useSession(page.context(), client, client.origin);
  await openRecord(page, id);
  await waitLive(page);
}

const fieldText = (page: Page, key: string) => page.locator(mark(`field-${key}`)).innerText();

async function reveal(page: Page, reason: string): Promise<void> {
  await page.locator(mark("reveal-phone")).click();
  await page.locator(mark("reveal-reason")).fill(reason);
  await page.locator(mark("reveal-send")).click();
}

async function inClear(page: Page): Promise<void> {
  await page.locator(mark("reveal-left-phone")).waitFor();
  assert.ok((await fieldText(page, "phone")).includes(PHONE));
}

async function coveredAgain(page: Page): Promise<void> {
  await waitUntil("the masked value", async () => (await fieldText(page, "phone")).includes(COVERED));
  assert.ok(!(await page.content()).includes(PHONE), "nothing of it is left on the page");
}

journey("a colleague's phone: for a reason, that the auditor reads, and for a while only", {}, async ({ page }) => {
  await whileClerksMayReveal(async () => {
    const item = await createCustomer(await login("clerk"), { phone: PHONE });
    await page.clock.install();
    await openAs(page, await colleague(), item.id);
    await coveredAgain(page);
    // By the keyboard: in, refused without a reason, out again, and back to where one was.
    await page.locator(mark("reveal-phone")).focus();
    await page.keyboard.press("Enter");
    assert.match(await page.locator(mark("reveal-dialog")).innerText(), /记入审计日志/);
    await page.keyboard.type("  ");
    await page.keyboard.press("Enter");
    assert.match(await page.locator(mark("reveal-fault")).innerText(), /必填/);
    await page.locator(mark("reveal-reason")).fill("响铃\u0007");
    await page.keyboard.press("Enter");
    await waitUntil("the server's word", async () => /字符/.test(await page.locator(mark("reveal-fault")).innerText()));
    await page.keyboard.press("Escape");
    await page.locator(mark("reveal-dialog")).waitFor({ state: "detached" });
    assert.equal(await page.evaluate("document.activeElement.dataset.test"), "reveal-phone");
    await page.keyboard.press("Enter");
    await page.locator(mark("reveal-reason")).fill(" 回访核对联系方式 ");
    await page.keyboard.press("Enter");
    await inClear(page);
    await waitUntil("the focus", async () => (await page.evaluate("document.activeElement.dataset.test")) === "reveal-hide-phone");
    const left = Number(/\d+/.exec(await page.locator(mark("reveal-left-phone")).innerText())?.[0]);
    assert.ok(left > 0 && left <= 30, `${left} s`);
    // What the auditor finds.
    const auditor = await anotherScreen();
    await logIn(auditor.page, "auditor");
    await auditor.page.goto(`/audit?action=reveal&record=${item.id}`);
    const event = auditor.page.locator(mark("audit-row"));
    await event.first().waitFor();
    assert.equal(await event.count(), 1, "what was refused revealed nothing");
    await event.locator("button").first().click();
    const told = await auditor.page.locator(mark("audit-more")).innerText();
    assert.match(told, /回访核对联系方式/);
    assert.match(told, /phone/);
    assert.ok(!told.includes(PHONE));
    // Another field of the record changes: it stays.
    const manager = await login("manager");
    manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { notes: "行长改的备注" } }, "*"));
    await waitUntil("the change", async () => (await fieldText(page, "notes")).includes("行长改的备注"));
    await inClear(page);
    await page.clock.fastForward(31_000);
    await coveredAgain(page);
    assert.equal(await page.evaluate("document.activeElement.dataset.test"), "reveal-phone", "the keyboard is where it was");
  });
});

journey("it goes by one's own hand, with the page, with the value, and with the right", {}, async ({ page }) => {
  await whileClerksMayReveal(async (withdraw) => {
    const clerk = await login("clerk");
    const item = await createCustomer(clerk, { phone: PHONE });
    await openAs(page, await colleague(), item.id);
    await reveal(page, "第一次");
    await inClear(page);
    await page.locator(mark("reveal-hide-phone")).click();
    await coveredAgain(page);
    await reveal(page, "第二次");
    await inClear(page);
    await page.locator(mark("crumb-list")).click();
    await page.locator(mark("row")).first().waitFor();
    await page.goBack();
    await page.locator(mark("field-phone")).waitFor();
    await coveredAgain(page);
    await waitLive(page);
    await reveal(page, "第三次");
    await inClear(page);
    clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { phone: "13800002222" } }, "*"));
    await waitUntil("the new value, masked", async () => (await fieldText(page, "phone")).includes("138****2222"));
    clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { phone: PHONE } }, "*"));
    await coveredAgain(page);
    await reveal(page, "第四次");
    await inClear(page);
    await withdraw();
    await coveredAgain(page);
    await page.locator(mark("reveal-phone")).waitFor({ state: "detached" });
  });
});

journey("past the hour's measure it is refused beside the field, in English", { locale: "en-US" }, async ({ page }) => {
  await whileClerksMayReveal(async () => {
    const item = await createCustomer(await login("clerk"), { phone: PHONE });
    const person = await colleague();
    const ask = () => person.post(`/forms/customer/records/${item.id}/reveal`, { field: "phone", reason: "x" });
    for (let i = 0; i < 30; i++) person.expect(200, await ask());
    await openAs(page, person, item.id);
    await reveal(page, "once more");
    const refused = page.locator(mark("reveal-error-phone"));
    await refused.waitFor();
    assert.match(await refused.innerText(), /Too many requests.*\s*Try again in \d+ seconds/);
    assert.equal(await page.locator(mark("reveal-dialog")).count(), 0);
    await coveredAgain(page);
    // The reason is still there for the next try; a connection that is gone is told at the same place.
    await page.route("**/reveal", (route) => route.abort());
    await page.locator(mark("reveal-phone")).click();
    assert.equal(await page.locator(mark("reveal-reason")).inputValue(), "once more");
    await page.locator(mark("reveal-send")).click();
    await waitUntil("the other error", async () => /no connection/.test(await refused.innerText()));
  });
});

const history = (page: Page) => page.locator(mark("history-event"));

journey("history: one's own edit appears with before and after, another's as it happens, older ones on the way down", { as: "clerk" }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原备注", stage: "lead" });
  await openRecord(page, item.id);
  await waitLive(page);
  await page.locator(mark("history")).click();
  await history(page).first().waitFor();
  assert.equal(await history(page).count(), 1);
  assert.match(await history(page).first().innerText(), /新建/);
  assert.equal(await page.evaluate("document.activeElement.id"), "history-title");
  await page.locator(mark("edit")).click();
  await page.locator("#f-notes").fill("改后的备注");
  await page.locator(mark("save")).click();
  const newest = history(page).first();
  await waitUntil("one's own edit", async () => (await history(page).count()) === 2);
  assert.match(await newest.locator(mark("history-notes")).innerText(), /原备注[\s\S]*改后的备注/);
  assert.ok((await newest.innerText()).includes(clerk.session?.user.name as string));
  const manager = await login("manager");
  const now = await readCustomer(manager, item.id);
  manager.expect(200, await manager.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "won" } }, now.version));
  await waitUntil("the manager's edit", async () => (await history(page).count()) === 3);
  assert.match(await newest.locator(mark("history-stage")).innerText(), /[^a-z]+成交客户/, "in words, not by its key");
  assert.ok((await newest.innerText()).includes(manager.session?.user.name as string));
  for (let i = 0; i < 25; i++) clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { notes: `第 ${i} 次` } }, "*"));
  await page.reload();
  await page.locator(mark("history")).click();
  await history(page).first().waitFor();
  await waitUntil("all of it", async () => {
    await history(page).last().scrollIntoViewIfNeeded();
    return (await history(page).count()) === 28;
  });
  assert.match(await history(page).last().innerText(), /新建/);
  await page.keyboard.press("Tab");
  await page.locator(mark("history-close")).click();
  await page.locator(mark("history-panel")).waitFor({ state: "detached" });
});

journey("history under the rights of now: without a field, then without the right", { width: 390, height: 844, touch: true }, async ({ page }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "看得见的备注", legal_person: "看不见的法人" });
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { legal_person: "仍看不见的法人" } }, "*"));
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { notes: "又改的备注" } }, "*"));
  const role = await makeRole(ownKey("history"));
  const grant: Grant = { rule: "all", actions: ["list", "read", "history"], fields: { "*": "read", legal_person: "hidden" } };
  await setGrants({ [role.key]: [grant] });
  await openAs(page, await makePerson(ownKey("history"), "branch1", [role.key]), item.id);
  await page.locator(mark("history")).tap();
  await history(page).first().waitFor();
  assert.equal(await history(page).count(), 2, "a change of which nothing is seen is none");
  assert.match(await history(page).first().locator(mark("history-notes")).innerText(), /看得见的备注[\s\S]*又改的备注/);
  assert.equal(await page.locator(mark("history-legal_person")).count(), 0);
  assert.ok(!(await page.content()).includes("看不见的法人"));
  assert.equal(await overflow(page), 0);
  await setGrants({ [role.key]: [{ ...grant, actions: ["list", "read"] }] });
  await page.locator(mark("history-no-right")).waitFor();
  assert.equal(await history(page).count(), 0);
});
