// Values for tests: valid codes that are new in each run, and a customer that passes every check. The check digits are
// worked out from the standards here, apart from the server's own code.
import { randomInt } from "node:crypto";
import type { Client, Item, Json } from "./client.ts";

const CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/** GB 32100-2015: registrar 9, kind 1, a division, nine free characters, the check character. */
export function creditCode(): string {
  let code = "91" + "310000";
  for (let i = 0; i < 9; i++) code += CREDIT[randomInt(CREDIT.length)];
  let sum = 0;
  for (let i = 0; i < 17; i++) sum += CREDIT.indexOf(code[i] as string) * 3 ** i % 31;
  return code + CREDIT[(31 - (sum % 31)) % 31];
}

/** GB 11643-1999 with ISO 7064 MOD 11-2. */
export function idNo(): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const birthday = `${randomInt(1950, 2003)}${two(randomInt(1, 13))}${two(randomInt(1, 29))}`;
  const body = `310101${birthday}${String(randomInt(1000)).padStart(3, "0")}`;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, i) => total + weight * Number(body[i]), 0);
  return body + "10X98765432"[sum % 11];
}

export function phone(): string {
  return "13" + String(randomInt(1_000_000_000)).padStart(9, "0");
}

export interface FieldDefinition {
  key: string;
  type: string;
  label: string;
  required: boolean;
  unique: boolean;
  access: "masked" | "read" | "write";
  group: string;
  sortable: boolean;
  searchable: boolean;
  options?: { key: string; label: string; color: string; retired?: boolean }[];
  max_length?: number;
  min?: string;
  max?: string;
  scale?: number;
  default_width?: number;
}
export interface FormDefinition {
  key: string;
  label: string;
  version: string;
  title_field: string;
  can: string[];
  groups: { key: string; label: string }[];
  fields: FieldDefinition[];
}

export async function formOf(client: Client, form = "customer"): Promise<FormDefinition> {
  return client.expect<FormDefinition>(200, await client.get(`/forms/${form}`));
}

let serial = 0;

/** Fields of a new customer: all that the definition requires of this caller, and some more; `more` wins. */
export async function customerFields(
  client: Client,
  more: Record<string, Json> = {},
): Promise<Record<string, Json>> {
  serial++;
  const form = await formOf(client);
  const given: Record<string, Json> = {
    name: `观澜测试客户 ${process.pid}-${serial}`,
    credit_code: creditCode(),
    phone: phone(),
    stage: "lead",
  };
  for (const field of form.fields) {
    if (field.required && field.access === "write" && !(field.key in given) && field.type !== "auto_number") {
      const value = anyValue(field);
      if (value !== undefined) given[field.key] = value;
    }
  }
  const fields = { ...given, ...more };
  for (const key of Object.keys(fields)) {
    if (!form.fields.some((field) => field.key === key)) delete fields[key];
  }
  return { ...fields, ...more };
}

/** A good value of a field; undefined for kinds whose default the server knows (owner, department). */
export function anyValue(field: FieldDefinition): Json | undefined {
  const option = field.options?.find((candidate) => candidate.retired !== true)?.key;
  switch (field.type) {
    case "text":
    case "long_text":
      return "观澜";
    case "choice":
    case "region":
      return option;
    case "tags":
      return option === undefined ? [] : [option];
    case "phone":
      return phone();
    case "credit_code":
      return creditCode();
    case "id_no":
      return idNo();
    case "money":
      return "1000.00";
    case "date":
      return "2026-11-22";
    case "datetime":
      return "2026-11-22T01:02:03.000000Z";
    default:
      return undefined;
  }
}

export async function createCustomer(client: Client, more: Record<string, Json> = {}): Promise<Item> {
  const reply = await client.post("/forms/customer/records", { fields: await customerFields(client, more) });
  return client.expect<Item>(201, reply);
}

export async function readCustomer(client: Client, id: string): Promise<Item> {
  return client.expect<Item>(200, await client.get(`/forms/customer/records/${id}`));
}
