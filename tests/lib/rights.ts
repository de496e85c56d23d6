// What tests of rights need: roles, people and matrices of their own, made by the roads that an administrator has.
import { spawnSync } from "node:child_process";
import { Client, type Json } from "./client.ts";
import { SANITIZER_OPTIONS } from "./server.ts";
import { login, sharedServer, stranger } from "./shared.ts";

export type Level = "hidden" | "masked" | "read" | "write";
export interface Grant {
  rule: "all" | "owner" | "department" | "subtree" | "condition";
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

/** Somebody new, by the command line, logged in. */
export async function makePerson(name: string, department: string | undefined, roles: string[]): Promise<Client> {
  const { binary, data } = await sharedServer();
  const args = ["user", "add", name, "--data", data, "--name", `人员 ${name}`, ...roles.flatMap((role) => ["--role", role])];
  if (department !== undefined) args.push("--department", department);
  const done = spawnSync(binary, args, { encoding: "utf8", env: { ...process.env, ...SANITIZER_OPTIONS } });
  const password = /password: (\S+)/.exec(done.stdout)?.[1];
  if (done.status !== 0 || password === undefined) throw new Error(`tidemark user add: ${done.status} ${done.stdout} ${done.stderr}`);
  const client = await stranger();
  for (;;) {
    const reply = await client.logIn(name, password);
    if (client.session !== undefined) return client;
    if (reply.status !== 401) throw new Error(`${name} cannot log in: ${reply.status} ${reply.text}`);
  }
}
