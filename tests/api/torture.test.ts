// The torture of every route: its n-th wait fails, for each n until the route passes untouched. Each time: the right
// problem document, nothing half-written, no transaction left open; afterwards the route works. (STYLE, Tasks.)
// The sanitizers watch the server meanwhile, and its clean end is judged by the suite.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client, Item, Reply } from "../lib/client.ts";
import { createCustomer, customerFields, readCustomer } from "../lib/demo.ts";
import { PASSWORD } from "../lib/server.ts";
import { document, goodReader, routesOf } from "../lib/routes.ts";
import { bodyWith, makePerson, makeRole, matrixOf, ownKey, setGrants } from "../lib/rights.ts";
import { freshLogin, login, query, stranger } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const PATH = "/forms/customer/records";

interface Case {
  what: string;
  /** Of a route that writes: its name in the document. */
  route?: string;
  /** Sends the request; a new one each time, told which wait shall fail. */
  send: (headers: Record<string, string>) => Promise<Reply>;
  /** After a failed request: is everything as before? */
  untouched?: (reply: Reply) => Promise<void>;
  good: number;
  /** Statuses that a failure may have; 503 as a rule. */
  bad?: number[];
}

/** A transaction that still holds something on these tables stops this from getting its lock. */
async function noOpenTransaction(): Promise<void> {
  const tables = ["rec_customer", "session", "app_user", "auto_number", "login_guard", "catalog_epoch"];
  const locks = tables.map((table) => `${table} WRITE`).join(", ");
  await waitUntil("the end of every transaction", async () => {
    try {
      await query(`SET SESSION lock_wait_timeout = 1; LOCK TABLES ${locks}; UNLOCK TABLES`);
      return true;
    } catch (error) {
      if (/Lock wait timeout/.test(String(error))) return false;
      throw error;
    }
  }, 8000);
}

async function torture(one: Case): Promise<number> {
  let fired = 0;
  for (let n = 1; n <= 60; n++) {
    const reply = await one.send({ "x-tidemark-fail-wait": String(n) });
    const told = reply.headers["x-tidemark-fail-wait"];
    if (told === "not-reached") {
      assert.equal(reply.status, one.good, `${one.what}, wait ${n} was not reached: ${reply.text}`);
      break;
    }
    assert.equal(told, "fired", `${one.what}, wait ${n}: the server does not say whether it fired`);
    fired++;
    // A failure that the route may mend by itself (a wait of its log of reads, a second try) is a good answer too.
    if (reply.status !== one.good) {
      assert.ok((one.bad ?? [503]).includes(reply.status), `${one.what}, wait ${n}: ${reply.status} ${reply.text}`);
      const problem = reply.problem();
      assert.equal(problem.status, reply.status);
      if (reply.status === 503) assert.match(reply.headers["retry-after"] ?? "", /^\d+$/, "503 says when to come again");
      await one.untouched?.(reply);
    }
    await noOpenTransaction();
    assert.ok(n < 60, `${one.what}: still failing at wait 60`);
  }
  if (one.route !== undefined) tortured.add(one.route);
  const after = await one.send({});
  assert.equal(after.status, one.good, `${one.what}, untouched: ${after.text}`);
  assert.ok(fired > 0, `${one.what}: no wait was ever failed`);
  return fired;
}

async function count(where: string): Promise<number> {
  return Number((await query(`SELECT COUNT(*) AS n FROM tidemark.rec_customer WHERE ${where}`, "app"))[0]?.["n"]);
}
async function eventsOf(record: string): Promise<number> {
  return Number((await query(`SELECT COUNT(*) AS n FROM tidemark_log.event WHERE record = ${record} AND action = 'update'`, "app"))[0]?.["n"]);
}

/** Routes whose waits have been failed here, as the document names them. */
const tortured = new Set<string>();

test("every route that reads", async () => {
  for (const route of routesOf(await document()).filter((one) => one.method === "get")) {
    const { client, path } = await goodReader(route);
    tortured.add(route.name);
    // Some of these are answered from memory, without one wait: then there is nothing to fail.
    const reply = await client.get(path, { headers: { "x-tidemark-fail-wait": "1" } });
    if (reply.headers["x-tidemark-fail-wait"] === "not-reached") continue;
    await torture({ what: path, good: 200, send: (headers) => client.get(path, { headers }) });
  }
});

test("reading a record and a list, with their events", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  await torture({ what: "read", good: 200, send: (headers) => clerk.get(`${PATH}/${item.id}`, { headers }) });
  await torture({ what: "list", good: 200, send: (headers) => clerk.get(`${PATH}?limit=5&count=1&sort=-name`, { headers }) });
  await torture({ what: "search", good: 200, send: (headers) => clerk.get(`${PATH}?q=13`, { headers }) });
});

test("reading the log", async () => {
  const auditor = await login("auditor");
  await torture({ what: "audit", good: 200, send: (headers) => auditor.get("/audit?limit=5", { headers }) });
});

