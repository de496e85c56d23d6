// Debian's Chromium, driven by playwright-core, without any of its talk to the outside.
import fs from "node:fs";
import path from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import type { Client } from "./client.ts";
import { PASSWORD, ROOT } from "./server.ts";
import { login } from "./shared.ts";

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
  /** Logged in already, in a session that was opened over HTTP. */
  as?: string;
  /** What the console may say besides: the connection is broken on purpose. */
  expects?: RegExp;
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
    // Chromium itself reports each refused request; the tests refuse some on purpose. A state that differs from the
    // server's heals by itself and is a defect all the same.
    const text = message.text();
    const grave = message.type() === "error" ? !/Failed to load resource/.test(text) : text.startsWith("live:");
    if (grave && look.expects?.test(text) !== true) complaints.push(text);
  });
  if (look.as !== undefined) await useSession(context, await login(look.as), url);
  return { context, page, complaints };
}

/** The browser goes on in the session of this client. */
export async function useSession(context: BrowserContext, client: Client, url: string): Promise<void> {
  await context.addCookies([...client.cookies].map(([name, value]) => ({ name, value, url })));
}

/** In a session that was opened over HTTP, one for each person: quick. `typeLogIn` is the journey itself. */
export async function logIn(page: Page, name: string, address = "/"): Promise<void> {
  const client = await login(name);
  await useSession(page.context(), client, client.origin);
  await page.goto(address);
  await page.locator(mark("person-menu")).waitFor();
}

export async function typeLogIn(page: Page, login: string, password = PASSWORD): Promise<void> {
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

export async function openRecord(page: Page, id: string): Promise<void> {
  await page.goto(`/forms/customer/records/${id}`);
  await page.locator(mark("field-name")).waitFor();
}

/** The list, with changes coming by themselves. */
export async function openList(page: Page, address = "/forms/customer"): Promise<void> {
  await page.goto(address);
  await page.locator(mark("row")).first().waitFor();
  await waitLive(page);
  // The total may follow the rows.
  await page.locator(mark("total")).filter({ hasText: /\d/ }).waitFor();
}

export async function waitLive(page: Page): Promise<void> {
  await page.locator(`${mark("link-state")}[data-state=live]`).waitFor();
}

/** A row of the list by its record, wherever it stands. */
export const rowOf = (id: string): string => `${mark("row")}[data-id="${id}"]`;
export const cellOf = (id: string, field: string): string => `${rowOf(id)} ${mark(`cell-${field}`)}`;

/** The number in "共 300 条" or "300 records". */
export async function total(page: Page): Promise<number> {
  const text = (await page.locator(mark("total")).innerText()).replace(/[,，\s]/g, "");
  return Number(/\d+/.exec(text)?.[0] ?? NaN);
}

/** Nothing may be wider than the screen. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
