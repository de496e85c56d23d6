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

export function journey(name: string, look: Look, body: (screen: Screen, url: string) => Promise<void>): void {
  test(name, async () => {
    const { url } = await sharedServer();
    const screen = await openScreen(browser, url, look);
    try {
      await body(screen, url);
      assert.deepEqual(screen.complaints, [], "the page complains");
    } catch (error) {
      const picture = await keepPicture(screen.page, name);
      throw new Error(`${String(error instanceof Error ? error.message : error)}\n  the screen: ${picture}`, { cause: error });
    } finally {
      await screen.context.close();
    }
  });
}

/** A second window beside the first, for a second person. */
export async function anotherScreen(look: Look = {}): Promise<Screen> {
  return openScreen(browser, (await sharedServer()).url, look);
}
