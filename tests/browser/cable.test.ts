// A pulled cable heals: the screen says that it is not live, keeps what was typed, and afterwards has everything once.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Cable } from "../lib/cable.ts";
import { cellOf, input, mark, openList, openRecord, rowOf, total, waitLive } from "../lib/browser.ts";
import type { Client } from "../lib/client.ts";
import { createCustomer, readCustomer } from "../lib/demo.ts";
import { anotherScreen, journey } from "../lib/journey.ts";
import { login, sharedServer } from "../lib/shared.ts";
import { Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const BROKEN = /WebSocket connection to/;
const linkState = (page: Page) => page.locator(mark("link-state"));

/** What is shown of the list equals what a fresh query gives, row by row. */
async function sameAsFresh(page: Page, client: Client): Promise<void> {
  const fresh = await client.list("/forms/customer/records?limit=30&count=1");
  const wanted = fresh.items.slice(0, 15).map((item) => [item.id, String(item.fields["legal_person"] ?? "")].join(" "));
  let shown: string[] = [];
  await waitUntil("the list as a fresh query has it", async () => {
    shown = (await page.locator(mark("row")).evaluateAll((rows) =>
      rows
        .map((row) => ({ at: Number((row as HTMLElement).dataset["row"]), row: row as HTMLElement }))
        .sort((a, b) => a.at - b.at)
        .slice(0, 15)
        .map(({ row }) => `${row.dataset["id"]} ${(row.querySelector('[data-test="cell-legal_person"]') as HTMLElement).innerText.trim()}`),
    )) as string[];
    return JSON.stringify(shown) === JSON.stringify(wanted);
  }).catch((error: unknown) => assert.deepEqual(shown, wanted, String(error)));
  assert.equal(await total(page), Number(fresh.total));
}

journey("offline is said at once; back again, what happened meanwhile is there, and nothing twice", { as: "clerk", expects: BROKEN }, async ({ page, context }) => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await openList(page);
  await page.locator(rowOf(item.id)).waitFor();
  await context.setOffline(true);
  await waitUntil("offline in words", async () => /离线/.test(await linkState(page).innerText()));
  assert.match(await linkState(page).innerText(), /数据截至 \d\d:\d\d:\d\d/);
  clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "quoted", legal_person: "断网时改的" } }, item.version));
  const born = await createCustomer(clerk, { legal_person: "断网时建的" });
  await context.setOffline(false);
  await page.locator(rowOf(born.id)).waitFor();
  await waitUntil("the change", async () => /方案报价/.test(await page.locator(cellOf(item.id, "stage")).innerText()));
  await waitLive(page);
  await waitUntil("no word of it any more", async () => /^实时$/.test((await linkState(page).innerText()).trim()));
  await sameAsFresh(page, clerk);
});

journey("connections cut while one types: it is said, what was typed stays, and is saved when the cable is back", { expects: BROKEN }, async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk, { notes: "原来" });
  const cable = await new Cable((await sharedServer()).url).start();
  try {
    const { page } = await anotherScreen({ as: "clerk", expects: BROKEN }, cable.url);
    await openRecord(page, item.id);
    await waitLive(page);
    await page.locator(mark("edit")).click();
    await page.locator(input("notes")).fill("写到一半");
    cable.cut();
    await waitUntil("the broken connection", async () => (await linkState(page).getAttribute("data-state")) === "broken");
    await page.locator(input("notes")).fill("写到一半，断线了接着写");
    await page.locator(mark("save")).click();
    await page.locator(mark("save-error")).waitFor();
    assert.equal(await page.locator(input("notes")).inputValue(), "写到一半，断线了接着写");
    clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "won" } }, item.version));
    cable.plug();
    await waitLive(page);
    await waitUntil("what the others did", async () => (await page.locator(input("stage")).inputValue()) === "成交客户");
    await page.locator(mark("save")).click();
    await page.locator(mark("edit")).waitFor();
    const now = await readCustomer(clerk, item.id);
    assert.deepEqual([now.fields["notes"], now.fields["stage"]], ["写到一半，断线了接着写", "won"]);
  } finally {
    await cable.end();
  }
});

journey("a plug that nobody hears of: silence is noticed, and healed", { expects: BROKEN }, async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  const cable = await new Cable((await sharedServer()).url).start();
  try {
    const { page } = await anotherScreen({ as: "clerk", expects: BROKEN }, cable.url);
    await openList(page);
    await page.locator(rowOf(item.id)).waitFor();
    cable.hang();
    clerk.expect(200, await clerk.patch(`/forms/customer/records/${item.id}`, { fields: { stage: "lost" } }, item.version));
    // First the age of the data grows, then the connection counts as lost.
    await waitUntil("the age of the data", async () => /前的数据/.test(await linkState(page).innerText()), 15_000);
    await waitUntil("the loss", async () => (await linkState(page).getAttribute("data-state")) === "broken", 20_000);
    cable.plug();
    await waitUntil("the change", async () => /流失客户/.test(await page.locator(cellOf(item.id, "stage")).innerText()), 20_000);
    await sameAsFresh(page, clerk);
  } finally {
    await cable.end();
  }
});

journey("the server killed and started again: screens come back, a draft is kept, nothing missing, nothing twice", { expects: BROKEN }, async () => {
  const server = new Server({ rows: 40 });
  await server.start();
  try {
    const clerk = await server.login("clerk");
    const item = await createCustomer(clerk, { notes: "原来", legal_person: "前" });
    const look = { expects: BROKEN };
    const [list, record] = [await anotherScreen(look, server.url), await anotherScreen(look, server.url)];
    for (const { context } of [list, record]) {
      await context.addCookies([...clerk.cookies].map(([name, value]) => ({ name, value, url: server.url })));
    }
    await openList(list.page);
    await openRecord(record.page, item.id);
    await waitLive(record.page);
    await record.page.locator(mark("edit")).click();
    await record.page.locator(input("notes")).fill("重启前写的");
    await server.kill();
    for (const { page } of [list, record]) {
      await waitUntil("the loss", async () => (await linkState(page).getAttribute("data-state")) !== "live");
    }
    assert.equal(await record.page.locator(input("notes")).inputValue(), "重启前写的");
    await server.start();
    const again = await server.login("clerk");
    again.expect(200, await again.patch(`/forms/customer/records/${item.id}`, { fields: { legal_person: "后" } }, item.version));
    const born = await createCustomer(again, { legal_person: "重启后" });
    for (const { page } of [list, record]) await waitLive(page);
    await list.page.locator(rowOf(born.id)).waitFor();
    await waitUntil("the change", async () => (await list.page.locator(cellOf(item.id, "legal_person")).innerText()).trim() === "后");
    await sameAsFresh(list.page, again);
    assert.equal(await record.page.locator(input("notes")).inputValue(), "重启前写的");
    await record.page.locator(mark("save")).click();
    await record.page.locator(mark("edit")).waitFor();
    const now = await readCustomer(again, item.id);
    assert.deepEqual([now.fields["notes"], now.fields["legal_person"]], ["重启前写的", "后"]);
    await server.stop();
  } catch (error) {
    server.sweep();
    throw error;
  }
});
