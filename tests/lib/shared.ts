// The server that the files of one run share; a file that is run by itself gets one of its own, which ends with it.
import { after } from "node:test";
import { Client } from "./client.ts";
import { PASSWORD, Server, sql } from "./server.ts";

interface Shared {
  url: string;
  data: string;
  binary: string;
}

let shared: Shared | undefined;
let own: Server | undefined;

export async function sharedServer(): Promise<Shared> {
  if (shared !== undefined) return shared;
  const given = process.env["TEST_SERVER"];
  if (given !== undefined) {
    shared = JSON.parse(given) as Shared;
    return shared;
  }
  own = new Server({ env: { TIDEMARK_TEST_FAULTS: "true" } });
  try {
    await own.start();
  } catch (error) {
    own.sweep();
    throw error;
  }
  shared = { url: own.url, data: own.data, binary: own.binary };
  return shared;
}

after(async () => {
  try {
    await own?.stop();
  } catch (error) {
    own?.sweep();
    throw error;
  }
});

export async function stranger(): Promise<Client> {
  return new Client((await sharedServer()).url);
}

const clients = new Map<string, Client>();

/** A logged-in client, one for each person in this process. Do not log it out; `freshLogin` is for that. */
export async function login(name: string): Promise<Client> {
  const known = clients.get(name);
  if (known !== undefined) return known;
  const client = await freshLogin(name);
  clients.set(name, client);
  return client;
}

export async function freshLogin(name: string, password = PASSWORD): Promise<Client> {
  const client = await stranger();
  const reply = await client.logIn(name, password);
  if (client.session === undefined) throw new Error(`${name} cannot log in: ${reply.status} ${reply.text}`);
  return client;
}

export async function query(statement: string, account?: "app" | "feed"): Promise<Record<string, string | null>[]> {
  const { binary, data } = await sharedServer();
  return sql(binary, data, statement, account);
}
