// One browser for the journeys of a file, a fresh window for each of them; a failure leaves its picture behind, and a
// script's error on the page fails the journey whatever it was about.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { keepPicture, openScreen, startBrowser, type Look, type Screen } from "./browser.ts";
import { sharedServer } from "./shared.ts";

let browser: Browser;
before(async () => {
  browser = await startBrowser();
});
after(async () => {
  await browser.close();
});

/** The windows of the journey that is under way, closed when it ends. */
let screens: Screen[] = [];

export function journey(name: string, look: Look, body: (screen: Screen, url: string) => Promise<void>): void {
  test(name, async () => {
    const { url } = await sharedServer();
    screens = [];
    try {
      await body(await anotherScreen(look), url);
      for (const screen of screens) assert.deepEqual(screen.complaints, [], "the page complains");
    } catch (error) {
      const pictures: string[] = [];
      for (const [i, { page }] of screens.entries()) pictures.push(await keepPicture(page, i === 0 ? name : `${i + 1} ${name}`));
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${why}\n  the screens: ${pictures.join(" ")}`, { cause: error });
    } finally {
      await Promise.all(screens.map((screen) => screen.context.close()));
    }
  });
}

/** A window beside the first, for another person; at another address where one is given. */
export async function anotherScreen(look: Look = {}, url?: string): Promise<Screen> {
  const screen = await openScreen(browser, url ?? (await sharedServer()).url, look);
  screens.push(screen);
  return screen;
}
