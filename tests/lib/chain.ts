// Whether the rows and the log tell one story: each revision of a record has its event, each event its revision, and the
// values lead from one to the next. Used wherever something was killed.
import assert from "node:assert/strict";
import type { Json } from "./client.ts";

type Sql = (statement: string, account?: "app" | "feed") => Record<string, string | null>[];

export interface Chain {
  rev: number;
  /** Field by field, what the events say was written, in order. */
  written: Map<string, Json[]>;
}

/** Checks every customer of the database; returns the chains by record id. */
export function checkChains(sql: Sql): Map<string, Chain> {
  const rows = sql("SELECT _id AS id, _rev, notes, stage, phone, name FROM tidemark.rec_customer ORDER BY _id", "app");
  const events = sql(
    "SELECT id, record, rev, action, changes FROM tidemark_log.event WHERE form = 'customer' AND rev IS NOT NULL ORDER BY record, rev, id",
    "app",
  );
  const byRecord = new Map<string, typeof events>();
  for (const event of events) {
    const list = byRecord.get(event["record"] as string) ?? [];
    list.push(event);
    byRecord.set(event["record"] as string, list);
  }
  const chains = new Map<string, Chain>();
  for (const row of rows) {
    const id = row["id"] as string;
    const list = byRecord.get(id) ?? [];
    byRecord.delete(id);
    const revs = list.map((event) => Number(event["rev"]));
    const rev = Number(row["_rev"]);
    assert.deepEqual(revs, Array.from({ length: rev }, (_, i) => i + 1), `record ${id} at revision ${rev}: events of revisions ${revs}`);
    assert.equal(list[0]?.["action"], "create", `record ${id}: its first event`);
    const now = new Map<string, Json>();
    const written = new Map<string, Json[]>();
    for (const event of list) {
      const changes = JSON.parse(event["changes"] ?? "[]") as { field: string; before: Json; after: Json }[];
      for (const { field, before, after } of changes) {
        assert.deepEqual(before ?? null, now.get(field) ?? null, `record ${id}, revision ${event["rev"]}, ${field}: before`);
        now.set(field, after ?? null);
        written.set(field, [...(written.get(field) ?? []), after ?? null]);
      }
    }
    for (const field of ["notes", "stage", "phone", "name"]) {
      assert.equal(row[field] ?? null, now.get(field) ?? null, `record ${id}: ${field} in the row and after its last event`);
    }
    chains.set(id, { rev, written });
  }
  assert.deepEqual([...byRecord.keys()], [], "events of records that are not there");
  return chains;
}
