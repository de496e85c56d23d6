// Pairs of requests that must not be told apart: one names what is there and hidden from the clerk, the other what has never
// been there.
import type { Client, Reply } from "../lib/client.ts";
import { createCustomer } from "../lib/demo.ts";
import { login } from "../lib/shared.ts";

const PATH = "/forms/customer/records";
const NEVER = "4611686018427387904";

export interface Pair {
  name: string;
  hidden: () => Promise<Reply>;
  invented: () => Promise<Reply>;
}

export async function pairs(client: Client): Promise<Pair[]> {
  const outside = (await createCustomer(await login("clerk3"))).id;
  const own = (await createCustomer(client)).id;
  const filter = (field: string, op: unknown) => client.get(`${PATH}?limit=1&filter=${encodeURIComponent(JSON.stringify({ field, ...(op as object) }))}`);
  const record = (name: string, ask: (id: string) => Promise<Reply>): Pair => ({ name, hidden: () => ask(outside), invented: () => ask(NEVER) });
  const field = (name: string, ask: (key: string) => Promise<Reply>): Pair => ({ name, hidden: () => ask("credit_line"), invented: () => ask("credit_lime") });
  return [
    record("a record", (id) => client.get(`${PATH}/${id}`)),
    record("its history", (id) => client.get(`${PATH}/${id}/history`)),
    record("a reveal", (id) => client.post(`${PATH}/${id}/reveal`, { field: "phone", reason: "x" })),
    record("a change", (id) => client.patch(`${PATH}/${id}`, { fields: { stage: "won" } }, "*")),
    record("a change on a version", (id) => client.patch(`${PATH}/${id}`, { fields: { stage: "won" } }, "never")),
    record("a deletion", (id) => client.delete(`${PATH}/${id}`)),
    record("a deletion of a version", (id) => client.delete(`${PATH}/${id}`, { headers: { "if-match": "never" } })),
    record("a restore", (id) => client.request("POST", `${PATH}/${id}/restore`)),
    record("a batch", (id) => client.post(`${PATH}:batch`, { update: [{ id, version: "never", fields: { stage: "won" } }] })),
    record("a batch of others", (id) => client.post(`${PATH}:batch`, { delete: [id] })),
    field("a change of the field in a batch", (key) => client.post(`${PATH}:batch`, { update: [{ id: own, version: "*", fields: { [key]: "1.00" } }] })),
    field("a search of the recycle bin", (key) => client.get(`${PATH}?deleted=1&limit=1&filter=${encodeURIComponent(JSON.stringify({ field: key, op: "ge", value: "1000.00" }))}`)),
    field("a filter", (key) => filter(key, { op: "eq", value: "1" })),
    field("a filter of the field's own kind", (key) => filter(key, { op: "ge", value: "1000.00" })),
    field("a sort", (key) => client.get(`${PATH}?limit=1&sort=-${key}`)),
    field("a choice of fields", (key) => client.get(`${PATH}?limit=1&fields=name,${key}`)),
    field("a change of the field", (key) => client.patch(`${PATH}/${own}`, { fields: { [key]: "1.00" } }, "*")),
    field("a change of the field to what it cannot be", (key) => client.patch(`${PATH}/${own}`, { fields: { [key]: [] } }, "*")),
    field("a new record with the field", (key) => client.post(PATH, { fields: { name: "x", [key]: "1.00" } })),
    field("a reveal of the field", (key) => client.post(`${PATH}/${own}/reveal`, { field: key, reason: "x" })),
  ];
}

/** Without what differs by chance, and with one name for the field. */
export const plain = (reply: Reply): string =>
  `${reply.status} ${reply.headers["content-type"]} ${reply.text.replace(/"request":"[^"]*"/, "").replaceAll("credit_lime", "credit_line")}`;
