// People and roles, as the administrators of accounts and of rights see them.
import assert from "node:assert/strict";
import { logIn, mark, overflow, total } from "../lib/browser.ts";
import { journey } from "../lib/journey.ts";
import { freshLogin, login, query } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const logins = async (page: import("playwright-core").Page) =>
  page.locator(mark("person")).evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset["login"]));

journey("people are found by name, department and state, and the address keeps the question", {}, async ({ page }) => {
  await logIn(page, "admin");
  await page.locator(mark("nav-people")).click();
  await page.locator(mark("person")).first().waitFor();
  const all = Number((await query("SELECT COUNT(*) AS n FROM app_user"))[0]?.["n"]);
  assert.equal(await total(page), all);
  await page.locator(mark("people-search")).fill("clerk2");
  await waitUntil("one person", async () => (await total(page)) === 1);
  assert.deepEqual(await logins(page), ["clerk2"]);
  await page.reload();
  await page.locator(mark("person")).first().waitFor();
  assert.equal(await page.locator(mark("people-search")).inputValue(), "clerk2");
  await page.locator(mark("people-clear")).click();
  await waitUntil("everybody again", async () => (await total(page)) === all);
  await page.locator(`${mark("people-department")} input`).fill("滨江");
  await page.getByRole("option", { name: "杭州滨江支行" }).click();
  const outlet = await query("SELECT login FROM app_user u JOIN department d ON d.id = u.department_id WHERE d.name = '杭州滨江支行' ORDER BY u.id");
  await waitUntil("the outlet's people", async () => (await total(page)) === outlet.length);
  assert.deepEqual(await logins(page), outlet.map((row) => row["login"]));
  await page.locator(mark("people-clear")).click();
  await page.locator(mark("people-state-1")).click();
  const off = await query("SELECT login FROM app_user WHERE disabled_at IS NOT NULL ORDER BY id");
  await waitUntil("those out of service", async () => (await total(page)) === off.length);
  assert.deepEqual(await logins(page), off.map((row) => row["login"]));
  await page.locator(mark("people-search")).fill("nobody-of-that-name");
  await page.locator(mark("empty")).waitFor();
});

journey("a role leads to those who have it, and a person to what it has", {}, async ({ page }) => {
  await logIn(page, "security");
  await page.locator(mark("nav-roles")).click();
  const clerks = page.locator(`${mark("role")}[data-key=clerk]`);
  await clerks.waitFor();
  const people = Number((await query("SELECT COUNT(*) AS n FROM user_role ur JOIN role r ON r.id = ur.role_id JOIN app_user u ON u.id = ur.user_id WHERE r.`key` = 'clerk' AND u.disabled_at IS NULL"))[0]?.["n"]);
  assert.match(await clerks.innerText(), new RegExp(`${people} 人`));
  await clerks.locator("a", { hasText: "人" }).last().click();
  await page.locator(mark("person")).first().waitFor();
  await page.locator(`${mark("person")}[data-login=clerk]`).click();
  await page.locator(mark("person-roles")).waitFor();
  assert.match(await page.locator(mark("person-roles")).innerText(), /客户经理/);
  assert.match(await page.locator(mark("person-account")).innerText(), /杭州西湖支行/);
});

journey("the first page of each administrator is work", {}, async ({ page, context }) => {
  const security = await login("security");
  const { items } = security.expect<{ items: unknown[] }>(200, await security.get("/roles"));
  await logIn(page, "security");
  await page.locator(mark("count-roles")).waitFor();
  await waitUntil("the number of roles", async () => new RegExp(`^${items.length}\\b`).test(await page.locator(mark("count-roles")).innerText()));
  await page.locator(mark("count-people")).click();
  await page.locator(mark("person")).first().waitFor();
  await context.clearCookies();
  await logIn(page, "admin");
  await page.locator(mark("count-people")).waitFor();
  assert.equal(await page.locator(mark("count-roles")).count(), 0, "roles are the other's");
});

journey("people and roles on a phone, in English", { width: 390, height: 844, touch: true, locale: "en-US", dark: true }, async ({ page }) => {
  await logIn(page, "security");
  await page.locator(mark("count-people")).waitFor();
  assert.equal(await overflow(page), 0, "home");
  for (const path of ["/people", "/roles", "/rights"]) {
    await page.goto(path);
    await page.locator(`${mark("person")}, ${mark("role")}, ${mark("rights-form")}`).first().waitFor();
    assert.equal(await overflow(page), 0, path);
    assert.doesNotMatch(await page.locator("h1").innerText(), /\p{Script=Han}/u);
  }
  await page.goto("/people?q=clerk2");
  await page.locator(`${mark("person")}[data-login=clerk2]`).tap();
  await page.locator(mark("person-account")).waitFor();
  assert.equal(await overflow(page), 0, "a person");
});

