// Lists: shape, paging through everything, sort, search, count, and the refusal of what is not understood.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, type Item, type List } from "../lib/client.ts";
import { createCustomer, phone } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";

const PATH = "/forms/customer/records";

/** All pages of a list. */
async function everything(name: string, query: string): Promise<Item[]> {
  const client = await login(name);
  const items: Item[] = [];
  let after = "";
  for (let pages = 0; pages < 500; pages++) {
    const page: List = await client.list(`${PATH}?${query}${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`);
    items.push(...page.items);
    if (page.next === null) return items;
    assert.ok(page.items.length > 0, "a page that has a next one is not empty");
    after = page.next;
  }
  throw new Error("the list never ends");
}

test("an item has an id, an opaque version, fields, and says what is masked, locked and allowed", async () => {
  const manager = await login("manager");
  const list = await manager.list(`${PATH}?limit=5`);
  assert.equal(list.items.length, 5);
  assert.equal(list.total, undefined);
  for (const item of list.items) {
    assert.match(item.id, /^\d+$/);
    assert.equal(typeof item.version, "string");
    assert.ok(item.version.length > 0);
    for (const part of [item.masked, item.locked, item.can]) assert.ok(Array.isArray(part));
    assert.match(String(item.fields["no"]), /^C\d+$/);
    assert.equal(typeof item.fields["name"], "string");
    const owner = item.fields["owner"] as { id: string; title: string };
    assert.match(owner.id, /^\d+$/);
    assert.ok(owner.title.length > 0);
    const capital = item.fields["registered_capital"];
    assert.ok(capital === null || /^-?\d+(\.\d+)?$/.test(capital as string), `a decimal is a string: ${capital}`);
    assert.ok(item.fields["tags"] === null || Array.isArray(item.fields["tags"]));
  }
});

test("without a limit there are 50; 200 at most", async () => {
  const president = await login("president");
  assert.equal((await president.list(PATH)).items.length, 50);
  assert.equal((await president.list(`${PATH}?limit=200`)).items.length, 200);
  for (const limit of ["0", "201", "-1", "x", "1e2", "5.0", "99999999999999999999", "+5", " 5"]) {
    const reply = await president.get(`${PATH}?limit=${encodeURIComponent(limit)}`);
    assert.equal(reply.status, 422, `limit=${limit}`);
    assert.ok(reply.problem().errors?.some((error) => error.field === "limit"), reply.text);
  }
});

test("paging meets every record once, in each order, and agrees with the count", async () => {
  const president = await login("president");
  const total = Number((await president.list(`${PATH}?count=1&limit=1`)).total);
  assert.ok(total >= 300);
  for (const sort of ["", "name", "-name", "registered_capital", "-registered_capital,name", "stage,-birthday", "-next_follow_up_on", "credit_code", "last_follow_up_at", "region,level,no"]) {
    const items = await everything("president", `limit=37${sort === "" ? "" : `&sort=${sort}`}`);
    const ids = new Set(items.map((item) => item.id));
    assert.equal(ids.size, items.length, `sort=${sort}: a record came twice`);
    // Other files of tests may add customers while this one pages.
    assert.ok(items.length >= total, `sort=${sort}: ${items.length} of ${total}`);
  }
});

test("the order is what was asked for: nulls last in both directions, ties by id, exact numbers", async () => {
  const cents = (item: Item) => {
    const value = item.fields["registered_capital"] as string | null;
    return value === null ? null : BigInt(value.replace(".", ""));
  };
  for (const [sort, sign] of [["registered_capital", 1], ["-registered_capital", -1]] as const) {
    const items = await everything("president", `limit=200&sort=${sort}`);
    for (let i = 1; i < items.length; i++) {
      const [a, b] = [cents(items[i - 1] as Item), cents(items[i] as Item)];
      if (a === null) assert.equal(b, null, "nulls are last");
      else if (b !== null) assert.ok(sign > 0 ? a <= b : a >= b, `${a} before ${b}`);
      if (a === b && a !== null) {
        const [x, y] = [BigInt((items[i - 1] as Item).id), BigInt((items[i] as Item).id)];
        assert.ok(sign > 0 ? x < y : x > y, "ties by id, in the direction of the first key");
      }
    }
  }
  const dates = (await everything("president", "limit=200&sort=next_follow_up_on")).map((item) => item.fields["next_follow_up_on"] as string | null);
  const known = dates.filter((date) => date !== null);
  assert.deepEqual(dates.slice(0, known.length), [...known].sort());
});

