// What tests of rights need: roles, people and matrices of their own, made by the roads that an administrator has.
import type { Client, Json } from "./client.ts";
import { PASSWORD } from "./server.ts";
import { login, stranger } from "./shared.ts";

export type Level = "hidden" | "masked" | "read" | "write";
export interface Grant {
  rule: "all" | "owner" | "department" | "subtree" | "condition" | "parent";
  condition?: Json;
  deny?: boolean;
  actions: string[];
  fields: Record<string, Level>;
  masks?: Record<string, string>;
}
export interface RoleOfMatrix {
  id: string;
  key: string;
  title: string;
  people: number;
  administrator: boolean;
  grants: Grant[];
}
export interface Matrix {
  form: string;
  version: string;
  fields: { key: string; label: string; type: string; group: string; mask: string | null; automatic: boolean; options: { key: string }[] }[];
  actions: string[];
  levels: Level[];
  rules: string[];
  masks: string[];
  roles: RoleOfMatrix[];
  pos?: string;
}
export interface Role {
  id: string;
  key: string;
  title: string;
  name: { zh: string; en: string };
  rights: string[];
  people: number;
  forms: string[];
  version: string;
}

export async function matrixOf(form = "customer"): Promise<Matrix> {
  const security = await login("security");
  return security.expect<Matrix>(200, await security.get(`/forms/${form}/rights`));
}

/** The matrix as it is, with other grants for some roles (by key). */
export function bodyWith(matrix: Matrix, grants: Record<string, Grant[]>): { roles: { id: string; grants: Grant[] }[] } {
  return { roles: matrix.roles.map((role) => ({ id: role.id, grants: grants[role.key] ?? role.grants })) };
}

export async function setGrants(grants: Record<string, Grant[]>, form = "customer"): Promise<Matrix> {
  const security = await login("security");
  const matrix = await matrixOf(form);
  return security.expect<Matrix>(200, await security.put(`/forms/${form}/rights`, bodyWith(matrix, grants), matrix.version));
}

let made = 0;
/** A key that no other test of this run has. */
export const ownKey = (what: string): string => `${what}_${process.pid}_${++made}`;

export async function makeRole(key: string, rights: string[] = []): Promise<Role> {
  const security = await login("security");
  return security.expect<Role>(201, await security.post("/roles", { key, name: { zh: `角色 ${key}`, en: `Role ${key}` }, rights }));
}

/** Somebody new, as the two administrators make him, logged in, with the password of the tests. Departments and roles by key. */
export async function makePerson(name: string, department: string | undefined, roles: string[]): Promise<Client> {
  const [admin, security] = [await login("admin"), await login("security")];
  const places = await admin.list("/organisation") as unknown as { items: { id: string; key: string }[] };
  const place = places.items.find((one) => one.key === department)?.id ?? null;
  const made = admin.expect<{ person: { id: string }; password: string }>(201, await admin.post("/people", { login: name, name: `人员 ${name}`, department: place }));
  if (roles.length > 0) {
    const known = security.expect<{ items: Role[] }>(200, await security.get("/roles")).items;
    const ids = roles.map((key) => known.find((role) => role.key === key)?.id);
    security.expect(200, await security.patch(`/people/${made.person.id}`, { roles: ids }, "*"));
  }
  const client = await stranger();
  client.expect(200, await client.logIn(name, made.password));
  client.expect(200, await client.changePassword(made.password, PASSWORD));
  return client;
}
