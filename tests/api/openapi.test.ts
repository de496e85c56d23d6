// /api/v1/openapi.json is made from the route table: each path in it answers, each operation names its answers, and what
// is not in it is not there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyWith, makePerson, makeRole, matrixOf, ownKey, setGrants } from "../lib/rights.ts";
import { createCustomer, customerFields } from "../lib/demo.ts";
import type { Client, Reply } from "../lib/client.ts";
import { METHODS, document, goodReader, routesOf, type Document } from "../lib/routes.ts";
import { faultsOf } from "../lib/schema.ts";
import { PASSWORD } from "../lib/server.ts";
import { freshLogin, login, stranger } from "../lib/shared.ts";

const base = (doc: Document) => (doc.servers?.[0]?.url ?? "").replace(/\/$/, "");
const full = (doc: Document, path: string) => (path.startsWith("/api/v1") ? path : `${base(doc)}${path}`);

test("it is an OpenAPI 3.1 document with unique operations and declared parameters", async () => {
  const doc = await document();
  assert.match(doc.openapi, /^3\.1\.\d+$/);
  assert.ok(doc.info.title.length > 0 && doc.info.version.length > 0);
  const ids = new Set<string>();
  for (const [path, item] of Object.entries(doc.paths)) {
    assert.match(path, /^\//);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    for (const [method, operation] of Object.entries(item)) {
      if (!METHODS.includes(method)) continue;
      const where = `${method} ${path}`;
      assert.ok(Object.keys(operation.responses).length > 0, where);
      if (operation.operationId !== undefined) {
        assert.ok(!ids.has(operation.operationId), `operationId ${operation.operationId} twice`);
        ids.add(operation.operationId);
      }
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      assert.deepEqual(declared.map((parameter) => parameter.name).sort(), [...inPath].sort(), where);
      for (const parameter of declared) assert.equal(parameter.required, true, where);
      const bodiless = where === "post /api/v1/forms/{form}/records/{id}/restore";
      assert.equal("requestBody" in operation, ["post", "put", "patch"].includes(method) && !bodiless, `${where}: body`);
    }
  }
});

test("the routes of this issue are in it", async () => {
  const doc = await document();
  const all = new Set(
    Object.entries(doc.paths).flatMap(([path, item]) =>
      Object.keys(item).filter((key) => METHODS.includes(key)).map((method) => `${method} ${full(doc, path)}`),
    ),
  );
  const wanted = [
    "post /session", "get /session", "delete /session", "get /forms", "get /forms/{form}", "get /forms/{form}/records",
    "post /forms/{form}/records", "get /forms/{form}/records/{id}", "patch /forms/{form}/records/{id}", "get /audit",
    "get /members", "get /departments",
  ];
  const loose = (text: string) => text.replace(/\{\w+\}/g, "{}");
  const have = new Set([...all].map(loose));
  for (const route of wanted) {
    const [method, path] = route.split(" ");
    assert.ok(have.has(loose(`${method} /api/v1${path}`)), `${route} is missing; there are ${[...all].join(", ")}`);
  }
});

test("each operation in it is routed, and each other method on its path is 405", async () => {
  const doc = await document();
  const clerk = await login("clerk");
  const item = await createCustomer(clerk);
  for (const [path, operations] of Object.entries(doc.paths)) {
    const real = full(doc, path).replace("{form}", "customer").replace(/\{(id|record)\}/, item.id).replace(/\{\w+\}/g, "1");
    for (const method of METHODS) {
      if (method === "delete" && path.includes("session")) continue; // it would log this client out
      const reply = await clerk.request(method.toUpperCase(), `/${real}`, ["post", "put", "patch"].includes(method) ? { raw: "{" } : {});
      if (method in operations) {
        assert.notEqual(reply.status, 405, `${method} ${real}`);
        assert.ok(reply.status < 500, `${method} ${real}: ${reply.status} ${reply.text}`);
      } else {
        assert.equal(reply.status, 405, `${method} ${real}: ${reply.status}`);
      }
    }
  }
});

