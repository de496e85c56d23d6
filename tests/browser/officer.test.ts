// Three administrators stay three people: each is led to their own work, and to nothing of the others'.
import assert from "node:assert/strict";
import { logIn, mark } from "../lib/browser.ts";
import { journey } from "../lib/journey.ts";
import { query } from "../lib/shared.ts";

const PLACES: Record<string, string[]> = {
  admin: ["people", "departments"],
  security: ["people", "departments", "rights", "roles"],
  auditor: ["audit"],
  clerk: ["customer", "contact", "follow_up", "opportunity", "contract", "payment"],
};
const PATHS: Record<string, string> = { people: "/people", departments: "/departments", rights: "/rights/customer", roles: "/roles", audit: "/audit" };

for (const [who, places] of Object.entries(PLACES)) {
  journey(`${who} is led to ${places.join(", ")} and to nothing else`, {}, async ({ page }) => {
    await logIn(page, who);
    await page.locator(mark(`nav-${places[0]}`)).waitFor();
    const shown = await page.locator("nav [data-test^=nav-]").evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset["test"]));
    assert.deepEqual(shown.sort(), ["home", ...places].map((place) => `nav-${place}`).sort());
    for (const [place, path] of Object.entries(PATHS)) {
      await page.goto(path);
      if (places.includes(place)) await page.locator("h1").first().waitFor();
      else await page.locator(mark("no-right")).waitFor();
    }
  });
}

journey("the security administrator has no customers: not in the way there, not by an address", {}, async ({ page }) => {
  const one = (await query("SELECT _id AS id, name FROM rec_customer LIMIT 1"))[0];
  await logIn(page, "security");
  for (const path of ["/forms/customer", `/forms/customer/records/${one?.["id"]}`]) {
    await page.goto(path);
    await page.locator(mark("error-view")).waitFor();
    assert.equal(await page.locator(mark("row")).count(), 0);
    assert.ok(!(await page.content()).includes(one?.["name"] ?? "?"));
  }
});

journey("the matrix holds what is saved, and stays in place as one goes through it with the keys", {}, async ({ page }) => {
  await logIn(page, "security");
  await page.locator(mark("nav-rights")).click();
  await page.locator(`${mark("rights-form")}[data-key=customer]`).click();
  await page.locator(mark("matrix")).waitFor();
  const value = (cell: string) => page.locator(mark(`cell-${cell}`)).getAttribute("data-value");
  assert.deepEqual(
    [await value("clerk-0-phone"), await value("clerk-1-phone"), await value("clerk-0-credit_line"), await value("risk_officer-0-kind"), await value("clerk-0-update"), await value("clerk-1-update")],
    ["masked", "write", "hidden", "hidden", "false", "true"],
  );
  assert.equal(await value("branch_manager-0-no"), "read", "a number that is drawn by the system is not written");
  await page.locator("[data-cell='0:0']").focus();
  await page.keyboard.press("Control+End");
  const last = page.locator("td:focus");
  await last.waitFor();
  const name = page.locator("tr", { has: last }).locator("th");
  const [head, left] = [await page.locator(`${mark("matrix-role")}[data-key=risk_officer]`).boundingBox(), await name.boundingBox()];
  const box = await page.locator(mark("matrix")).evaluate((table) => (table.parentElement as HTMLElement).getBoundingClientRect().toJSON() as { x: number; y: number });
  assert.ok(head && Math.abs(head.y - box.y) < 2, "the roles stay above");
  assert.ok(left && Math.abs(left.x - box.x) < 2, "the names stay beside");
});
