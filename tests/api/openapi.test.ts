// /api/v1/openapi.json is made from the route table: each path in it answers, each operation names its answers, and what
// is not in it is not there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCustomer } from "../lib/demo.ts";
import { login, stranger } from "../lib/shared.ts";

interface Operation {
  operationId?: string;
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[];
  requestBody?: unknown;
  responses: Record<string, unknown>;
  security?: unknown[];
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  servers?: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: Record<string, Record<string, unknown>>;
}

async function document(): Promise<Document> {
  const clerk = await login("clerk");
  return clerk.expect<Document>(200, await clerk.get("/openapi.json"));
}

const METHODS = ["get", "post", "put", "patch", "delete"];
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
      assert.equal("requestBody" in operation, ["post", "put", "patch"].includes(method), `${where}: body`);
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

test("it tells a stranger nothing about this installation's forms", async () => {
  const reply = await (await stranger()).get("/openapi.json");
  assert.ok(reply.status === 200 || reply.status === 401);
  assert.ok(!/credit_line|risk_grade|credit_code/.test(reply.text));
});
