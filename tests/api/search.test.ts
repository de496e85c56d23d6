// q: words spelt in Han, in pinyin or in initials, whichever way the rows are found; what is kept for it follows every
// change, is filled where it is missing, and tells nothing of what is masked.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Client, type Item } from "../lib/client.ts";
import { createCustomer, customerFields } from "../lib/demo.ts";
import { PASSWORD, Server } from "../lib/server.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
let server = new Server({ rows: 20 });
let manager: Client;

before(async () => {
  await server.start();
  manager = await server.login("manager");
});
after(() => server.stop());

async function find(q: string, client = manager, form = "customer"): Promise<string[]> {
  return (await client.list(`/forms/${form}/records?q=${encodeURIComponent(q)}&limit=200`)).items.map((item) => item.id);
}

test("one name in Han, pinyin and initials; every word must be there", async () => {
  const { id } = await createCustomer(manager, { name: "中国银行Harbour支行7号", phone: "13912345678" });
  const good = ["中国银行", "国银", "zhongguo", "ＺｈｏｎｇＧｕｏ", "zhonggu", "guoyin", "zgyh", "ZGYH", "zgyx", "zhongguoyinhang", "yinxing", "harbour", "harb", "zgyhhzh7h", "7号", "7h", "支行 zgyh 139", "gyh 5678 harbour", "银行harbour"];
  for (const q of good) assert.ok((await find(q)).includes(id), `q=${q}`);
  for (const q of ["hongguo", "zhgguo", "zgyhx", "arbour", "国中", "zgyh 北京", "234567", "zgyh%", "z.*h", "支行 1391234567890"]) assert.ok(!(await find(q)).includes(id), `q=${q}`);
  const item = manager.expect<Item>(200, await manager.patch(`${PATH}/${id}`, { fields: { name: "南京吕氏商行", phone: "13800001111" } }, "*"));
  for (const q of ["njls", "lvshi", "lushi", "南京", "1111"]) assert.ok((await find(q)).includes(id), `q=${q} of ${item.fields["name"]}`);
  for (const q of ["zgyh", "zhongguoyinhang", "139123"]) assert.ok(!(await find(q)).includes(id), `q=${q} is gone`);
});

test("a long text is searched wherever the words stand, and only as written", async () => {
  const customer = await createCustomer(manager);
  const mark = `第${process.pid}次`;
  const { id } = manager.expect<Item>(201, await manager.post("/forms/follow_up/records", { fields: { customer: customer.id, kind: "visit", by: manager.session?.user.id, at: "2026-11-20T02:00:00Z", content: `上门拜访，${mark}，介绍了Trade finance的条件` } }));
  for (const q of [mark, `拜访 ${mark}`, `${mark} TRADE`, `rade ${mark}`]) assert.deepEqual(await find(q, manager, "follow_up"), [id], q);
  assert.deepEqual(await find(`smbf ${mark}`, manager, "follow_up"), []);
});

test("what is masked on a row is passed by: in pinyin, by its beginning and by its end", async () => {
  const clerk = await server.login("clerk");
  const { id } = await createCustomer(manager, { name: "遮蔽测试商行", phone: "13977776666", owner: manager.session?.user.id as string, department: clerk.session?.user.department.id as string });
  assert.ok((await find("zbcs", clerk)).includes(id));
  for (const q of ["13977776666", "1397777", "76666", "zbcs 76666"]) {
    assert.ok((await find(q)).includes(id), q);
    assert.ok(!(await find(q, clerk)).includes(id), `${q}: found by a masked phone`);
  }
});

test("a batch whose words are more than one statement takes is found, from its first record to its last", async () => {
  const name = (i: number) => Array.from({ length: 100 }, (_, at) => String.fromCodePoint(0x4e00 + ((i * 7919 + at * 104729) % 20000))).join("");
  const create = await Promise.all(Array.from({ length: 160 }, async (_, i) => ({ fields: await customerFields(manager, { name: name(i) }) })));
  const done = manager.expect<{ create: Item[] }>(200, await manager.post(`${PATH}:batch`, { create }));
  const words = server.sql(`SELECT COUNT(*) AS n FROM idx_search_word WHERE id IN (${done.create.map((item) => item.id).join(",")})`);
  assert.ok(Number(words[0]?.["n"]) > 25_000, `${words[0]?.["n"]} words`);
  for (const i of [0, 1, 80, 158, 159]) for (const q of [name(i).slice(0, 4), name(i).slice(50, 54), name(i).slice(-4)]) assert.ok((await find(q)).includes(done.create[i]?.id as string), `record ${i}, q=${q}`);
});

