// Two worlds for the test of twins: servers of their own with the same demo bank, in which the same people do the same
// things. Whatever names a row, a person or a department in a request is a place (@@row:3@@): each world has ids of its own.
import { spawnSync } from "node:child_process";
import type { Client, Item, Reply } from "../lib/client.ts";
import { formOf, type FieldDefinition } from "../lib/demo.ts";
import { epochOf, Live, type Message, type Mirror, type Request } from "../lib/live.ts";
import type { Grant, Matrix, Role } from "../lib/rights.ts";
import { PASSWORD, SANITIZER_OPTIONS, Server } from "../lib/server.ts";
import { SqlShell } from "../lib/sql.ts";

export const PATH = "/forms/customer/records";
/** Those whose answers are compared, and who they are. */
export const VIEWERS = ["clerk", "odd", "narrow"] as const;
export type ViewerName = (typeof VIEWERS)[number];

const SEES = ["list", "read", "history"];
const HERE = { field: "department", op: "eq", value: "@my_department" };
/**
 * The clerk is the bank's own. Of the two others, one has a condition, a denial, masks of his own and a masked amount; the
 * other sees four fields. All of them sit in one outlet, and none sees what the worlds differ in.
 */
const GRANTS: Record<string, Grant[]> = {
  odd: [
    { rule: "condition", condition: { and: [HERE, { field: "stage", op: "ne", value: "quoted" }] }, actions: [...SEES, "update"], fields: { "*": "write", phone: "masked", credit_line: "masked", risk_grade: "hidden" }, masks: { phone: "1+2" } },
    { rule: "condition", condition: { field: "stage", op: "eq", value: "lost" }, deny: true, actions: ["update"], fields: { name: "masked", notes: "hidden" } },
  ],
  bystander: [],
  narrow: [{ rule: "department", actions: SEES, fields: { "*": "hidden", no: "read", name: "read", stage: "read", owner: "read" } }],
};

export class World {
  readonly server: Server;
  readonly number: number;
  readonly people = new Map<string, Client>();
  readonly screens = new Map<string, Screen>();
  shell!: SqlShell;
  /** Rows that stand in both worlds, in the same order; and those that stand in this one only, out of every viewer's sight. */
  rows: string[] = [];
  outside: string[] = [];
  places: Record<string, string[]> = {};
  fields: FieldDefinition[] = [];
  epoch = "";
  /** What a viewer was last told of a row's version. */
  readonly versions = new Map<string, string>();
  private readonly names = new Map<string, string>();

  constructor(number: number, rows: number) {
    this.number = number;
    this.server = new Server({ rows });
  }

  async start(): Promise<void> {
    await this.server.start();
    for (const name of ["clerk", "clerk3", "manager", "president", "security"]) this.people.set(name, await this.server.login(name));
    await this.makeOthers();
    this.shell = new SqlShell(this.server.binary, this.server.data);
    const ids = async (statement: string) => (await this.shell.run(statement)).slice(1);
    this.rows = await ids("SELECT _id FROM rec_customer WHERE _live = 1 ORDER BY no");
    this.places = {
      user: await ids("SELECT id FROM app_user WHERE login IN ('clerk', 'clerk2', 'clerk3', 'chenmin', 'xuzhe', 'manager') ORDER BY login"),
      department: await ids("SELECT id FROM department ORDER BY `key`"),
      outlet: await ids("SELECT id FROM department WHERE `key` IN ('outlet11', 'outlet12') ORDER BY `key`"),
      outlet11: await ids("SELECT id FROM department WHERE `key` = 'outlet11'"),
      me: await ids("SELECT id FROM app_user WHERE login = 'clerk'"),
    };
    this.fields = (await formOf(this.who("manager"))).fields;
    for (const name of [...VIEWERS, "manager", "president"]) this.screens.set(name, await Screen.open(this, name));
    this.epoch = epochOf(this.screen("clerk").live.hello?.pos as string);
  }
  async stop(): Promise<void> {
    for (const screen of this.screens.values()) await screen.live.close();
    await this.shell?.end();
    await this.server.stop().catch((error) => {
      this.server.sweep();
      throw error;
    });
  }

  private async makeOthers(): Promise<void> {
    const security = this.who("security");
    const matrix = await security.expect<Matrix>(200, await security.get("/forms/customer/rights"));
    const roles = matrix.roles.map((role) => ({ id: role.id, grants: role.grants }));
    for (const [key, grants] of Object.entries(GRANTS)) {
      const role = await security.expect<Role>(201, await security.post("/roles", { key, name: { zh: key, en: key }, rights: [] }));
      roles.push({ id: role.id, grants });
    }
    await security.expect(200, await security.put("/forms/customer/rights", { roles }, "*"));
    for (const name of ["odd", "narrow"]) {
      const args = ["user", "add", name, "--data", this.server.data, "--name", `人员 ${name}`, "--role", name, "--department", "outlet11"];
      const done = spawnSync(this.server.binary, args, { encoding: "utf8", env: { ...process.env, ...SANITIZER_OPTIONS } });
      const first = /password: (\S+)/.exec(done.stdout)?.[1] ?? "";
      for (let i = 0; !this.people.has(name); i++) {
        const client = this.server.client();
        await client.logIn(name, first);
        if (client.session !== undefined) this.people.set(name, client);
        else if (i === 200) throw new Error(`${name} cannot log in: ${done.stdout} ${done.stderr}`);
      }
      this.who(name).expect(200, await this.who(name).changePassword(first, PASSWORD));
    }
  }

