// Logging in and out, as a person does it.
import assert from "node:assert/strict";
import { logIn, mark, typeLogIn } from "../lib/browser.ts";
import { journey } from "../lib/journey.ts";
import { PASSWORD } from "../lib/server.ts";

journey("a wrong password is told, the name stays, and the right one goes in", {}, async ({ page }) => {
  await page.goto("/");
  await page.locator(mark("login-name")).fill("clerk");
  await page.locator(mark("login-password")).fill("wrong");
  await page.locator(mark("login-submit")).click();
  await page.locator(mark("login-error")).waitFor();
  assert.match(await page.locator(mark("login-error")).innerText(), /密码/);
  assert.equal(await page.locator(mark("login-name")).inputValue(), "clerk");
  assert.equal(await page.locator(mark("login-password")).inputValue(), "");
  await page.locator(mark("login-password")).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator(mark("home-day")).waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
});

journey("what is missing is told beside its field, without asking the server", {}, async ({ page }) => {
  await page.goto("/login");
  await page.locator(mark("login-submit")).click();
  await page.locator("#login-name-fault").waitFor();
  assert.equal(await page.locator(mark("login-name")).getAttribute("aria-invalid"), "true");
  await page.locator(mark("login-name")).fill("clerk");
  await page.locator(mark("login-submit")).click();
  await page.locator("#login-password-fault").waitFor();
});

journey("a log-in leads back to the place that was asked for", {}, async ({ page }) => {
  await page.goto("/forms/customer?sort=-name");
  await page.locator(mark("login-name")).fill("clerk");
  await page.locator(mark("login-password")).fill(PASSWORD);
  await page.locator(mark("login-submit")).click();
  await page.locator(mark("row")).first().waitFor();
  assert.match(page.url(), /\/forms\/customer\?sort=-name$/);
});

journey("a reload keeps the session; a log-out ends it on the server too", {}, async ({ page, context }) => {
  await typeLogIn(page, "clerk");
  await page.reload();
  await page.locator(mark("person-menu")).waitFor();
  const cookies = await context.cookies();
  assert.equal(cookies.length, 1);
  assert.equal(cookies[0]?.httpOnly, true);
  await page.locator(mark("person-menu")).click();
  await page.locator(mark("logout")).click();
  await page.locator(mark("login-name")).waitFor();
  const status = await page.evaluate("fetch('/api/v1/session').then((reply) => reply.status)");
  assert.equal(status, 401);
  await page.goto("/forms/customer");
  await page.locator(mark("login-name")).waitFor();
});

journey("each person lands where their work is, and is told plainly what they may not see", {}, async ({ page, context }) => {
  await logIn(page, "auditor");
  await page.locator(mark("watch-total-login")).waitFor();
  await context.clearCookies();
  await logIn(page, "admin");
  await page.locator(mark("home-work")).waitFor();
  await page.goto("/audit");
  await page.locator(mark("no-right")).waitFor();
  await page.goto("/forms/customer");
  await page.locator(mark("person-menu")).waitFor();
  assert.equal(await page.locator(mark("row")).count(), 0);
  await page.goto("/no/such/page");
  await page.locator(mark("not-found")).waitFor();
});
