// What the live tests share: people at their screens, a hand at `tidemark sql`, and the one question: is what is shown
// what a fresh query gives?
import assert from "node:assert/strict";
import { after } from "node:test";
import type { Client, Item, Json } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { difference, epochOf, fresh, Live, sequenceOf, type LiveOptions, type Mirror } from "../lib/live.ts";
import { freshLogin, sharedServer } from "../lib/shared.ts";
import { SqlShell } from "../lib/sql.ts";

export const PATH = "/forms/customer/records";

const open: Live[] = [];
let hand: SqlShell | undefined;
after(async () => {
  for (const live of open) await live.close();
  await hand?.end();
});

/** A person of the demo bank with a socket and a session of his own. */
export async function sit(name: string, options: LiveOptions & { client?: Client } = {}): Promise<Live> {
  const live = await Live.open(options.client ?? (await freshLogin(name)), options);
  open.push(live);
  return live;
}

export async function shell(): Promise<SqlShell> {
  if (hand === undefined) {
    const { binary, data } = await sharedServer();
    hand = new SqlShell(binary, data);
  }
  return hand;
}

/** Typed into `tidemark sql`; the number of the transaction. */
export async function type(statements: string): Promise<number> {
  return (await shell()).write(statements);
}

export const at = (live: Live, sequence: number): string => `${epochOf(live.hello?.pos as string)}.${sequence}`;

/** A write through the API: the record as it then is, with the position of the commit. */
export async function change(client: Client, id: string, fields: Record<string, Json>): Promise<Item & { pos: string }> {
  return client.expect(200, await client.patch(`${PATH}/${id}`, { fields }, "*"));
}

let serial = 0;
/** A word that nobody else has used. */
export const word = (): string => `牧${process.pid}x${Date.now() % 100000}x${++serial}`;

/**
 * `n` customers that one filter finds: their legal person is a word of their own, their capital 0.00, 1.00, … The first is
 * made by the API, the others are copied from it by hand, in one transaction.
 */
export async function herd(client: Client, n: number, more: Record<string, Json> = {}): Promise<{ word: string; ids: string[]; filter: Json }> {
  const name = word();
  const first = await createCustomer(client, { legal_person: name, registered_capital: "0.00", ...more });
  const copy = `herd_${process.pid}_${++serial}`;
  await type(
    `SET max_recursive_iterations = 1000000;\nCREATE TEMPORARY TABLE ${copy} AS WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < ${n}) ` +
      `SELECT c.* FROM rec_customer c JOIN s WHERE c._id = ${first.id} AND ${n} > 1 LIMIT ${n - 1};\nSET @i := 0;\n` +
      `UPDATE ${copy} SET _id = _id + (@i := @i + 1), no = NULL, credit_code = NULL, registered_capital = @i;\n` +
      `INSERT INTO rec_customer SELECT * FROM ${copy};\nDROP TEMPORARY TABLE ${copy}`,
  );
  const ids = Array.from({ length: n }, (_, i) => String(BigInt(first.id) + BigInt(i)));
  return { word: name, ids, filter: { field: "legal_person", op: "eq", value: name } };
}

/** Everything up to the transaction has been told; then each screen must be what a fresh query gives, without a complaint. */
export async function same(live: Live, sequence: number | string, mirrors: Mirror[] = [...live.mirrors.values()]): Promise<void> {
  await live.settle(typeof sequence === "string" ? sequence : at(live, sequence));
  for (const mirror of mirrors.filter((each) => !each.over)) {
    const wrong = difference(mirror, await fresh(live.client, mirror.request));
    if (wrong !== undefined) assert.fail(`${JSON.stringify(mirror.request)}: ${wrong.slice(0, 2000)}`);
  }
  assert.deepEqual(live.complaints, []);
}

export const titles = (mirror: Mirror): string[] => mirror.items.map((item) => String(item.fields["registered_capital"]));
export const last = (mirror: Mirror) => mirror.frames.at(-1);
export { sequenceOf };
