// Rights that change under the oracle's viewers: roles and people of its own, whose grants, roles and departments are
// changed at random by the roads that administrators have. Among the grants are conditions, denials and masks of one's own.
import type { Client, Item } from "../lib/client.ts";
import { formOf } from "../lib/demo.ts";
import { sequenceOf, type Message } from "../lib/live.ts";
import { makePerson, makeRole, ownKey, setGrants, type Grant, type Role } from "../lib/rights.ts";
import { login } from "../lib/shared.ts";
import { randomGrant } from "../rights/grants.ts";
import type { Chance } from "./chance.ts";

const SEES = ["list", "read"];
/** What they begin with: each kind of rule is there from the first write on. */
const FIRST: Grant[][] = [
  [{ rule: "condition", condition: { field: "stage", op: "eq", value: "won" }, deny: true, actions: ["update"], fields: { phone: "masked", notes: "hidden" }, masks: { phone: "1+1" } }],
  [
    { rule: "condition", condition: { field: "registered_capital", op: "ge", value: "100.00" }, actions: SEES, fields: { "*": "read", phone: "masked", credit_line: "hidden" }, masks: { phone: "0+4" } },
    { rule: "owner", actions: [...SEES, "update"], fields: { "*": "write" } },
  ],
  [
    { rule: "subtree", actions: SEES, fields: { "*": "read", registered_capital: "masked" } },
    { rule: "condition", condition: { or: [{ field: "level", op: "empty" }, { field: "credit_line", op: "gt", value: "1000" }] }, deny: true, actions: ["list"], fields: {} },
  ],
];

export interface Person {
  name: string;
  client: Client;
}
/** Of one person: what has been told since the last change of rights. */
export type Told = Message[];

export class Rights {
  readonly people: Person[];
  private readonly roles: Role[];
  private readonly spare: string[];
  private readonly keys: string[];

  private constructor(people: Person[], roles: Role[], spare: string[], keys: string[]) {
    this.people = people;
    this.roles = roles;
    this.spare = spare;
    this.keys = keys;
  }

  static async make(): Promise<Rights> {
    const roles: Role[] = [];
    for (const grants of FIRST) {
      const role = await makeRole(ownKey("live"));
      await setGrants({ [role.key]: grants });
      roles.push(role);
    }
    const [x, y, z] = roles.map((role) => role.key) as [string, string, string];
    const people: Person[] = [];
    for (const [name, department, has] of [["teller", "outlet11", ["clerk", x]], ["officer", "outlet12", [y]], ["deputy", "branch1", [y, z]]] as const)
      people.push({ name, client: await makePerson(ownKey(name), department, [...has]) });
    const security = await login("security");
    const all = (await security.expect(200, await security.get("/roles"))).items as Role[];
    const spare = all.filter((role) => ["clerk", "risk_officer"].includes(role.key)).map((role) => role.id);
    const form = await formOf(await login("manager"));
    return new Rights(people, roles, spare, form.fields.map((field) => field.key));
  }

  /** One change: what was done, and the number of its transaction (-1: it was as it is). */
  async change(chance: Chance, departments: readonly string[]): Promise<{ text: string; sequence: number }> {
    const person = chance.pick(this.people);
    const path = `/people/${person.client.session?.user.id}`;
    const kind = chance.next();
    if (kind < 0.6) {
      const role = chance.pick(this.roles);
      const grants = chance.true(0.15) ? [] : Array.from({ length: chance.between(1, 3) }, () => randomGrant((n) => chance.below(n), this.keys));
      const { pos } = await setGrants({ [role.key]: grants });
      return { text: `${role.key}: ${JSON.stringify(grants)}`, sequence: sequenceOf(pos) };
    }
    const [name, who, body] =
      kind < 0.8
        ? ["security", "roles", { roles: chance.some([...this.roles.map((role) => role.id), chance.pick(this.spare)], 4) }]
        : ["admin", "department", { department: chance.pick(departments) }];
    const client = await login(name as string);
    const { pos } = await client.expect<{ pos?: string }>(200, await client.patch(path, body, "*"));
    return { text: `${who} of ${person.name}: ${JSON.stringify(body)}`, sequence: sequenceOf(pos) };
  }

  /** Gives the roles back: nobody has anything by them any more. */
  async end(): Promise<void> {
    await setGrants(Object.fromEntries(this.roles.map((role) => [role.key, []])));
  }
}

/**
 * The fence, looked at from outside: no frame of a position at or past the change may name a field that its reader does not
 * see by the rights of now. `told`: all that his socket heard since; returns what is wrong.
 */
export async function beyondFence(client: Client, told: Told, sequence: number): Promise<string | undefined> {
  const reply = await client.get("/forms/customer");
  const seen = new Set(reply.status === 404 ? [] : client.expect(200, reply).fields.map((field: { key: string }) => field.key));
  for (const message of told) {
    if (!["snapshot", "delta"].includes(message.op) || sequenceOf(message.pos) < sequence) continue;
    for (const item of [...(message.items ?? []), ...(message.put ?? [])] as Partial<Item>[])
      for (const key of Object.keys(item.fields ?? {}))
        if (!seen.has(key)) return `${key} of ${item.id} was told at ${message.pos}, past the change at ${sequence}: ${JSON.stringify(message).slice(0, 600)}`;
  }
  return undefined;
}
