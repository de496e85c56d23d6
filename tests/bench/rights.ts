// The rows of rights: what those cost who see less than all, and how soon what has been taken away is gone (bench_rights.c).
import fs from "node:fs";
import path from "node:path";
import { Server } from "../lib/server.ts";
import type { Grant, Matrix } from "../lib/rights.ts";
import { measure, median, middle, row, type Numbers } from "./table.ts";

const ROUNDS = 5;
const SECONDS = 4;
const CLIENTS = 16;
const OF_ROLE = 500;
const SCOPES = 10_000;
/** Numbers of people: those who see all, those who see less of the same rows, those who see their own alone. */
const [OPEN, SOME, OWN] = [0, OF_ROLE, 2 * OF_ROLE] as const;

/** As a clerk's: two grants that are put together row by row, masks and hidden fields; but on all rows, so that they are the same. */
const SEES_SOME = `{"*":"read","credit_line":"hidden","id_no":"masked","phone":"masked","risk_grade":"hidden"}`;
const WRITES_OWN = `{"*":"write","credit_line":"hidden","risk_grade":"hidden"}`;
const SQL_ROLES = `
START TRANSACTION;
INSERT INTO role (id, \`key\`, name_zh, name_en, rights) VALUES
  (950, 'bench_open', '全部可见', 'Sees all', ''), (951, 'bench_some', '部分可见', 'Sees less', ''), (952, 'bench_own', '仅本人', 'Sees own', '');
INSERT INTO access_grant (id, role_id, form, row_rule, actions, fields) VALUES
  (950, 950, 'customer', 'all', 'list read history', '{"*":"read"}'),
  (951, 951, 'customer', 'subtree', 'list read create history', '${SEES_SOME}'),
  (952, 951, 'customer', 'owner', 'list read update history', '${WRITES_OWN}'),
  (953, 952, 'customer', 'owner', 'list read history', '{"*":"read"}');
INSERT INTO tidemark_log.event (id, at, login, action, form, record)
  SELECT 950 + seq, UTC_TIMESTAMP(6), 'bench', 'configure', '_role', 950 + seq FROM seq_0_to_2;
INSERT INTO tidemark_log.event (id, at, login, action, form, record)
  SELECT 960 + seq, UTC_TIMESTAMP(6), 'bench', 'configure', '_grant', 950 + seq FROM seq_0_to_3;
UPDATE catalog_epoch SET epoch = epoch + 1;
COMMIT;`;

/** n people with a role, the president's department and password, and a session whose token is the hash of "viewer" and their number. */
function addPeople(server: Server, first: number, n: number, role: number): void {
  const seq = `seq_${first}_to_${first + n - 1}`;
  const event = (base: number, action: string, form: string) =>
    `INSERT INTO tidemark_log.event (id, at, actor_id, login, action, form, record) SELECT ${base} + seq, UTC_TIMESTAMP(6), 100000 + seq, 'bench', '${action}', '${form}', 100000 + seq FROM ${seq};`;
  server.sql(
    `START TRANSACTION;
INSERT INTO app_user (id, login, login_key, name, department_id, password, created_at)
  SELECT 100000 + seq, CONCAT('viewer', seq), CONCAT('viewer', seq), CONCAT('viewer', seq), department_id, password, UTC_TIMESTAMP(6)
  FROM app_user, ${seq} WHERE login = 'president';
INSERT INTO user_role (id, user_id, role_id) SELECT 100000 + seq, 100000 + seq, ${role} FROM ${seq};
INSERT INTO session (id, token_hash, user_id, started_at, last_seen_at, ends_at, address, agent)
  SELECT 100000 + seq, UNHEX(SHA2(UNHEX(SHA2(CONCAT('viewer', seq), 256)), 256)), 100000 + seq, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),
    UTC_TIMESTAMP(6) + INTERVAL 8 HOUR, '127.0.0.1', 'bench' FROM ${seq};
${event(200_000, "configure", "_user")}
${event(300_000, "configure", "_user_role")}
${event(400_000, "login", "_session")}
UPDATE catalog_epoch SET epoch = epoch + 1;
COMMIT;`,
    "app",
  );
}

function live(server: Server, kind: string, a: number, b: number, first: number, files: string[] = []): Numbers {
  return measure("bench_rights", [kind, new URL(server.url).port, server.process?.pid as number, server.data, a, b, first, ...files], 400);
}