// ---- every spelling of random names, against an oracle that reads the names alone

const READINGS: Record<string, string[]> = { 中: ["zhong"], 国: ["guo"], 银: ["yin"], 行: ["xing", "hang"], 重: ["zhong", "chong"], 庆: ["qing"], 吕: ["lv", "lu"], 安: ["an"], 西: ["xi"], 长: ["zhang", "chang"], 沙: ["sha"], 恩: ["en"], a: ["a"], b: ["b"], "3": ["3"], "-": ["-"] };
let state = SEED;
const below = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % 65536 % n;
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

function spellings(characters: string[]): string[][] {
  return characters.reduce<string[][]>((all, one) => all.flatMap((line) => (READINGS[one] as string[]).map((reading) => [...line, reading])), [[]]);
}
function holds(name: string, word: string): boolean {
  const characters = [...name];
  if (/[^ -~]/.test(word)) return characters.some((_, i) => characters.slice(i).join("").startsWith(word));
  return spellings(characters).some((line) => line.some((_, i) => {
    const rest = line.slice(i);
    const initials = /^[a-z0-9]+$/.test(word) && rest.map((reading) => reading[0]).join("").startsWith(word);
    return initials || rest.join("").startsWith(word);
  }));
}
function randomName(): string {
  for (;;) {
    const characters = Array.from({ length: 2 + below(5) }, () => pick(Object.keys(READINGS)));
    if (spellings(characters).length <= 8 && !/[ab]{5}/.test(characters.join(""))) return characters.join("");
  }
}
function randomWord(name: string): string {
  const characters = [...name];
  const from = below(characters.length);
  const some = characters.slice(from, from + 1 + below(4));
  const line = pick(spellings(some));
  const word = pick([some.join(""), line.join(""), line.map((reading) => reading[0]).join(""), line.join("").slice(0, 1 + below(6)), line.join("").slice(below(3))]);
  return /^(c0*|\d*)$/.test(word) ? "zz" : word; // what the number of a customer may begin or end with
}

const names = new Map<string, string>();
async function compare(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const words = Array.from({ length: 1 + below(2) }, () => randomWord(pick([...names.values()])));
    const expected = [...names].filter(([, name]) => words.every((word) => holds(name, word))).map(([id]) => id);
    const found = (await find(words.join(pick([" ", "  ", "　"])))).filter((id) => names.has(id));
    assert.deepEqual(found.sort(), expected.sort(), `seed ${SEED}: q=${words.join(" ")} of ${[...names.values()].join(" ")}`);
  }
}

test(`random names and words are found as an oracle says, by what is kept and by looking through (seed ${SEED})`, async () => {
  for (let i = 0; i < 30; i++) {
    const { id } = await createCustomer(manager, { name: randomName(), credit_code: null, phone: null, legal_person: null, id_no: null });
    names.set(id, randomName());
    manager.expect(200, await manager.patch(`${PATH}/${id}`, { fields: { name: names.get(id) } }, "*"));
  }
  await compare(120);
  // The kept words are lost, and made anew by the next start, which looks through the rows whatever the words.
  server.sql("DELETE FROM idx_search_word; DELETE FROM idx_search_text; DELETE FROM idx_search_state");
  await server.stopKeepingData();
  server = new Server({ rows: 20, data: server.data, env: { TIDEMARK_RECORDS_SEARCH_CANDIDATES: "0", TIDEMARK_DEMO_PASSWORD: PASSWORD } });
  await server.start();
  manager = await server.login("manager");
  await waitUntil("what is kept is filled", () => server.sql("SELECT MIN(done) AS done, COUNT(*) AS n FROM idx_search_state").some((row) => row["done"] === "1" && Number(row["n"]) >= 3));
  await compare(80);
});