test("every $ref leads somewhere", async () => {
  const doc = await document();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (key === "$ref") {
          const target = String(inner).replace(/^#\//, "").split("/").reduce<any>((at, part) => at?.[part], doc);
          assert.notEqual(target, undefined, String(inner));
        } else walk(inner);
      }
    }
  };
  walk(doc);
});

function schemaOf(doc: Document, name: string, status: string, type: string): unknown {
  return routesOf(doc).find((route) => route.name === name)?.operation.responses[status]?.content?.[type]?.schema;
}

function checkAnswer(doc: Document, name: string, reply: Reply): void {
  const type = (reply.headers["content-type"] ?? "").split(";")[0] as string;
  const known = schemaOf(doc, name, String(reply.status), type) ?? schemaOf(doc, name, "default", type);
  if (type === "") {
    assert.equal(reply.bytes.length, 0, `${name}: a body without a type`);
    assert.deepEqual(routesOf(doc).find((route) => route.name === name)?.operation.responses[String(reply.status)]?.content, undefined, name);
    return;
  }
  assert.notEqual(known, undefined, `${name}: the document tells nothing of ${reply.status} ${type}`);
  assert.deepEqual(faultsOf(known, reply.json(), doc), [], `${name}: ${reply.text.slice(0, 500)}`);
}

/** Answered as text, or the document itself. */
const WITHOUT_SCHEMA = ["GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/openapi.json"];

test("every answer of a route that reads has the shape that the document gives it, and no member more", async () => {
  const doc = await document();
  for (const route of routesOf(doc).filter((one) => one.method === "get")) {
    if (WITHOUT_SCHEMA.includes(route.name)) continue;
    const { client, path } = await goodReader(route);
    checkAnswer(doc, route.name, await client.get(path));
    checkAnswer(doc, route.name, await client.get(`${path}${path.includes("?") ? "&" : "?"}surplus=1`));
    checkAnswer(doc, route.name, await (await stranger()).get(path));
  }
  const clerk = await login("clerk");
  checkAnswer(doc, "GET /api/v1/forms/{form}/records", await clerk.get("/forms/customer/records?count=1&limit=200&fields=name,phone"));
  checkAnswer(doc, "GET /api/v1/audit", await (await login("auditor")).get("/audit?limit=200"));
});