/** The same 50 and 20 newest customers, in turn, for one who sees all of them and for one who sees less. */
export function restricted(server: Server): void {
  const list: [Numbers[], Numbers[]] = [[], []];
  const push: [Numbers[], Numbers[]] = [[], []];
  const pids = [server.process?.pid as number, server.databasePid() as number];
  const http = (who: number, seconds: number) => measure("bench_http", [new URL(server.url).port, `viewer${who}`, "list", CLIENTS, seconds, ...pids]);
  for (const who of [OPEN, SOME]) http(who, 1);
  for (let round = 0; round < ROUNDS; round++) {
    [OPEN, SOME].forEach((who, i) => (list[i as 0 | 1].push(http(who, SECONDS)), push[i as 0 | 1].push(live(server, "push", 1, SECONDS, who))));
  }
  const ratio = (runs: [Numbers[], Numbers[]], name: string) => median(runs[1].map((run, i) => (run[name] as number) / (runs[0][i]?.[name] as number)));
  const us = (runs: Numbers[], name: string) => middle(runs, name).toFixed(0);
  const told = push.flat().every((run) => run["told"] === 1 && run["lost"] === 0);
  const [listed, pushed] = [ratio(list, "cpu_us"), ratio(push, "us_change")];
  row("a restricted viewer's list, processor", `${us(list[1], "cpu_us")} us`, `who sees all ${us(list[0], "cpu_us")} us, ratio ${listed.toFixed(2)}`, "<= 1.2", listed <= 1.2);
  row("  push of one change, processor", `${us(push[1], "us_change")} us`, `who sees all ${us(push[0], "us_change")} us, ratio ${pushed.toFixed(2)}`, "<= 1.2", pushed <= 1.2 && told);
}

/** The two matrices between which the role goes to and fro, as bodies of the API's PUT. */
async function matrices(server: Server): Promise<string[]> {
  const security = await server.login("security");
  const matrix = await security.expect<Matrix>(200, await security.get("/forms/customer/rights"));
  return ["hidden", "read"].map((level) => {
    const sees: Grant[] = [{ rule: "all", actions: ["list", "read", "history"], fields: { "*": "read", notes: level as "hidden" | "read" } }];
    const body = { roles: matrix.roles.map((role) => ({ id: role.id, grants: role.key === "bench_open" ? sees : role.grants })) };
    const file = path.join(server.data, `matrix-${level}.json`);
    fs.writeFileSync(file, JSON.stringify(body));
    return file;
  });
}

export async function revoke(server: Server): Promise<void> {
  const run = live(server, "revoke", OF_ROLE, 12, OPEN, await matrices(server));
  const [p50, p99] = [run["p50_ms"] as number, run["p99_ms"] as number];
  const beside = `max ${run["max_ms"]?.toFixed(1)}; the API's answer ${run["answer_ms"]?.toFixed(1)} ms`;
  const fenced = run["leaked"] === 0 && run["lost"] === 0;
  row(`a field taken from ${OF_ROLE} sockets: last byte, p50 / p99`, `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`, beside, "p99 <= 50 ms", p99 <= 50 && fenced);
}

/** Each of 10,000 people owns one customer and sees no other. */
const SQL_SCOPES = `
START TRANSACTION;
UPDATE rec_customer r
  JOIN (SELECT _id, ${100_000 + OWN - 1} + ROW_NUMBER() OVER (ORDER BY _id) AS owner FROM rec_customer WHERE _deleted_at IS NULL) own USING (_id)
  SET r._owner = own.owner, r._rev = r._rev + 1 WHERE own.owner < ${100_000 + OWN + SCOPES};
INSERT INTO tidemark_log.event (id, at, login, action, form, record, rev, changes)
  SELECT 500000 + _owner, UTC_TIMESTAMP(6), 'bench', 'update', 'customer', _id, _rev, '[{"field":"owner","before":null,"after":null}]'
  FROM rec_customer WHERE _owner >= ${100_000 + OWN};
COMMIT;`;

export function scopes(server: Server): void {
  addPeople(server, OWN, SCOPES, 952);
  server.sql(SQL_SCOPES, "app");
  const run = live(server, "scopes", 100, SCOPES, OWN);
  const ratio = (run["many_us"] as number) / (run["few_us"] as number);
  const alone = run["told_few"] === 1 && run["told_many"] === 1 && run["lost"] === 0 && (run["channels"] as number) >= SCOPES;
  const us = (name: string) => run[name]?.toFixed(0);
  const beside = `100: ${us("few_us")} (${us("few_least_us")} to ${us("few_most_us")}) us, ratio ${ratio.toFixed(2)}`;
  row("10,000 people, a scope of one each, a change", `${us("many_us")} (${us("many_least_us")} to ${us("many_most_us")}) us`, beside, "<= 1.2", ratio <= 1.2 && alone);
}

export function addRoles(server: Server): void {
  server.sql(SQL_ROLES, "app");
  addPeople(server, OPEN, OF_ROLE, 950);
  addPeople(server, SOME, OF_ROLE, 951);
}
