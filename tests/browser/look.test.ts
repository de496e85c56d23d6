// Language, theme, sizes of screens: nothing is cut off, nothing stays in the other language, contrast holds.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { logIn, mark, overflow } from "../lib/browser.ts";
import { createCustomer } from "../lib/demo.ts";
import { journey } from "../lib/journey.ts";
import { login } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const SIZES = [
  { width: 1440, height: 900 },
  { width: 1366, height: 768 },
  { width: 390, height: 844, touch: true },
] as const;

for (const size of SIZES) {
  for (const dark of [false, true]) {
    const name = `${size.width}x${size.height} ${dark ? "dark" : "light"}`;
    journey(`${name}: log-in, list, record and new record fit the screen`, { ...size, dark, locale: "zh-CN" }, async ({ page }) => {
      const item = await createCustomer(await login("clerk"), { name: "一个名字非常非常长的客户，用来检查界面会不会被撑破有限责任公司" });
      await page.goto("/login");
      await page.locator(mark("login-submit")).waitFor();
      assert.equal(await overflow(page), 0, "log-in");
      await logIn(page, "clerk", "/forms/customer");
      await page.locator(mark("row")).first().waitFor();
      assert.equal(await overflow(page), 0, "list");
      await page.goto(`/forms/customer/records/${item.id}`);
      await page.locator(mark("edit")).click();
      await page.locator(mark("save")).waitFor();
      assert.equal(await overflow(page), 0, "record");
      await page.goto("/forms/customer/records/new");
      await page.locator(mark("save")).waitFor();
      assert.equal(await overflow(page), 0, "new record");
      for (const problem of await contrast(page)) assert.fail(problem);
    });
  }
}

journey("the log on a phone", { width: 390, height: 844, touch: true }, async ({ page }) => {
  await logIn(page, "auditor", "/audit");
  await page.locator(mark("audit-row")).first().waitFor();
  assert.equal(await overflow(page), 0);
  await page.locator(`${mark("audit-row")} button`).first().tap();
  await page.locator(mark("audit-more")).waitFor();
  assert.equal(await overflow(page), 0);
});

journey("the language is changed on the spot, for good, and nothing stays behind", {}, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("row")).first().waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  const chinese = await page.locator(mark("head-stage")).innerText();
  await page.locator(mark("person-menu")).click();
  await page.locator(mark("language-en-US")).click();
  await waitUntil("English heads", async () => (await page.locator(mark("head-stage")).innerText()) !== chinese);
  assert.match(await page.locator("html").getAttribute("lang") ?? "", /^en/);
  await page.reload();
  await page.locator(mark("row")).first().waitFor();
  assert.doesNotMatch(await page.locator(mark("head-stage")).innerText(), /\p{Script=Han}/u);
  assert.doesNotMatch(await page.locator(mark("total")).innerText(), /\p{Script=Han}/u);
  // Names of people and customers are data; the frame around them is not.
  const labels = await page.locator("button[aria-label], a[aria-label], input[aria-label]").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label") ?? ""));
  const left = labels.filter((label) => /\p{Script=Han}/u.test(label) && !/客户经理|支行|观澜/.test(label));
  assert.deepEqual(left.filter((label) => !/[A-Za-z]/.test(label)), []);
});

journey("the theme is changed on the spot and kept", {}, async ({ page }) => {
  await logIn(page, "clerk");
  const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor") as Promise<string>;
  const light = await background();
  await page.locator(mark("person-menu")).click();
  await page.locator(mark("theme-dark")).click();
  await waitUntil("a dark page", async () => (await background()) !== light);
  const dark = await background();
  await page.reload();
  await page.locator(mark("person-menu")).waitFor();
  assert.equal(await background(), dark);
});

journey("on a phone the list is opened by a press and left by the way back", { width: 390, height: 844, touch: true }, async ({ page }) => {
  await logIn(page, "clerk", "/forms/customer");
  await page.locator(mark("row")).first().tap();
  await page.locator(mark("field-name")).waitFor();
  await page.goBack();
  await page.locator(mark("row")).first().waitFor();
});

/** Text that is too faint for WCAG AA: 4.5, or 3 where it is large. */
async function contrast(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
    const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
    const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ground = (element) => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (style.backgroundImage !== "none") return null;
        layers.push(parse(style.backgroundColor));
      }
      return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join("");
      const box = element.getBoundingClientRect();
      if (text === "" || box.width < 2 || box.height < 2 || element.closest("[disabled], [aria-hidden=true]")) continue;
      const style = getComputedStyle(element);
      if (style.visibility !== "visible" || Number(style.opacity) < 1) continue;
      const under = ground(element);
      if (under === null) continue;
      const [a, b] = [light(over(parse(style.color), under)), light(under)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      const size = parseFloat(style.fontSize);
      const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      if (ratio < wanted) found.push("contrast " + ratio.toFixed(2) + " of " + style.color + " for " + JSON.stringify(text.slice(0, 30)));
    }
    return found.slice(0, 5);
  })()`);
}