/** A good request to each route that writes, and its answer; and one that is refused. */
const WRITES: Record<string, (client: Client) => Promise<{ body?: unknown; good: Reply; refused: Reply }>> = {
  "POST /api/v1/session": async (client) => {
    const body = { login: "clerk2", password: PASSWORD };
    return { body, good: await client.post("/session", body), refused: await client.post("/session", { login: "clerk2", passwords: "x" }) };
  },
  "DELETE /api/v1/session": async () => {
    const client = await freshLogin("clerk2");
    const refused = await client.delete("/session", { headers: { "x-csrf-token": "x" } });
    return { good: await client.delete("/session"), refused };
  },
  "PUT /api/v1/session/password": async () => {
    const person = await makePerson(ownKey("own"), undefined, []);
    const body = { password: PASSWORD, new: `${PASSWORD}-2` };
    const refused = await person.put("/session/password", { password: PASSWORD, new: "short" }, undefined);
    return { body, good: await person.put("/session/password", body, undefined), refused };
  },
  "POST /api/v1/people": async () => {
    const admin = await login("admin");
    const body = { login: ownKey("new"), name: "新人", department: null };
    const good = await admin.post("/people", body);
    return { body, good, refused: await admin.post("/people", body) };
  },
  "POST /api/v1/people/{id}/password": async () => {
    const admin = await login("admin");
    const made = admin.expect<{ person: { id: string } }>(201, await admin.post("/people", { login: ownKey("new"), name: "新人" }));
    const good = await admin.post(`/people/${made.person.id}/password`, {});
    return { body: {}, good, refused: await admin.post(`/people/${admin.session?.user.id}/password`, {}) };
  },
  "POST /api/v1/departments": async () => {
    const admin = await login("admin");
    const key = ownKey("dep");
    const body = { key, title: `部门 ${key}`, parent: null, place: 0 };
    const good = await admin.post("/departments", body);
    return { body, good, refused: await admin.post("/departments", body) };
  },
  "PATCH /api/v1/departments/{id}": async () => {
    const admin = await login("admin");
    const key = ownKey("dep");
    const made = admin.expect<{ id: string; version: string }>(201, await admin.post("/departments", { key, title: `部门 ${key}` }));
    const body = { title: `科室 ${key}`, parent: null, place: 0, retired: true };
    const good = await admin.patch(`/departments/${made.id}`, body, made.version);
    return { body, good, refused: await admin.patch(`/departments/${made.id}`, body, made.version) };
  },
  "POST /api/v1/forms/{form}/records": async () => {
    const clerk = await login("clerk");
    const body = { fields: await customerFields(clerk) };
    const good = await clerk.post("/forms/customer/records", body);
    return { body, good, refused: await clerk.post("/forms/customer/records", { fields: { name: 5, stage: "none", nothing: 1 } }) };
  },
  "PATCH /api/v1/forms/{form}/records/{id}": async () => {
    const clerk = await login("clerk");
    const item = await createCustomer(clerk);
    const path = `/forms/customer/records/${item.id}`;
    const body = { fields: { notes: "one" } };
    const good = await clerk.patch(path, body, item.version);
    return { body, good, refused: await clerk.patch(path, { fields: { notes: "two" } }, item.version) };
  },
  "DELETE /api/v1/forms/{form}/records/{id}": async () => {
    const clerk = await login("clerk");
    const path = `/forms/customer/records/${(await createCustomer(clerk)).id}`;
    return { refused: await clerk.delete(path, { headers: { "if-match": "never" } }), good: await clerk.delete(path) };
  },
  "POST /api/v1/forms/{form}/records/{id}/restore": async () => {
    const clerk = await login("clerk");
    const path = `/forms/customer/records/${(await createCustomer(clerk)).id}`;
    clerk.expect(200, await clerk.delete(path));
    checkAnswer(await document(), "GET /api/v1/forms/{form}/records", await clerk.get("/forms/customer/records?deleted=1&count=1"));
    return { refused: await (await login("president")).request("POST", `${path}/restore`), good: await clerk.request("POST", `${path}/restore`) };
  },
  "POST /api/v1/forms/{form}/records:batch": async () => {
    const clerk = await login("clerk");
    const [a, b, c] = [await createCustomer(clerk), await createCustomer(clerk), await createCustomer(clerk)];
    clerk.expect(200, await clerk.delete(`/forms/customer/records/${c.id}`));
    const body = { create: [{ fields: await customerFields(clerk) }], update: [{ id: a.id, version: a.version, fields: { notes: "one" } }], delete: [b.id], restore: [c.id] };
    const good = await clerk.post("/forms/customer/records:batch", body);
    checkAnswer(await document(), "POST /api/v1/forms/{form}/records:batch", await clerk.post("/forms/customer/records:batch", { delete: [b.id] }));
    return { body, good, refused: await clerk.post("/forms/customer/records:batch", { update: [{ id: a.id, version: a.version, fields: { notes: "two" } }] }) };
  },
  "POST /api/v1/forms/{form}/records/{id}/reveal": async () => {
    const role = await makeRole(ownKey("reveal"));
    await setGrants({ [role.key]: [{ rule: "all", actions: ["read", "reveal"], fields: { "*": "masked" } }] });
    const person = await makePerson(ownKey("reveal"), "head", [role.key]);
    const path = `/forms/customer/records/${(await createCustomer(await login("clerk"))).id}/reveal`;
    const body = { field: "phone", reason: "why" };
    const good = await person.post(path, body);
    return { body, good, refused: await person.post(path, { field: "phone", reason: " " }) };
  },
  "POST /api/v1/roles": async () => {
    const security = await login("security");
    const body = { key: ownKey("role"), name: { zh: "角色", en: "Role" }, rights: ["forms.design"] };
    const good = await security.post("/roles", body);
    return { body, good, refused: await security.post("/roles", body) };
  },
  "PATCH /api/v1/roles/{id}": async () => {
    const security = await login("security");
    const role = await makeRole(ownKey("role"));
    const body = { name: { zh: "角色", en: "Role" }, rights: [] };
    const good = await security.patch(`/roles/${role.id}`, body, role.version);
    return { body, good, refused: await security.patch(`/roles/${role.id}`, { rights: ["fly"] }, "*") };
  },
  "PATCH /api/v1/people/{id}": async () => {
    const admin = await login("admin");
    const path = `/people/${(await login("clerk3")).session?.user.id}`;
    const body = { name: "吴倩", department: (await login("clerk3")).session?.user.department.id, disabled: false };
    const good = await admin.patch(path, body, "*");
    return { body, good, refused: await admin.patch(path, { name: "" }, "*") };
  },
  "PUT /api/v1/forms/{form}/rights": async () => {
    const security = await login("security");
    const role = await makeRole(ownKey("role"));
    const matrix = await matrixOf();
    const body = bodyWith(matrix, { [role.key]: [{ rule: "all", condition: null, deny: false, actions: ["list"], fields: { "*": "read" }, masks: {} }] });
    const good = await security.put("/forms/customer/rights", body, matrix.version);
    return { body, good, refused: await security.put("/forms/customer/rights", body, matrix.version) };
  },
  "POST /api/v1/forms/{form}/rights:preview": async () => {
    const security = await login("security");
    const body = bodyWith(await matrixOf(), { clerk: [{ rule: "all", actions: ["list"], fields: { "*": "masked" } }] });
    const good = await security.post("/forms/customer/rights:preview", body);
    return { body, good, refused: await security.post("/forms/customer/rights:preview", { roles: [5] }) };
  },
};

