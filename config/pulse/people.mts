// The accounts of the pulse, made as any account is: by the three people who do so in a bank.
import { Client } from "./client.mts";
import { personName } from "./words.mts";

interface Person {
  id: string;
  login: string;
  disabled: boolean;
  roles: { id: string }[];
  version: string;
}
/** Log-ins at once: the hash of a password is made to be slow. */
const AT_ONCE = 4;
const loginOf = (n: number): string => `pulse${String(n + 1).padStart(2, "0")}`;

async function logIn(url: string, login: string, password: string): Promise<Client> {
  const client = new Client(url);
  if (!(await client.logIn(login, password))) throw new Error(`${login} cannot log in with the demo password`);
  return client;
}

/** The clerks, logged in. Whatever an earlier run has left half done is done. */
export async function makeClerks(url: string, password: string, n: number): Promise<Client[]> {
  const admin = await logIn(url, "admin", password);
  const security = await logIn(url, "security", password);
  const outlets = (await admin.want<{ items: { id: string; key: string; retired: boolean }[] }>("GET", "/organisation")).items.filter((one) => one.key.startsWith("outlet") && !one.retired);
  const role = (await security.want<{ items: { id: string; key: string }[] }>("GET", "/roles")).items.find((one) => one.key === "clerk");
  const known = (await admin.want<{ items: Person[] }>("GET", "/people?q=pulse&limit=200")).items;
  if (role === undefined || outlets.length === 0) throw new Error("the demo bank has no clerks or no outlets any more");

  async function one(i: number): Promise<Client | null> {
    const login = loginOf(i);
    let person = known.find((each) => each.login === login);
    if (person?.disabled === true) return null;
    let first = "";
    if (person === undefined) {
      const made = await admin.want<{ person: Person; password: string }>("POST", "/people", { login, name: personName(i), department: outlets[i % outlets.length]!.id });
      person = made.person;
      first = made.password;
    }
    if (!person.roles.some((each) => each.id === role!.id)) await security.want("PATCH", `/people/${person.id}`, { roles: [...person.roles.map((each) => each.id), role!.id] }, person.version);
    const clerk = new Client(url);
    if (first === "" && (await clerk.logIn(login, password))) return clerk;
    if (first === "") first = (await admin.want<{ password: string }>("POST", `/people/${person.id}/password`, {})).password;
    if (!(await clerk.logIn(login, first))) throw new Error(`${login} cannot log in with a first password`);
    await clerk.changePassword(first, password);
    return clerk;
  }

  const clerks: Client[] = [];
  for (let i = 0; i < n; i += AT_ONCE) {
    const some = await Promise.all(Array.from({ length: Math.min(AT_ONCE, n - i) }, (_, k) => one(i + k)));
    clerks.push(...some.filter((clerk) => clerk !== null));
  }
  await Promise.all([admin.logOut(), security.logOut()]);
  return clerks;
}