  /** Rights of a role that none of the viewers has. */
  async changeBystanders(grants: Grant[]): Promise<string | undefined> {
    const security = this.who("security");
    const matrix = await security.expect<Matrix>(200, await security.get("/forms/customer/rights"));
    const roles = matrix.roles.map((role) => ({ id: role.id, grants: role.key === "bystander" ? grants : role.grants }));
    return (await security.expect<Matrix>(200, await security.put("/forms/customer/rights", { roles }, "*"))).pos;
  }

  who(name: string): Client {
    return this.people.get(name) as Client;
  }
  screen(name: string): Screen {
    return this.screens.get(name) as Screen;
  }
  pos(sequence: number): string {
    return `${this.epoch}.${sequence}`;
  }

  /** A text with places, for this world. */
  of(text: string): string {
    return text.replace(/@@(\w+):(\d+)@@/g, (_, kind: string, n: string) => {
      const list = kind === "row" ? this.rows : kind === "outside" ? this.outside : (this.places[kind] as string[]);
      return list[Number(n) % Math.max(1, list.length)] ?? "4611686018427387904"; // an id that was never there
    });
  }
  json<T>(value: T): T {
    return JSON.parse(this.of(JSON.stringify(value))) as T;
  }

  /**
   * What was answered or told, without what differs by chance. Ids, versions, states and cursors get names in the order in which
   * they first appear, for good: that one of them is the same as before, or is another, is a part of the text.
   */
  plain(text: string): string {
    const name = (kind: string, value: string): string => {
      if (!this.names.has(value)) this.names.set(value, `${kind}${this.names.size}`);
      return this.names.get(value) as string;
    };
    return text
      .replace(/"(request|pos|chan|csrf|until)":"[^"]*"/g, '"$1":"…"')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
      .replace(/"(version|state|next|previous)":"([^"]*)"/g, (_, kind: string, value: string) => `"${kind}":"${name(kind, value)}"`)
      .replace(/"(\d{15,19})"/g, (_, id: string) => `"${name("id", id)}"`);
  }

  answer(reply: Reply): string {
    const headers = ["content-type", "cache-control", "etag", "location", "retry-after"].map((key) => reply.headers[key] ?? "").join(" ");
    return this.plain(`${reply.status} ${headers.replace(/\d{15,19}/g, '"$&"')} ${reply.text}`);
  }
  /** As `answer`; versions are kept, so that the viewer can write on what he has seen. */
  hear(viewer: string, reply: Reply): string {
    const keep = (item: Item) => this.versions.set(`${viewer} ${item.id}`, item.version);
    if (reply.status < 300 && reply.text.startsWith("{")) {
      const body = reply.json<{ items?: Item[]; id?: string; version?: string }>();
      if (body.id !== undefined && body.version !== undefined) keep(body as Item);
      for (const item of body.items ?? []) if (item.version !== undefined && item.id !== undefined) keep(item);
    }
    return this.answer(reply);
  }
}

/** A person's socket, and what it has told since the last look, by subscription. */
export class Screen {
  live!: Live;
  readonly world: World;
  private readonly heard = new Map<string, Message[]>();
  /** By the order in which they were asked for; probes of `settle` have no name and are not kept. */
  private readonly names = new Map<Mirror, string>();

  private constructor(world: World) {
    this.world = world;
  }
  static async open(world: World, name: string): Promise<Screen> {
    const screen = new Screen(world);
    screen.live = await Live.open(world.who(name), {
      watch: (mirror, message) => screen.names.has(mirror) && screen.keep(screen.names.get(mirror) as string, message),
      tap: (message) => {
        if (message.op === "presence") screen.keep(`presence ${world.rows.indexOf(message.record as string)}`, message);
        return [message];
      },
    });
    return screen;
  }
  private keep(key: string, message: Message): void {
    const list = this.heard.get(key) ?? [];
    list.push(message);
    this.heard.set(key, list);
  }

  sub(request: Request): Mirror {
    const mirror = this.live.sub(this.world.json(request));
    this.names.set(mirror, `subscription ${this.names.size}`);
    return mirror;
  }
  /** In an order that does not depend on which answer came first. */
  told(): string {
    const keys = [...this.heard.keys()].sort();
    const text = keys.map((key) => `${key}: ${(this.heard.get(key) ?? []).map((message) => JSON.stringify({ ...message, ...(message.id === undefined ? {} : { id: "" }) })).join("\n  ")}`).join("\n");
    this.heard.clear();
    const complaints = this.live.complaints.splice(0);
    return this.world.plain(`${text}${complaints.length > 0 ? `\ncomplaints: ${complaints.join()}` : ""}`);
  }
}