test("every answer of a route that writes too, and what it takes is what the document says", async () => {
  const doc = await document();
  const writing = routesOf(doc).filter((one) => one.method !== "get");
  for (const route of writing) {
    const write = WRITES[route.name];
    assert.ok(write, `${route.name}: a request for it belongs into WRITES`);
    const { body, good, refused } = await write(await stranger());
    assert.ok(String(good.status) in route.operation.responses, `${route.name}: ${good.status} ${good.text}`);
    checkAnswer(doc, route.name, good);
    assert.ok(refused.status >= 400, `${route.name}: ${refused.status}`);
    checkAnswer(doc, route.name, refused);
    assert.equal(route.operation.requestBody === undefined, body === undefined, route.name);
    if (body !== undefined) assert.deepEqual(faultsOf(route.operation.requestBody?.content["application/json"]?.schema, body, doc), [], route.name);
  }
  const conflict = await WRITES["PATCH /api/v1/forms/{form}/records/{id}"]?.(await stranger());
  assert.equal(conflict?.refused.status, 412);
  assert.ok((conflict?.refused.problem().conflicts?.length ?? 0) > 0, "a clash was to be checked as well");
});

test("the reader of schemas finds what is wrong", () => {
  const schema = {
    type: "object",
    required: ["id", "at"],
    properties: { id: { type: "string", maxLength: 3 }, at: { type: ["string", "null"], format: "date-time" }, kind: { enum: ["a", "b"] }, more: { type: "array", items: { $ref: "#/there" } } },
  };
  const root = { there: { anyOf: [{ type: "integer" }, { type: "null" }] } };
  assert.deepEqual(faultsOf(schema, { id: "1", at: null, kind: "a", more: [1, null] }, root), []);
  const wrong: unknown[] = [
    [], { id: "1" }, { id: 1, at: null }, { id: "1234", at: null }, { id: "1", at: "2026-01-01" }, { id: "1", at: null, kind: "c" },
    { id: "1", at: null, more: [1.5] }, { id: "1", at: null, extra: 1 },
  ];
  for (const value of wrong) assert.notDeepEqual(faultsOf(schema, value, root), [], JSON.stringify(value));
  assert.notDeepEqual(faultsOf({ type: "string", pattern: "x" }, "y", root), [], "a keyword that it does not know");
});

test("it tells a stranger nothing about this installation's forms", async () => {
  const reply = await (await stranger()).get("/openapi.json");
  assert.ok(reply.status === 200 || reply.status === 401);
  assert.ok(!/credit_line|risk_grade|legal_person|opportunity/.test(reply.text));
});