test("names sort by pinyin; 重庆 under chong, not under zhong", async () => {
  const clerk = await login("clerk");
  const mark = `排序${process.pid}`;
  const made: string[] = [];
  for (const name of ["重庆", "赵", "成都", "安", "钟"]) {
    made.push((await createCustomer(clerk, { name: `${name}${mark}` })).id);
  }
  const list = await clerk.list(`${PATH}?sort=name&q=${encodeURIComponent(mark)}&limit=200`);
  const names = list.items.filter((item) => made.includes(item.id)).map((item) => String(item.fields["name"]).replace(mark, ""));
  assert.deepEqual(names, ["安", "成都", "重庆", "赵", "钟"]);
});

test("q finds by name, by code and by phone in any case and width, and nothing where nothing is", async () => {
  const clerk = await login("clerk");
  const number = phone();
  const made = await createCustomer(clerk, { name: `Köhler ＡＢＣ贸易 ${process.pid}`, phone: number });
  const code = made.fields["credit_code"] as string;
  const finds = async (q: string) => {
    const list = await clerk.list(`${PATH}?q=${encodeURIComponent(q)}&limit=200`);
    return list.items.some((item) => item.id === made.id);
  };
  for (const q of [`abc贸易 ${process.pid}`, `ＡＢＣ`, "KÖHLER", code, code.toLowerCase(), number, `  ${number} `]) {
    assert.ok(await finds(q), `q=${q}`);
  }
  assert.deepEqual((await clerk.list(`${PATH}?q=${encodeURIComponent("no such customer 绝无此客户")}`)).items, []);
  for (const q of ["%", "_", "%%", "\\", "'", '"', "abc' OR 1=1 -- "]) {
    const list = await clerk.list(`${PATH}?q=${encodeURIComponent(q)}&limit=200`);
    assert.ok(!list.items.some((item) => item.id === made.id), `q=${q} is text, not a pattern`);
  }
});

test("the total of a search is that of its items", async () => {
  const mark = `计数${process.pid}`;
  const clerk = await login("clerk");
  for (let i = 0; i < 3; i++) await createCustomer(clerk, { name: `${mark}-${i}` });
  const list = await clerk.list(`${PATH}?q=${encodeURIComponent(mark)}&count=1&limit=2`);
  assert.equal(list.total, "3");
  assert.equal(list.items.length, 2);
  assert.notEqual(list.next, null);
  const rest = await clerk.list(`${PATH}?q=${encodeURIComponent(mark)}&limit=2&after=${encodeURIComponent(list.next as string)}`);
  assert.equal(rest.items.length, 1);
  assert.equal(rest.next, null);
});

test("next is bound to its query; a forged or foreign one is refused", async () => {
  const clerk = await login("clerk");
  const list = await clerk.list(`${PATH}?sort=name&limit=5`);
  const next = list.next as string;
  for (const [after, sort] of [[next, "-name"], [next.slice(0, -2), "name"], [next + "A", "name"], ["x", "name"], ["0".repeat(3000), "name"]] as const) {
    const reply = await clerk.get(`${PATH}?sort=${sort}&limit=5&after=${encodeURIComponent(after)}`);
    assert.equal(reply.status, 422, `after=${after.slice(0, 40)} sort=${sort}: ${reply.text.slice(0, 200)}`);
    assert.ok(reply.problem().errors?.some((error) => error.field === "after"));
  }
});

