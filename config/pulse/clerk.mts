// A clerk's visit to one of his customers: he looks at his list, opens a record, and does one thing about it.
import type { Client } from "./client.mts";
import { companyName, NOTED, pick, SAID } from "./words.mts";

interface Item {
  id: string;
  version: string;
  fields: Record<string, any>;
}
interface Form {
  fields: { key: string; options?: { key: string; retired: boolean }[] }[];
}
/** The way of a customer; where it ends, another one begins. */
const STAGES = ["lead", "contacted", "quoted", "negotiating"];
const END = ["won", "won", "lost"];
/** Open customers that a clerk has in hand, about. */
const IN_HAND = 6;
const CUSTOMERS = "/forms/customer/records";

const forms = new Map<string, Promise<Form>>();
/** Keys of a choice that can be chosen now. */
async function options(client: Client, form: string, field: string): Promise<string[]> {
  const key = `${client.url} ${form}`;
  if (!forms.has(key)) forms.set(key, client.want<Form>("GET", `/forms/${form}`));
  const found = (await forms.get(key))!.fields.find((one) => one.key === field)?.options ?? [];
  return found.filter((one) => !one.retired).map((one) => one.key);
}

const DAY_MS = 86_400_000;
/** A day of the instance's zone. */
const day = (ahead: number): string => new Date(Date.now() + 8 * 3_600_000 + ahead * DAY_MS).toISOString().slice(0, 10);
const soon = (): string => day(Math.floor(Math.random() * 8));
const PHONES = ["130", "135", "138", "150", "186"];

async function newCustomer(clerk: Client): Promise<void> {
  const fields = {
    name: companyName((clerk.user?.department?.title ?? "").slice(0, 2)),
    kind: "company",
    stage: "lead",
    source: pick(await options(clerk, "customer", "source")),
    industry: pick(await options(clerk, "customer", "industry")),
    phone: `${pick(PHONES)}${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`,
    first_contact_on: day(0),
    next_follow_up_on: soon(),
  };
  await clerk.want("POST", CUSTOMERS, { fields });
}

async function followUp(clerk: Client, customer: Item): Promise<void> {
  const kind = pick(await options(clerk, "follow_up", "kind"));
  const fields = { customer: customer.id, kind, at: new Date().toISOString(), content: pick(SAID), next_on: Math.random() < 0.6 ? soon() : null, by: clerk.user?.id };
  await clerk.want("POST", "/forms/follow_up/records", { fields });
}

const change = (clerk: Client, customer: Item, fields: Record<string, unknown>): Promise<unknown> => clerk.want("PATCH", `${CUSTOMERS}/${customer.id}`, { fields }, customer.version);

function moveOn(clerk: Client, customer: Item): Promise<unknown> {
  const at = STAGES.indexOf(customer.fields["stage"] as string);
  return change(clerk, customer, { stage: STAGES[at + 1] ?? pick(END) });
}

function note(clerk: Client, customer: Item): Promise<unknown> {
  const now = new Date().toISOString();
  return change(clerk, customer, Math.random() < 0.5 ? { last_follow_up_at: now, next_follow_up_on: soon() } : { notes: `${day(0)} ${pick(NOTED)}` });
}

/** One change, and the looks that come before it. */
export async function visit(clerk: Client): Promise<void> {
  const filter = JSON.stringify({ and: [{ field: "owner", op: "eq", value: "@me" }, { field: "stage", op: "in", value: STAGES }] });
  const own = await clerk.want<{ items: Item[] }>("GET", `${CUSTOMERS}?limit=20&sort=next_follow_up_on&filter=${encodeURIComponent(filter)}`);
  if (own.items.length === 0 || (own.items.length < IN_HAND && Math.random() < 0.5)) return newCustomer(clerk);
  const customer = await clerk.want<Item>("GET", `${CUSTOMERS}/${pick(own.items).id}`);
  const chance = Math.random();
  if (chance < 0.5) return followUp(clerk, customer);
  await (chance < 0.7 ? moveOn(clerk, customer) : note(clerk, customer));
}
