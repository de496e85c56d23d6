// The security administrator changes what roles see, and open screens follow at once.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { logIn, mark, overflow } from "../lib/browser.ts";
import type { Client } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { freshLogin, login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

interface Matrix {
  version: string;
  roles: { id: string; key: string; title: string; people: number; grants: { rule: string; condition: unknown; deny: boolean; actions: string[]; fields: Record<string, string>; masks: Record<string, string> }[] }[];
}
const matrixOf = async (client: Client) => client.expect<Matrix>(200, await client.get("/forms/customer/rights"));
const bodyOf = (matrix: Matrix) => ({ roles: matrix.roles.filter((role) => role.grants.length > 0).map((role) => ({ id: role.id, grants: role.grants })) });
const put = async (client: Client, matrix: Matrix, version = "*") =>
  client.expect<Matrix>(200, await client.request("PUT", "/forms/customer/rights", { body: bodyOf(matrix), headers: { "if-match": version } }));

/** Whatever a journey does to the rights of the demo bank is put back. */
async function puttingBack(body: () => Promise<void>): Promise<void> {
  const security = await login("security");
  const before = await matrixOf(security);
  try {
    await body();
  } finally {
    await put(security, before);
  }
}

const cell = (role: string, grant: number, key: string) => mark(`cell-${role}-${grant}-${key}`);
const valueOf = (page: Page, role: string, grant: number, key: string) => page.locator(cell(role, grant, key)).getAttribute("data-value");

async function openMatrix(page: Page): Promise<void> {
  await page.goto("/rights/customer");
  await page.locator(mark("matrix")).waitFor();
}

async function press(page: Page, role: string, grant: number, key: string, letter: string): Promise<void> {
  await page.locator(cell(role, grant, key)).focus();
  await page.keyboard.press(letter);
}

async function saveAll(page: Page): Promise<void> {
  await page.locator(mark("matrix-save")).click();
  await page.locator(mark("preview-save")).click();
  await page.locator(mark("preview")).waitFor({ state: "detached" });
  await waitUntil("nothing left to save", async () => (await page.locator(mark("matrix-save")).count()) === 0);
}

journey("a field is taken from a role: it leaves the open list and record of a clerk within a second, and comes back", {}, async ({ page }) => {
  await puttingBack(async () => {
    const clerk = await login("clerk");
    const item = await createCustomer(clerk, { legal_person: "收回测试人" });
    const list = await anotherScreen();
    const record = await anotherScreen();
    try {
      await logIn(list.page, "clerk", "/forms/customer");
      await list.page.locator(mark("head-legal_person")).waitFor();
      await logIn(record.page, "clerk");
      await record.page.goto(`/forms/customer/records/${item.id}`);
      await record.page.locator(mark("field-legal_person")).waitFor();
      await logIn(page, "security");
      await openMatrix(page);
      for (const grant of [0, 1]) await press(page, "clerk", grant, "legal_person", "h");
      await page.locator(mark("matrix-save")).click();
      await page.locator(mark("preview-lose")).waitFor();
      const people = (await matrixOf(await login("security"))).roles.find((role) => role.key === "clerk")?.people;
      assert.match(await page.locator(mark("preview-lose")).innerText(), new RegExp(`${people} 人将看不到法定代表人`));
      const saved = page.waitForResponse((reply) => reply.request().method() === "PUT");
      await page.locator(mark("preview-save")).click();
      assert.equal((await saved).status(), 200);
      const answered = Date.now();
      await list.page.locator(mark("head-legal_person")).waitFor({ state: "detached", timeout: 1000 });
      await record.page.locator(mark("field-legal_person")).waitFor({ state: "detached", timeout: 1000 });
      assert.ok(Date.now() - answered <= 1000, `${Date.now() - answered} ms`);
      assert.ok(!(await record.page.content()).includes("收回测试人"));
      await record.page.locator(mark("field-name")).waitFor();
      await page.locator(mark("preview")).waitFor({ state: "detached" });
      for (const grant of [0, 1]) await press(page, "clerk", grant, "legal_person", grant === 0 ? "r" : "w");
      await saveAll(page);
      await list.page.locator(mark("head-legal_person")).waitFor();
      await waitUntil("the value again", async () => (await record.page.locator(mark("field-legal_person")).innerText()).includes("收回测试人"));
      assert.deepEqual([...list.complaints, ...record.complaints], []);
    } finally {
      await list.context.close();
      await record.context.close();
    }
  });
});

journey("changes are seen, undone and done again; what is left without saving waits", {}, async ({ page }) => {
  await logIn(page, "security");
  await openMatrix(page);
  await page.locator(cell("president", 0, "phone")).click();
  await page.locator(mark("level-masked")).click();
  assert.equal(await valueOf(page, "president", 0, "phone"), "masked");
  assert.match((await page.locator(cell("president", 0, "phone")).getAttribute("class")) ?? "", /changed/);
  await page.locator(mark("mask")).selectOption("3+4");
  await page.keyboard.press("Escape");
  await page.locator(cell("president", 0, "export")).click();
  assert.equal(await valueOf(page, "president", 0, "export"), "true");
  await page.keyboard.press("Control+z");
  assert.equal(await valueOf(page, "president", 0, "export"), "false");
  await page.keyboard.press("Control+y");
  assert.equal(await valueOf(page, "president", 0, "export"), "true");
  // Several at once, and one step back for all of them.
  await page.locator(cell("president", 0, "industry")).focus();
  for (let i = 0; i < 2; i++) await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("h");
  assert.deepEqual([await valueOf(page, "president", 0, "industry"), await valueOf(page, "president", 0, "region"), await valueOf(page, "president", 0, "level")], ["hidden", "hidden", "hidden"]);
  await page.keyboard.press("Control+z");
  assert.deepEqual([await valueOf(page, "president", 0, "industry"), await valueOf(page, "president", 0, "level")], ["read", "read"]);
  await page.locator(mark("nav-people")).click();
  await page.locator(mark("person")).first().waitFor();
  await page.locator(mark("nav-rights")).click();
  await page.locator(`${mark("rights-form")}[data-key=customer]`).click();
  await page.locator(mark("matrix-changes")).waitFor();
  assert.deepEqual([await valueOf(page, "president", 0, "phone"), await valueOf(page, "president", 0, "export")], ["masked", "true"]);
  await page.locator(mark("matrix-drop")).click();
  assert.deepEqual([await valueOf(page, "president", 0, "phone"), await valueOf(page, "president", 0, "export")], ["read", "false"]);
});

journey("somebody else saves meanwhile: both changes are there, what stands against each other is told, nothing is lost", {}, async ({ page }) => {
  await puttingBack(async () => {
    await logIn(page, "security");
    await openMatrix(page);
    await press(page, "clerk", 0, "notes", "m");
    await press(page, "clerk", 0, "tags", "h");
    const other = await freshLogin("security");
    const matrix = await matrixOf(other);
    const grant = matrix.roles.find((role) => role.key === "clerk")?.grants[0];
    assert.ok(grant);
    grant.fields["notes"] = "hidden";
    grant.fields["birthday"] = "hidden";
    await put(other, matrix, matrix.version);
    await page.locator(mark("matrix-save")).click();
    await page.locator(mark("stale")).waitFor();
    const told = await page.locator(mark("stale")).innerText();
    for (const word of ["备注", "隐藏", "客户经理"]) assert.ok(told.includes(word), word);
    assert.match(await page.locator(mark("stale-who")).innerText(), /^您于 \d{4}-\d\d-\d\d \d\d:\d\d 在别处保存了权限$/);
    assert.deepEqual([await valueOf(page, "clerk", 0, "notes"), await valueOf(page, "clerk", 0, "tags"), await valueOf(page, "clerk", 0, "birthday")], ["masked", "hidden", "hidden"]);
    assert.equal(await page.locator(mark("stale-take")).count(), 1, "only one cell is in dispute");
    await page.locator(mark("stale-take")).click();
    assert.equal(await valueOf(page, "clerk", 0, "notes"), "hidden");
    await saveAll(page);
    const saved = (await matrixOf(other)).roles.find((role) => role.key === "clerk")?.grants[0];
    assert.deepEqual([saved?.fields["notes"], saved?.fields["tags"], saved?.fields["birthday"]], ["hidden", "hidden", "hidden"]);
  });
});

journey("row rules by clicking: a condition, then a grant that takes away; lists of others follow", {}, async ({ page }) => {
  await puttingBack(async () => {
    await logIn(page, "security");
    await openMatrix(page);
    const risk = await login("risk");
    const all = Number((await risk.list("/forms/customer/records?limit=1&count=1")).total);
    await page.locator(mark("grant")).last().click();
    await page.locator(mark("rule-condition")).check();
    await page.locator(mark("condition-field")).selectOption("stage");
    await page.locator(`${mark("condition")} [role=combobox]`).click();
    await page.getByRole("option", { name: "成交客户" }).click();
    await page.keyboard.press("Escape");
    assert.match(await page.locator(mark("grant-words")).innerText(), /风险经理 · 跟进阶段 是 成交客户/);
    await page.locator(mark("grant-save")).click();
    await saveAll(page);
    const won = await risk.list("/forms/customer/records?limit=200&count=1");
    assert.ok(Number(won.total) > 0 && Number(won.total) < all, `${won.total} of ${all}`);
    assert.deepEqual([...new Set(won.items.map((item) => item.fields["stage"]))], ["won"]);
    await page.locator(mark("add-grant-risk_officer")).click();
    await page.locator(mark("grant-kind-deny")).click();
    await page.locator(mark("rule-all")).check();
    await page.locator(mark("grant-save")).click();
    await press(page, "risk_officer", 1, "credit_line", "h");
    await saveAll(page);
    assert.ok((await risk.list("/forms/customer/records?limit=5")).items.every((item) => !("credit_line" in item.fields)));
    const grants = (await matrixOf(await login("security"))).roles.find((role) => role.key === "risk_officer")?.grants;
    assert.deepEqual([grants?.[0]?.rule, grants?.[1]?.deny, grants?.[1]?.fields["credit_line"]], ["condition", true, "hidden"]);
  });
});

journey("the auditor sees what was changed, from what to what", {}, async ({ page }) => {
  await puttingBack(async () => {
    await logIn(page, "security");
    await openMatrix(page);
    await press(page, "president", 0, "birthday", "m");
    await saveAll(page);
    const other = await anotherScreen();
    try {
      await logIn(other.page, "auditor");
      await other.page.goto("/audit?action=configure");
      const newest = other.page.locator(mark("audit-row")).first();
      await newest.waitFor();
      assert.match(await newest.innerText(), /security/);
      await newest.locator("button").first().click();
      const more = await other.page.locator(mark("audit-more")).innerText();
      assert.match(more, /出生日期: 脱敏/);
    } finally {
      await other.context.close();
    }
  });
});

journey("on a phone, one role at a time, in English and dark", { width: 390, height: 844, touch: true, locale: "en-US", dark: true }, async ({ page }) => {
  await logIn(page, "security");
  await openMatrix(page);
  assert.equal(await overflow(page), 0);
  await page.locator(mark("matrix-pick-role")).selectOption({ label: (await page.locator(`${mark("matrix-pick-role")} option`).allInnerTexts()).find((text) => text.startsWith("Bank president")) ?? "" });
  await page.locator(mark("line-phone")).tap();
  await page.locator(mark("level-hidden")).tap();
  assert.match(await page.locator(mark("line-phone")).innerText(), /Hidden/);
  await page.locator(mark("matrix-save")).tap();
  await page.locator(mark("preview-lose")).waitFor();
  assert.match(await page.locator(mark("preview-lose")).innerText(), /1 person will no longer see/);
  assert.equal(await overflow(page), 0);
  await page.locator(mark("preview-back")).tap();
  await page.locator(mark("matrix-drop")).tap();
  await page.locator(mark("matrix-changes")).waitFor({ state: "detached" });
});

journey("as a person: made-up records only, and which role gives or withholds a field", {}, async ({ page }) => {
  const security = await login("security");
  const clerk = security.expect<{ items: { id: string }[] }>(200, await security.get("/people?q=clerk2")).items[0]?.id ?? "";
  await logIn(page, "security");
  await openMatrix(page);
  await page.locator(mark("matrix-view")).click();
  await page.goto(`/rights/customer/person?person=${clerk}&field=credit_line`);
  await page.locator(mark("view-sample")).waitFor();
  assert.match(await page.locator(mark("why-result")).innerText(), /授信额度.*隐藏/);
  assert.match(await page.locator(mark("view-why")).innerText(), /角色“客户经理”，本部门的记录/);
  await page.locator(mark("why-field")).selectOption("name");
  await waitUntil("the other field", async () => /客户名称/.test(await page.locator(mark("why-result")).innerText()));
  assert.equal(await overflow(page), 0);
});