journey("the security administrator gives a role, is told what does not go together, and takes it back", {}, async ({ page }) => {
  const security = await login("security");
  const person = security.expect<{ items: { id: string; roles: { id: string }[] }[] }>(200, await security.get("/people?q=clerk3")).items[0];
  assert.ok(person);
  const roles = () => security.get(`/people/${person.id}`).then((reply) => security.expect<{ roles: { title: string }[] }>(200, reply).roles.map((role) => role.title));
  await logIn(page, "security");
  await page.goto(`/people/${person.id}`);
  await page.locator(mark("roles-edit")).click();
  await page.locator(mark("pick-audit_admin")).check();
  await page.locator(mark("clash")).waitFor();
  assert.equal(await page.locator(mark("roles-save")).isDisabled(), true);
  await page.locator(mark("pick-audit_admin")).uncheck();
  await page.locator(mark("pick-risk_officer")).check();
  await page.locator(mark("roles-save")).click();
  await page.locator(mark("roles-edit")).waitFor();
  assert.deepEqual((await roles()).sort(), ["Account manager", "Risk officer"]);
  assert.equal(await page.locator(mark("account-edit")).count(), 0, "accounts are the other's");
  await page.locator(`${mark("toast")} button`, { hasText: "撤销" }).click();
  await waitUntil("the role taken back", async () => (await roles()).length === 1);
});

journey("the system administrator moves and disables a person, who is out at once, and undoes it", {}, async ({ page }) => {
  const admin = await login("admin");
  const person = admin.expect<{ items: { id: string; name: string; department: { id: string } }[] }>(200, await admin.get("/people?q=clerk3")).items[0];
  assert.ok(person);
  const now = async () => admin.expect<{ name: string; disabled: boolean; department: { title: string }; version: string }>(200, await admin.get(`/people/${person.id}`));
  await logIn(page, "admin");
  await page.goto(`/people/${person.id}`);
  try {
    await page.locator(mark("account-edit")).click();
    await page.locator(mark("account-name")).fill("吴小倩");
    await page.locator(`${mark("account-department")} input`).fill("滨江");
    await page.getByRole("option", { name: "杭州滨江支行" }).click();
    await page.locator(mark("account-save")).click();
    await page.locator(mark("account-edit")).waitFor();
    assert.deepEqual([(await now()).name, (await now()).department.title], ["吴小倩", "杭州滨江支行"]);
    const clerk = await freshLogin("clerk3");
    await page.locator(mark("account-turn")).click();
    await page.locator(mark("person-off")).waitFor();
    await waitUntil("the session ended", async () => (await clerk.get("/session")).status === 401);
    await page.locator(`${mark("toast")} button`, { hasText: "撤销" }).click();
    await page.locator(mark("person-off")).waitFor({ state: "detached" });
    assert.equal((await now()).disabled, false);
    assert.equal(await page.locator(mark("roles-edit")).count(), 0, "roles are the other's");
  } finally {
    const { version } = await now();
    admin.expect(200, await admin.patch(`/people/${person.id}`, { name: person.name, department: person.department.id, disabled: false }, version));
  }
});

journey("a new role: what does not go together is told, then it is there", {}, async ({ page }) => {
  await logIn(page, "security");
  await page.goto("/roles");
  await page.locator(mark("role-new")).click();
  await page.locator(mark("role-zh")).fill("合规经理");
  await page.locator(mark("role-en")).fill("Compliance officer");
  await page.locator(mark("role-key")).fill(`compliance_${process.pid}`);
  for (const right of ["audit.read", "users.manage"]) await page.locator(mark(`right-${right}`)).check();
  await page.locator(mark("clash")).waitFor();
  assert.equal(await page.locator(mark("role-save")).isDisabled(), true);
  for (const right of ["audit.read", "users.manage"]) await page.locator(mark(`right-${right}`)).uncheck();
  await page.locator(mark("role-save")).click();
  await page.locator(`${mark("role")}[data-key=compliance_${process.pid}]`).waitFor();
  await page.locator(mark(`role-edit-compliance_${process.pid}`)).click();
  await page.locator(mark("role-zh")).fill("合规专员");
  await page.locator(mark("role-save")).click();
  await waitUntil("the new name", async () => /合规专员/.test(await page.locator(`${mark("role")}[data-key=compliance_${process.pid}]`).innerText()));
});
