// The audit log, as the auditor sees it.
import type { Client, Json } from "./client.ts";

export interface Event {
  id: string;
  at: string;
  actor: { id: string; title: string } | null;
  login: string;
  action: string;
  form: string | null;
  form_label: string | null;
  record: string | null;
  records?: string[];
  changes: { field: string; label?: string; before: Json; after: Json; before_text: string | null; after_text: string | null }[];
  session: string | null;
  address: string | null;
  request: string | null;
  pos: string | null;
  detail?: Json;
}

/** Events that fit, newest first, all pages of them up to `most`. */
export async function events(auditor: Client, filter: Record<string, string>, most = 1000): Promise<Event[]> {
  const found: Event[] = [];
  let after: string | null = null;
  do {
    const query = new URLSearchParams({ limit: "200", ...filter, ...(after === null ? {} : { after }) });
    const page: { items: Event[]; next: string | null } = auditor.expect(200, await auditor.get(`/audit?${query}`));
    found.push(...page.items);
    after = page.next;
  } while (after !== null && found.length < most);
  return found;
}

export async function newest(auditor: Client): Promise<string> {
  const page: { items: Event[] } = auditor.expect(200, await auditor.get("/audit?limit=1"));
  return page.items[0]?.id ?? "0";
}
