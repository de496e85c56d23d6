// Debian's Chromium, driven by playwright-core, without any of its talk to the outside.
import fs from "node:fs";
import path from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { PASSWORD, ROOT } from "./server.ts";

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      "--force-color-profile=srgb",
    ],
  });
}

/** The element that carries this mark (web/README.md lists them). */
export const mark = (name: string): string => `[data-test="${name}"]`;

export interface Look {
  width?: number;
  height?: number;
  locale?: string;
  dark?: boolean;
  touch?: boolean;
}

export interface Screen {
  context: BrowserContext;
  page: Page;
  /** Whatever the page complained of: a script's error, a broken policy, a message in the console. */
  complaints: string[];
}

export async function openScreen(browser: Browser, url: string, look: Look = {}): Promise<Screen> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: look.width ?? 1366, height: look.height ?? 768 },
    locale: look.locale ?? "zh-CN",
    timezoneId: "Asia/Shanghai",
    colorScheme: look.dark === true ? "dark" : "light",
    hasTouch: look.touch ?? false,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Chromium itself reports each refused request; the tests refuse some on purpose.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  return { context, page, complaints };
}

export async function logIn(page: Page, login: string, password = PASSWORD): Promise<void> {
  await page.goto("/");
  await page.locator(mark("login-name")).fill(login);
  await page.locator(mark("login-password")).fill(password);
  await page.locator(mark("login-submit")).click();
  await page.locator(mark("person-menu")).waitFor();
}

/** A picture of a failure, for whoever has to understand it. */
export async function keepPicture(page: Page, name: string): Promise<string> {
  const folder = path.join(ROOT, "build/test/pictures");
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name.replace(/[^\w-]+/g, "-").slice(0, 80)}.png`);
  await page.screenshot({ path: file }).catch(() => undefined);
  return file;
}

/** The input of a field on a record's page, and the message beside it. */
export const input = (key: string): string => `#f-${key}`;
export const fault = (key: string): string => mark(`error-${key}`);

/** The number in "共 300 条" or "300 records". */
export async function total(page: Page): Promise<number> {
  const text = (await page.locator(mark("total")).innerText()).replace(/[,，\s]/g, "");
  return Number(/\d+/.exec(text)?.[0] ?? NaN);
}

/** Nothing may be wider than the screen. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