test("creating: either the whole customer with its event, or nothing of it", async () => {
  const clerk = await login("clerk");
  let code = "";
  const fired = await torture({
    what: "create",
    route: "POST /api/v1/forms/{form}/records",
    good: 201,
    send: async (headers) => {
      const fields = await customerFields(clerk);
      code = fields["credit_code"] as string;
      return clerk.post(PATH, { fields }, { headers });
    },
    untouched: async () => assert.equal(await count(`credit_code = '${code}'`), 0, "a refused create left its row"),
  });
  assert.ok(fired >= 2, `only ${fired} waits in a create`);
  const orphans = await query(
    "SELECT COUNT(*) AS n FROM tidemark_log.event e LEFT JOIN tidemark.rec_customer r ON r._id = e.record WHERE e.form = 'customer' AND e.action = 'create' AND r._id IS NULL",
    "app",
  );
  assert.equal(orphans[0]?.["n"], "0", "an event of a customer that is not there");
});

test("changing: either the change with its event, or neither", async () => {
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  let turn = 0;
  let before: Item = await readCustomer(clerk, item.id);
  let known = 0;
  const fired = await torture({
    what: "update",
    route: "PATCH /api/v1/forms/{form}/records/{id}",
    good: 200,
    send: async (headers) => {
      before = await readCustomer(clerk, item.id);
      known = await eventsOf(item.id);
      return clerk.patch(`${PATH}/${item.id}`, { fields: { notes: `turn ${++turn}` } }, before.version, { headers });
    },
    untouched: async () => {
      assert.deepEqual(await readCustomer(clerk, item.id), before);
      assert.equal(await eventsOf(item.id), known, "a refused change left its event");
    },
  });
  assert.ok(fired >= 2, `only ${fired} waits in an update`);
});

test("into the recycle bin and out of it, alone and in a batch: either the whole of it with its events, or nothing", async () => {
  const clerk = await login("clerk");
  const state = async (id: string) => (await query(`SELECT IFNULL(_live, 0) AS live, _rev, (SELECT COUNT(*) FROM tidemark_log.event e WHERE e.record = r._id AND e.rev IS NOT NULL) AS events FROM tidemark.rec_customer r WHERE _id = ${id}`, "app"))[0];
  let [id, known]: [string, Awaited<ReturnType<typeof state>>] = ["", undefined];
  const untouched = async () => assert.deepEqual(await state(id), known, "a refused request left something");
  const withContact = async () => {
    id = (await createCustomer(clerk)).id;
    clerk.expect(201, await clerk.post("/forms/contact/records", { fields: { customer: id, name: "苦" } }));
  };
  await torture({
    what: "delete",
    route: "DELETE /api/v1/forms/{form}/records/{id}",
    good: 200,
    send: async (headers) => {
      await withContact();
      known = await state(id);
      return clerk.delete(`${PATH}/${id}`, { headers });
    },
    untouched,
  });
  await torture({
    what: "restore",
    route: "POST /api/v1/forms/{form}/records/{id}/restore",
    good: 200,
    send: async (headers) => {
      await withContact();
      clerk.expect(200, await clerk.delete(`${PATH}/${id}`));
      known = await state(id);
      return clerk.request("POST", `${PATH}/${id}/restore`, { headers: { ...headers, "idempotency-key": `t${id}` } });
    },
    untouched,
  });
  let code = "";
  await torture({
    what: "batch",
    route: "POST /api/v1/forms/{form}/records:batch",
    good: 200,
    send: async (headers) => {
      await withContact();
      known = await state(id);
      const other = await createCustomer(clerk);
      clerk.expect(200, await clerk.patch(`${PATH}/${other.id}`, { fields: { stage: "quoted" } }, "*"));
      const fields = await customerFields(clerk);
      code = fields["credit_code"] as string;
      const body = { create: [{ fields }], update: [{ id: other.id, version: other.version, fields: { notes: "x" } }], delete: [id] };
      return clerk.post(`${PATH}:batch`, body, { headers: { ...headers, "idempotency-key": `b${id}` } });
    },
    untouched: async () => {
      await untouched();
      assert.equal(await count(`credit_code = '${code}'`), 0, "a refused batch left a row");
    },
  });
});

test("logging in and out", async () => {
  const client: Client = await stranger();
  await torture({
    what: "log-in",
    route: "POST /api/v1/session",
    good: 200,
    send: async (headers) => {
      client.cookies.clear();
      return client.post("/session", { login: "security", password: PASSWORD }, { headers });
    },
    untouched: async (reply) => assert.equal(reply.headers["set-cookie"], undefined, "a cookie for a failed log-in"),
  });
  let one: Client;
  await torture({
    what: "log-out",
    route: "DELETE /api/v1/session",
    good: 204,
    send: async (headers) => {
      one = await freshLogin("security");
      return one.delete("/session", { headers });
    },
  });
});