test("fields= narrows the answer; an unknown, a hidden and an invented name answer alike", async () => {
  const clerk = await login("clerk");
  const list = await clerk.list(`${PATH}?fields=name,stage&limit=3`);
  for (const item of list.items) assert.deepEqual(Object.keys(item.fields).sort(), ["name", "stage"]);
  for (const parameter of ["fields", "sort"]) {
    const answers = [];
    for (const name of ["credit_line", "no_such_field", "_owner", "id_no;", "risk_grade"]) {
      const reply = await clerk.get(`${PATH}?${parameter}=${encodeURIComponent(name)}`);
      assert.equal(reply.status, 422, `${parameter}=${name}`);
      const problem = reply.problem();
      answers.push({ ...problem, request: "", errors: problem.errors?.map((error) => error.code) });
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
  }
});

test("parameters that are unknown, doubled or badly written are refused", async () => {
  const clerk = await login("clerk");
  const cases: [string, number][] = [
    ["colour=red", 422],
    ["limit=5&limit=6", 400],
    ["q=a&q=b", 400],
    ["count=yes", 422],
    ["count=2", 422],
    ["sort=name,name", 422],
    ["sort=--name", 422],
    ["sort=,", 422],
    [`q=${"长".repeat(65)}`, 422],
    ["q=%ff%fe", 400],
    ["q=%00", 400],
    ["q=%zz", 400],
    ["%71=abc&q=def", 400],
  ];
  for (const [query, status] of cases) {
    const reply = await clerk.get(`${PATH}?${encodeURI(query).replaceAll("%25", "%")}`);
    assert.equal(reply.status, status, `${query}: ${reply.text.slice(0, 300)}`);
    reply.problem();
  }
});

test("with pos=1 a list and a record are what stood at the position that they tell", async () => {
  const clerk = await login("clerk");
  const made = await createCustomer(clerk, { name: `位置${process.pid}`, notes: "0" });
  const number = (pos: string | undefined): number => Number(/^[0-9a-f]+\.(\d+)$/.exec(pos ?? "")?.[1]);
  const written = [{ at: number(made.pos), notes: "0" }];
  const reads: { at: number; notes: unknown }[] = [];
  const state = { writing: true };
  const write = async () => {
    for (let i = 1; i <= 40; i++) {
      const item = await clerk.expect<Item>(200, await clerk.patch(`${PATH}/${made.id}`, { fields: { notes: String(i) } }, "*"));
      written.push({ at: number(item.pos), notes: String(i) });
    }
    state.writing = false;
  };
  const read = async () => {
    while (state.writing) {
      const one = await clerk.expect<Item>(200, await clerk.get(`${PATH}/${made.id}?pos=1`));
      const list = await clerk.list(`${PATH}?q=${encodeURIComponent(`位置${process.pid}`)}&pos=1&count=1`);
      reads.push({ at: number(one.pos), notes: one.fields["notes"] }, { at: number(list.pos), notes: list.items[0]?.fields["notes"] });
    }
  };
  await Promise.all([write(), read(), read()]);
  assert.ok(reads.length >= 20);
  for (const { at, notes } of reads) assert.equal(notes, written.findLast((one) => one.at <= at)?.notes, `at ${at}`);
  assert.ok(new Set(reads.map((one) => one.notes)).size > 3, "read while it was written");

  assert.equal((await clerk.list(`${PATH}?limit=1`)).pos, undefined);
  assert.equal((await clerk.expect<Item>(200, await clerk.get(`${PATH}/${made.id}`))).pos, undefined);
  for (const path of [PATH, `${PATH}/${made.id}`]) assert.deepEqual(faults(await clerk.get(`${path}?pos=2`)), [["pos", "bad_value"]]);
  assert.equal((await clerk.get(`${PATH}/999999999999?pos=1`)).status, 404);
});
