// The rows of queries: pages, searches and totals over many customers (BENCH_QUERY_ROWS, 200,000 unless said), one request
// after the other, so that a time is that of one request alone, its audit commit included.
import type { Client } from "../lib/client.ts";
import type { Server } from "../lib/server.ts";
import { median, row } from "./table.ts";

const ROWS = Number(process.env["BENCH_QUERY_ROWS"] ?? 200_000);
const TIMES = 200;
const PATH = "/forms/customer/records";
const PIECE = 20_000;

/** Copies of what the demo bank has, each with the event that names it and what is kept of it for the search. */
function grow(server: Server): number {
  const have = Number(server.sql("SELECT COUNT(*) AS n FROM rec_customer")[0]?.["n"]);
  const max = BigInt(server.sql("SELECT MAX(_id) AS id FROM rec_customer")[0]?.["id"] as string);
  let made = have;
  for (let piece = 0; made < ROWS; piece++) {
    const n = Math.min(PIECE, have, ROWS - made);
    const base = max + BigInt(1 + piece * PIECE * 2);
    server.sql(
      `CREATE TEMPORARY TABLE was AS SELECT _id, ROW_NUMBER() OVER (ORDER BY _id) AS n FROM rec_customer ORDER BY _id LIMIT ${n};
CREATE TEMPORARY TABLE copy AS SELECT c.* FROM rec_customer c JOIN was ON was._id = c._id;
UPDATE copy JOIN was ON was._id = copy._id SET copy._id = ${base} + was.n, copy.no = NULL, copy.credit_code = NULL,
  copy.registered_capital = copy.registered_capital + RAND(${piece}) * 100000;
START TRANSACTION;
INSERT INTO tidemark_log.event (id, at, login, action, form, record, rev) SELECT ${base} + n, UTC_TIMESTAMP(6), 'bench', 'create', 'customer', ${base} + n, 1 FROM was;
INSERT INTO rec_customer SELECT * FROM copy;
COMMIT;
INSERT INTO idx_search_word SELECT w.word, ${base} + was.n FROM idx_search_word w JOIN was ON was._id = w.id;
INSERT INTO idx_search_text SELECT ${base} + was.n, t.field, t.reading FROM idx_search_text t JOIN was ON was._id = t.record;
DROP TEMPORARY TABLE was; DROP TEMPORARY TABLE copy`,
      "app",
    );
    made += n;
  }
  server.sql("ANALYZE TABLE rec_customer, idx_search_word, idx_search_text");
  return made;
}

async function times(client: Client, path: (i: number) => string): Promise<{ p50: number; p99: number; items: number }> {
  const ms: number[] = [];
  let items = 0;
  for (let i = -10; i < TIMES; i++) {
    const began = process.hrtime.bigint();
    const reply = client.expect<{ items: unknown[] }>(200, await client.get(path(Math.abs(i))));
    if (i >= 0) ms.push(Number(process.hrtime.bigint() - began) / 1e6);
    items = reply.items.length;
  }
  ms.sort((a, b) => a - b);
  return { p50: median(ms), p99: ms[Math.ceil(TIMES * 0.99) - 1] as number, items };
}

async function line(what: string, client: Client, path: (i: number) => string, target: number | undefined): Promise<void> {
  const { p50, p99, items } = await times(client, path);
  row(what, `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`, `${items} rows`, target === undefined ? "" : `p99 <= ${target} ms`, target === undefined ? undefined : p99 <= target);
}

const filter = (tree: unknown) => `filter=${encodeURIComponent(JSON.stringify(tree))}`;
const won = filter({ field: "stage", op: "eq", value: "won" });

/** The cursor of a page so deep that an offset would be felt. */
async function deep(client: Client, sort: string): Promise<string> {
  let next = "";
  for (let i = 0; i < 100; i++) next = client.expect<{ next: string }>(200, await client.get(`${PATH}?sort=${sort}&limit=200&fields=no${next ? `&after=${next}` : ""}`)).next;
  return next;
}

export async function rows(server: Server): Promise<void> {
  const began = Date.now();
  const n = grow(server);
  const sizes = server.sql("SELECT TABLE_NAME AS name, ROUND((DATA_LENGTH + INDEX_LENGTH) / 1048576) AS mb FROM information_schema.TABLES WHERE TABLE_NAME IN ('rec_customer', 'idx_search_word', 'idx_search_text') ORDER BY TABLE_NAME");
  row(`customers for queries`, String(n), sizes.map((size) => `${size["mb"]} MB`).join(" + ") + ` (words, texts, rows), ${Math.round((Date.now() - began) / 1000)} s`, "");
  const [president, clerk, manager] = [await server.login("president"), await server.login("clerk"), await server.login("manager")];
  for (const [who, client] of [["all rows", president], ["a branch", manager], ["an outlet, masks", clerk]] as const) {
    for (const sort of ["name", "-registered_capital"]) await line(`page by ${sort}, ${who}`, client, () => `${PATH}?sort=${sort}`, 20);
    await line(`page of won by name, ${who}`, client, () => `${PATH}?${won}&sort=name`, 20);
  }
  for (const sort of ["name", "-registered_capital"]) {
    const at = await deep(president, sort);
    await line(`page by ${sort} after 20,000 rows`, president, () => `${PATH}?sort=${sort}&after=${at}`, 20);
    await line(`page by ${sort} before them`, president, () => `${PATH}?sort=${sort}&before=${at}`, 20);
  }
  const names = server.sql("SELECT reading FROM idx_search_text ORDER BY record LIMIT 2000").map((one) => (one["reading"] as string).split("\n")[0] as string);
  const initials = names.map((name) => name.replace(/[a-z]/g, "").toLowerCase()).filter((name) => name.length >= 6);
  const some = (i: number) => initials[(i * 37) % initials.length] as string;
  for (const [who, client] of [["all rows", president], ["an outlet, masks", clerk]] as const) {
    await line(`q by four initials, ${who}`, client, (i) => `${PATH}?q=${some(i).slice(0, 4)}`, 100);
    await line(`q by four initials, by name, ${who}`, client, (i) => `${PATH}?sort=name&q=${some(i).slice(0, 4)}`, 100);
    await line(`q of two words, ${who}`, client, (i) => `${PATH}?q=${some(i).slice(0, 2)}%20${some(i).slice(2, 5)}`, 100);
    await line(`q by the end of a phone, ${who}`, client, (i) => `${PATH}?q=${1000 + ((i * 7919) % 9000)}`, 100);
  }
}
