// The routes that the running program says it has (its OpenAPI document), and how to get a good answer from each that reads.
import type { Client } from "./client.ts";
import { createCustomer } from "./demo.ts";
import { login, stranger } from "./shared.ts";

export interface Operation {
  operationId?: string;
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[];
  requestBody?: { required: boolean; content: Record<string, { schema: unknown }> };
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
  security?: unknown[];
}
export interface Document {
  openapi: string;
  info: { title: string; version: string };
  servers?: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: Record<string, Record<string, unknown>>;
}
export interface Route {
  method: string;
  path: string;
  operation: Operation;
  /** "GET /api/v1/forms/{form}" */
  name: string;
}

export const METHODS = ["get", "post", "put", "patch", "delete"];

export async function document(): Promise<Document> {
  const client = await stranger();
  return client.expect<Document>(200, await client.get("/openapi.json"));
}

export function routesOf(doc: Document): Route[] {
  return Object.entries(doc.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({ method, path, operation, name: `${method.toUpperCase()} ${path}` })),
  );
}

/** As the client wants it: under /api/v1, or "//" at the root. */
function clientPath(path: string): string {
  return path.startsWith("/api/v1") ? path.slice("/api/v1".length) : `/${path}`;
}

const READERS = ["clerk", "manager", "auditor", "security", "admin"];
let record: Promise<string> | undefined;

/** A log-in of the demo bank that gets 200 from a route that reads, and the path with real keys in it. */
export async function goodReader(route: Route): Promise<{ client: Client; path: string }> {
  const seen: string[] = [];
  record ??= login("clerk").then(async (clerk) => (await createCustomer(clerk)).id);
  for (const name of READERS) {
    const client = await login(name);
    for (const id of [await record, client.session?.user.id as string]) {
      let path = clientPath(route.path).replace("{form}", "customer").replace("{id}", id);
      if (route.path.endsWith("/rights/view") || route.path.endsWith("/rights/why")) path += `?person=${(await login("clerk")).session?.user.id}`;
      if (path.includes("{")) throw new Error(`${route.name}: what stands in its braces is not known here`);
      const reply = await client.get(path);
      if (reply.status === 200) return { client, path };
      seen.push(`${name}: ${reply.status}`);
    }
  }
  throw new Error(`${route.name} is good for nobody of the demo bank: ${seen.join(", ")}`);
}