test("choosing a password: either it is the new one, with its event, or the old one", async () => {
  const person = await makePerson(ownKey("torture"), undefined, []);
  let [now, next] = [PASSWORD, `${PASSWORD}-1`];
  let turn = 1;
  await torture({
    what: "a password",
    route: "PUT /api/v1/session/password",
    good: 200,
    send: async (headers) => {
      const reply = await person.put("/session/password", { password: now, new: next }, undefined, { headers });
      if (reply.status === 200) {
        person.csrf = reply.json<{ csrf: string }>().csrf;
        [now, next] = [next, `${PASSWORD}-${++turn}`];
      }
      return reply;
    },
    untouched: async () => assert.equal((await person.get("/session")).status, 200, "the session has ended with a refused change"),
  });
});

test("changing people, roles and rights: either the change with its event, or neither", async () => {
  const security = await login("security");
  const admin = await login("admin");
  const configured = async () => Number((await query("SELECT COUNT(*) AS n FROM tidemark_log.event WHERE action = 'configure'", "app"))[0]?.["n"]);
  let known = 0;
  const untouched = async () => assert.equal(await configured(), known, "a refused change left its event");
  const counted = async (send: () => Promise<Reply>) => {
    known = await configured();
    return send();
  };
  await torture({
    what: "a new role",
    route: "POST /api/v1/roles",
    good: 201,
    send: (headers) => counted(() => security.post("/roles", { key: ownKey("torture"), name: { zh: "苦", en: "Torture" } }, { headers })),
    untouched,
  });
  const role = await makeRole(ownKey("torture"));
  let turn = 0;
  await torture({
    what: "a role",
    route: "PATCH /api/v1/roles/{id}",
    good: 200,
    send: (headers) => counted(() => security.patch(`/roles/${role.id}`, { name: { zh: `第${++turn}`, en: `Turn ${turn}` } }, "*", { headers })),
    untouched,
  });
  const person = (await login("clerk3")).session?.user.id;
  await torture({
    what: "a person",
    route: "PATCH /api/v1/people/{id}",
    good: 200,
    send: (headers) => counted(() => admin.patch(`/people/${person}`, { name: `吴倩${++turn}` }, "*", { headers })),
    untouched,
  });
  await admin.expect(200, await admin.patch(`/people/${person}`, { name: "吴倩" }, "*"));
  await torture({
    what: "a new person",
    route: "POST /api/v1/people",
    good: 201,
    send: (headers) => counted(() => admin.post("/people", { login: ownKey("torture"), name: "苦" }, { headers })),
    untouched,
  });
  const made = admin.expect<{ person: { id: string } }>(201, await admin.post("/people", { login: ownKey("torture"), name: "苦" }));
  await torture({
    what: "a new first password",
    route: "POST /api/v1/people/{id}/password",
    good: 200,
    send: (headers) => counted(() => admin.post(`/people/${made.person.id}/password`, {}, { headers })),
    untouched,
  });
  await torture({
    what: "a new department",
    route: "POST /api/v1/departments",
    good: 201,
    send: (headers) => counted(() => admin.post("/departments", { key: ownKey("torture"), title: ownKey("苦") }, { headers })),
    untouched,
  });
  const place = admin.expect<{ id: string }>(201, await admin.post("/departments", { key: ownKey("torture"), title: ownKey("苦") }));
  await torture({
    what: "a department",
    route: "PATCH /api/v1/departments/{id}",
    good: 200,
    send: (headers) => counted(() => admin.patch(`/departments/${place.id}`, { title: `苦 ${++turn} ${place.id}` }, "*", { headers })),
    untouched,
  });
  const matrix = await matrixOf();
  const grants = () => bodyWith(matrix, { [role.key]: [{ rule: "all", actions: ["list"], fields: { "*": ++turn % 2 ? "read" : "masked" } }] });
  await torture({
    what: "the matrix of a form",
    route: "PUT /api/v1/forms/{form}/rights",
    good: 200,
    send: (headers) => counted(() => security.put("/forms/customer/rights", grants(), "*", { headers })),
    untouched,
  });
  await security.expect(200, await security.put("/forms/customer/rights", bodyWith(matrix, {}), "*"));
  const reply = await security.post("/forms/customer/rights:preview", grants(), { headers: { "x-tidemark-fail-wait": "1" } });
  assert.equal(reply.headers["x-tidemark-fail-wait"], "not-reached", "a preview is counted in memory");
  tortured.add("POST /api/v1/forms/{form}/rights:preview");
});

test("a reveal: no value without its event", async () => {
  const role = await makeRole(ownKey("reveal"));
  await setGrants({ [role.key]: [{ rule: "all", actions: ["read", "reveal"], fields: { "*": "masked" } }] });
  const person = await makePerson(ownKey("reveal"), "head", [role.key]);
  const item = await createCustomer(await login("clerk"), { phone: "13912345678" });
  await torture({
    what: "reveal",
    route: "POST /api/v1/forms/{form}/records/{id}/reveal",
    good: 200,
    send: (headers) => person.post(`${PATH}/${item.id}/reveal`, { field: "phone", reason: "torture" }, { headers }),
    untouched: async (reply) => assert.ok(!reply.text.includes("13912345678"), "a value in a refusal"),
  });
});

test("no route has been left out", async () => {
  assert.deepEqual(routesOf(await document()).map((route) => route.name).filter((name) => !tortured.has(name)), []);
});
