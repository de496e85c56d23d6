// Twin worlds: two servers whose data differ only in what is hidden from a user. Whatever he asks, the answers must be the
// same bytes, once what differs by chance (ids, times, versions, keyed texts) is put in one form.
//
//   TWIN_SESSIONS=10000 node --test tests/rights/twins.test.ts     the long form
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Client, type Item } from "../lib/client.ts";
import { PASSWORD, Server, sql } from "../lib/server.ts";

const SEED = Number(process.env["TWIN_SEED"] ?? Date.now() % 1_000_000_007);
const SESSIONS = Number(process.env["TWIN_SESSIONS"] ?? 200);
const PATH = "/forms/customer/records";

let state = SEED;
function pick(n: number): number {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * n);
}
const one = <T>(from: readonly T[]): T => from[pick(from.length)] as T;

const servers = [new Server({ rows: 60 }), new Server({ rows: 60 })];
after(async () => {
  for (const server of servers) await server.stop().catch(() => server.sweep());
});

interface World {
  clerk: Client;
  manager: Client;
  /** The clerk's list by number of customer: the same in both worlds, while ids are not. */
  ids: Map<string, string>;
  /** Those whose telephone number he sees masked. */
  masked: Set<string>;
}

async function logIn(server: Server, name: string): Promise<Client> {
  const client = new Client(server.url);
  client.expect(200, await client.logIn(name, PASSWORD));
  return client;
}

async function everything(client: Client): Promise<Item[]> {
  const items: Item[] = [];
  for (let after = ""; ; ) {
    const page = await client.list(`${PATH}?limit=200${after}`);
    items.push(...page.items);
    if (page.next === null) return items;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

async function world(server: Server): Promise<World> {
  await server.start();
  const [clerk, manager] = [await logIn(server, "clerk"), await logIn(server, "manager")];
  const items = await everything(clerk);
  const ids = new Map(items.map((item) => [item.fields["no"] as string, item.id]));
  return { clerk, manager, ids, masked: new Set(items.filter((item) => item.masked.includes("phone")).map((item) => item.id)) };
}

/** Ids by the order in which they appear; keyed and timed texts by what they are. */
function plain(text: string): string {
  const ids = new Map<string, string>();
  return text
    .replace(/"(version|next|request|pos)":"[^"]*"/g, '"$1":"…"')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
    .replace(/"\d{15,19}"/g, (id) => {
      if (!ids.has(id)) ids.set(id, `"id${ids.size}"`);
      return ids.get(id) as string;
    });
}

const HIDDEN = ["credit_line", "risk_grade"];
const SHOWN = ["name", "stage", "registered_capital", "credit_code", "birthday", "region", "level"];

/** One request of a session, the same in both worlds but for the id: everything is picked here. */
function request(numbers: string[]): (world: World) => Promise<string> {
  const no = one(numbers);
  const id = (world: World) => world.ids.get(no) as string;
  const reply = async (world: World, path: string) => {
    const answer = await world.clerk.get(path);
    return `${answer.status} ${answer.headers["content-type"]} ${plain(answer.text)}`;
  };
  const filter = (tree: unknown) => `filter=${encodeURIComponent(JSON.stringify(tree))}`;
  const field = one([...HIDDEN, ...SHOWN, "phone", "id_no"]);
  const level = one(["low", "medium", "high"]);
  const [hidden, shown] = [one(HIDDEN), one(["name", "phone"])];
  const [descending, digits] = [one(["", "-"]), String(pick(1000))];
  return one<(world: World) => Promise<string>>([
    (world) => reply(world, `${PATH}?limit=200&count=1`),
    (world) => reply(world, `${PATH}/${id(world)}`),
    (world) => reply(world, `${PATH}/${id(world)}/history`),
    (world) => reply(world, `${PATH}?limit=50&count=1&sort=${descending}${field}`),
    (world) => reply(world, `${PATH}?limit=50&count=1&${filter({ field, op: "empty" })}`),
    (world) => reply(world, `${PATH}?limit=50&${filter({ not: { field: hidden, op: "eq", value: level } })}`),
    (world) => reply(world, `${PATH}?limit=50&${filter({ field: "phone", op: "contains", value: digits })}`),
    (world) => reply(world, `${PATH}?limit=200&count=1&q=${digits}`),
    (world) => reply(world, `${PATH}?fields=${shown},${field}&limit=20`),
    (world) => reply(world, "/forms/customer"),
    async (world) => {
      const answer = await world.clerk.patch(`${PATH}/${id(world)}`, { fields: { [field]: null } }, "never");
      return `${answer.status} ${plain(answer.text)}`;
    },
    async (world) => {
      const answer = await world.clerk.post(`${PATH}/${id(world)}/reveal`, { field: hidden, reason: "x" });
      return `${answer.status} ${plain(answer.text)}`;
    },
  ]);
}

test(`${SESSIONS} sessions of a clerk are the same bytes in two worlds that differ in what is hidden from him (seed ${SEED})`, async (t) => {
  const worlds = [await world(servers[0] as Server), await world(servers[1] as Server)] as const;
  const numbers = [...worlds[0].ids.keys()];
  assert.deepEqual([...worlds[1].ids.keys()], numbers, "the demo bank is the same on every machine");
  assert.ok(numbers.length >= 3 && worlds[0].masked.size > 0);
  // The difference: two fields that are hidden from him, and the middle of telephone numbers that he sees masked.
  const makeDifferent = async (turn: number) => {
    for (const [i, each] of worlds.entries())
      for (const id of each.ids.values()) {
        const fields = { credit_line: `${1000 * (i + 1) + turn}.00`, risk_grade: ["low", "high"][(i + turn) % 2] as string };
        const phone = each.masked.has(id) ? { phone: `138${i + 1}${turn}005678` } : {};
        await each.manager.expect(200, await each.manager.patch(`${PATH}/${id}`, { fields: { ...fields, ...phone } }, "*"));
      }
  };
  await makeDifferent(0);
  const stored = servers.map((server) => sql(server.binary, server.data, "SELECT credit_line FROM rec_customer WHERE _live = 1 ORDER BY no"));
  assert.notDeepEqual(stored[0], stored[1], "the worlds do differ");
  const open = await Promise.all(worlds.map(async (each) => plain((await each.manager.get(`${PATH}?limit=200&sort=no`)).text)));
  assert.notEqual(open[0], open[1], "and whoever may see it sees it: the comparison can fail");
  let compared = 0;
  for (let session = 0; session < SESSIONS; session++) {
    if (session === SESSIONS / 2) await makeDifferent(1);
    for (let step = 0; step < 5; step++) {
      const from = state;
      const ask = request(numbers);
      const first = await ask(worlds[0]);
      const second = await ask(worlds[1]);
      assert.equal(second, first, `seed ${SEED}, session ${session}, step ${step}, from ${from}`);
      compared++;
    }
  }
  t.diagnostic(`${compared} answers compared`);
});
