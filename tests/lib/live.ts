// A client of the live protocol that believes nothing: it applies frames exactly as docs/live-protocol.md says, knows no
// other source, and writes down whatever a server must not do: a delta that changes nothing, an id that is not there, a
// position that goes back, a hash that differs. What it holds can be compared with a fresh query at any position.
import { isDeepStrictEqual } from "node:util";
import type { Client, Item, Json, Problem } from "./client.ts";
import { waitUntil } from "./wait.ts";
import { Ws } from "./ws.ts";

export type Filter = Json;
export interface Request {
  kind: "records" | "record" | "audit" | "notice";
  form?: string;
  record?: string;
  filter?: Filter;
  sort?: string;
  fields?: string[];
  limit?: number;
  range?: [number, number];
  count?: boolean;
}
export interface Person {
  id: string;
  title: string;
  field: string | null;
}
export interface Message {
  op: string;
  id?: string;
  chan?: string;
  pos?: string;
  state?: string;
  items?: Item[];
  put?: Partial<Item>[];
  del?: string[];
  order?: Record<string, number>;
  total?: string;
  hash?: Record<string, string>;
  form?: string;
  record?: string;
  version?: string;
  users?: Person[];
  problem?: Problem;
  /** Of an error: a message was refused, its subscription goes on. */
  open?: boolean;
  heartbeat?: number;
}

/** Orders positions of one epoch; -1 before the first. */
export function sequenceOf(pos: string | undefined): number {
  return pos === undefined ? -1 : Number(pos.slice(pos.indexOf(".") + 1));
}
export const epochOf = (pos: string): string => pos.slice(0, pos.indexOf("."));

const FNV_PRIME = 16777619;
function fnv(basis: number, bytes: Buffer): number {
  let hash = basis;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return hash;
}
/** The hash of docs/live-protocol.md over a window. */
export function stateHash(items: readonly Item[]): string {
  let [a, b] = [0, 0];
  for (const item of items) {
    const text = Buffer.from(`${item.id}|${item.version}`);
    a = (a + fnv(0x811c9dc5, text)) >>> 0;
    b = (b + fnv(0x9b6d3f21, text)) >>> 0;
  }
  return a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");
}

/** What one subscription shows. */
export class Mirror {
  readonly id: string;
  request: Request;
  chan: string | undefined;
  state: string | undefined;
  /** Of the last frame. */
  pos: string | undefined;
  /** What is shown is what a fresh query would give at this position: of the last frame or mark. */
  at = -1;
  items: Item[] = [];
  total: string | undefined;
  problem: Problem | undefined;
  users: Person[] | undefined;
  snapshots = 0;
  deltas = 0;
  schemas = 0;
  hashes = 0;
  /** Told where it is, with a snapshot or as a resumption. */
  open = false;
  over = false;
  /** The newest of them, for whoever has to understand a failure. */
  readonly frames: Message[] = [];

  constructor(id: string, request: Request) {
    this.id = id;
    this.request = request;
  }
  get isLog(): boolean {
    return this.request.kind === "audit" || this.request.kind === "notice";
  }
  item(id: string): Item | undefined {
    return this.items.find((item) => item.id === id);
  }
}

export interface LiveOptions {
  localAddress?: string;
  headers?: Record<string, string>;
  /** Between the socket and the client: what it returns is applied instead. For planted faults. */
  tap?: (message: Message) => Message[];
  /** Hears each frame, opening and refusal with the subscription that it belongs to. */
  watch?: (mirror: Mirror, message: Message) => void;
}

export class Live {
  readonly client: Client;
  readonly mirrors = new Map<string, Mirror>();
  readonly complaints: string[] = [];
  ws!: Ws;
  hello: Message | undefined;
  /** Of the last mark. */
  pos: string | undefined;
  marks = 0;
  presence: Message[] = [];
  errors: Message[] = [];
  /** Channels that the server itself has ended: with a change of rights, or with an error. */
  private readonly ended = new Set<string>();
  private readonly options: LiveOptions;
  private names = 0;

  private constructor(client: Client, options: LiveOptions) {
    this.client = client;
    this.options = options;
  }

  static async open(client: Client, options: LiveOptions = {}): Promise<Live> {
    const live = new Live(client, options);
    await live.connect();
    return live;
  }

  private async connect(): Promise<void> {
    this.hello = undefined;
    this.ended.clear();
    const cookie = [...this.client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    this.ws = await Ws.open(this.client.origin, {
      headers: { cookie, ...this.options.headers },
      ...(this.options.localAddress === undefined ? {} : { localAddress: this.options.localAddress }),
      onText: (text) => {
        const message = JSON.parse(text) as Message;
        for (const each of this.options.tap?.(message) ?? [message]) this.hear(each);
      },
    });
    await waitUntil("hello", () => this.hello ?? this.ws.closed);
    if (this.hello === undefined) throw new Error(`closed before hello: ${JSON.stringify(this.ws.closed)}`);
  }

  /** A new socket in place of a lost one; every subscription asks to go on where it was. */
  async reconnect(resume = true): Promise<void> {
    // Before the first mark of the new connection, which may come ahead of any subscription and speaks of none of them.
    for (const mirror of this.mirrors.values()) {
      mirror.chan = undefined;
      mirror.open = mirror.over && mirror.open;
    }
    await this.connect();
    for (const mirror of this.mirrors.values()) {
      if (mirror.over) continue;
      this.ask(mirror, resume && mirror.state !== undefined && !mirror.isLog ? { pos: this.resumePos(mirror), state: mirror.state } : {});
    }
  }
  private resumePos(mirror: Mirror): string {
    return `${epochOf(mirror.pos as string)}.${mirror.at}`;
  }

  private ask(mirror: Mirror, more: Record<string, string>): void {
    this.ws.send(JSON.stringify({ op: "sub", id: mirror.id, ...mirror.request, ...more }));
  }
  sub(request: Request, more: Record<string, string> = {}): Mirror {
    const mirror = new Mirror(`s${++this.names}`, request);
    this.mirrors.set(mirror.id, mirror);
    this.ask(mirror, more);
    return mirror;
  }
  /** As `sub`, and returns when it is open; fails where it is refused. */
  async watch(request: Request): Promise<Mirror> {
    const mirror = this.sub(request);
    await waitUntil(`a subscription to ${JSON.stringify(request)}`, () => mirror.open || mirror.over);
    if (mirror.over) throw new Error(`refused: ${JSON.stringify(mirror.problem)}`);
    return mirror;
  }
  unsub(mirror: Mirror): void {
    this.mirrors.delete(mirror.id);
    mirror.over = true;
    if (mirror.chan !== undefined) this.ws.send(JSON.stringify({ op: "unsub", chan: mirror.chan, id: mirror.id }));
  }
  move(mirror: Mirror, range: [number, number]): void {
    const { limit: _, ...request } = mirror.request;
    mirror.request = { ...request, range };
    mirror.open = false;
    mirror.state = undefined;
    this.ws.send(JSON.stringify({ op: "move", chan: mirror.chan, id: mirror.id, range }));
    mirror.chan = undefined;
  }
  edit(form: string, record: string, field?: string): void {
    this.ws.send(JSON.stringify({ op: "edit", form, record, ...(field === undefined ? {} : { field }) }));
  }
  async close(): Promise<void> {
    await this.ws.close();
  }

  /** Waits for a mark at or past `pos` that speaks of every subscription. */
  async until(pos: string, ms = 15_000): Promise<void> {
    const wanted = sequenceOf(pos);
    const behind = () => [...this.mirrors.values()].find((mirror) => !mirror.over && (!mirror.open || mirror.at < wanted));
    await waitUntil(`a mark at ${pos}`, () => {
      if (this.ws.closed !== undefined) throw new Error(`the socket is closed: ${JSON.stringify(this.ws.closed)}`);
      return sequenceOf(this.pos) >= wanted && behind() === undefined;
    }, ms).catch((error: unknown) => {
      const last = behind();
      const which = last === undefined ? "" : `; behind: ${last.chan ?? last.id}, open ${last.open}, at ${last.at}, ${JSON.stringify(last.request)}`;
      const errors = this.errors.slice(-3).map((each) => JSON.stringify(each)).join(" ");
      throw new Error(`${String(error instanceof Error ? error.message : error)}; mark ${this.pos}${which}; the last errors: ${errors}`);
    });
  }

  /**
   * As `until`, without waiting for the clock: a list that nobody else asks for is opened and given up; its snapshot stands at
   * or past `pos`, for that has committed, and the mark behind it speaks of everything.
   */
  async settle(pos: string): Promise<void> {
    if (sequenceOf(this.pos) < sequenceOf(pos)) {
      const probe = this.sub({ kind: "records", form: "customer", filter: { or: [] }, range: [Live.probes++, 1] });
      await waitUntil("the answer to a probe", () => probe.open || probe.over);
      if (!probe.over) this.unsub(probe);
      else await this.settleOtherwise(probe, pos);
    }
    await this.until(pos);
  }
  /** Of who may list nothing: everybody has notices, and a mark follows their snapshot. */
  private async settleOtherwise(refused: Mirror, pos: string): Promise<void> {
    this.mirrors.delete(refused.id);
    await waitUntil(`a mark at ${pos}, for one who may list nothing`, async () => {
      this.unsub(await this.watch({ kind: "notice" }));
      return sequenceOf(this.pos) >= sequenceOf(pos);
    });
  }
  private static probes = Math.floor(Math.random() * 900_000_000);

  private complain(what: string, message: unknown): void {
    this.complaints.push(`${what}: ${JSON.stringify(message).slice(0, 1500)}`);
  }
  /** Two subscriptions that ask the same have one channel, whose frames come once. */
  private byChan(chan: string | undefined): Mirror[] {
    return [...this.mirrors.values()].filter((mirror) => mirror.chan === chan && chan !== undefined);
  }

  /** Public for tests that bring messages of their own. */
  hear(message: Message): void {
    switch (message.op) {
      case "hello":
        if (this.hello !== undefined) this.complain("a second hello", message);
        this.hello = message;
        break;
      case "subscribed":
        return this.hearSubscribed(message);
      case "snapshot":
      case "delta":
        return this.hearFrame(message);
      case "mark":
        return this.hearMark(message);
      case "presence":
        return this.hearPresence(message);
      case "schema":
        for (const mirror of this.mirrors.values()) if (mirror.request.form === message.form) mirror.schemas++;
        break;
      case "error":
        return this.hearError(message);
      default:
        this.complain("an op that nobody knows", message);
    }
  }

  private hearSubscribed(message: Message): void {
    const mirror = this.mirrors.get(message.id ?? "");
    if (mirror === undefined) {
      // Given up before it was opened: what it would tell is not wanted any more.
      this.ws.send(JSON.stringify({ op: "unsub", chan: message.chan, id: message.id }));
      return;
    }
    if (mirror.chan !== undefined && mirror.chan !== message.chan) this.ended.add(mirror.chan);
    mirror.chan = message.chan;
    this.options.watch?.(mirror, message);
    // Without a snapshot behind it, it goes on where it was.
    mirror.open = mirror.state !== undefined;
  }

  private hearFrame(message: Message): void {
    // None: on its way when we left. But what the server has ended is silent.
    if (this.ended.has(message.chan ?? "")) this.complain("a frame of an ended channel", message);
    for (const mirror of this.byChan(message.chan)) this.showFrame(mirror, message);
  }

  private showFrame(mirror: Mirror, message: Message): void {
    this.options.watch?.(mirror, message);
    mirror.frames.push(message);
    if (mirror.frames.length > 8) mirror.frames.shift();
    if (message.op === "snapshot") {
      mirror.items = message.items ?? [];
      mirror.total = message.total;
      mirror.state = message.state;
      mirror.snapshots++;
      mirror.open = true;
      const ids = new Set(mirror.items.map((item) => item.id));
      if (ids.size !== mirror.items.length) this.complain("an id twice in a snapshot", message);
    } else {
      if (!mirror.open) this.complain("a delta before its snapshot", message);
      if (sequenceOf(message.pos) < sequenceOf(mirror.pos)) this.complain(`a delta behind ${mirror.pos}`, message);
      mirror.deltas++;
      const fault = mirror.isLog ? applyLog(mirror, message) : applyDelta(mirror, message);
      if (fault !== undefined) this.complain(fault, mirror.frames.slice(-3));
    }
    mirror.pos = message.pos;
    mirror.at = sequenceOf(message.pos);
    const most = mirror.request.range?.[1] ?? mirror.request.limit ?? (mirror.request.kind === "record" ? 1 : 50);
    if (!mirror.isLog && mirror.items.length > most) this.complain(`more than ${most} rows in the window`, message);
  }

  private hearMark(message: Message): void {
    if (this.pos !== undefined && epochOf(this.pos) === epochOf(message.pos as string) && sequenceOf(message.pos) < sequenceOf(this.pos)) {
      this.complain(`a mark behind ${this.pos}`, message);
    }
    this.pos = message.pos;
    this.marks++;
    for (const mirror of this.mirrors.values()) {
      if (mirror.open) mirror.at = Math.max(mirror.at, sequenceOf(message.pos));
    }
    for (const [chan, hash] of Object.entries(message.hash ?? {})) {
      for (const mirror of this.byChan(chan)) {
        if (!mirror.open || mirror.isLog) continue;
        mirror.hashes++;
        const own = stateHash(mirror.items);
        if (own !== hash) this.complain(`the hash of ${chan} is ${own} here`, message);
      }
    }
  }

  private hearPresence(message: Message): void {
    this.presence.push(message);
    for (const mirror of this.mirrors.values()) {
      if (mirror.request.kind === "record" && mirror.request.record === message.record) mirror.users = message.users;
    }
  }

  private hearError(message: Message): void {
    this.errors.push(message);
    const mirror = message.id === undefined ? this.byChan(message.chan)[0] : this.mirrors.get(message.id);
    if (mirror !== undefined) this.options.watch?.(mirror, message);
    if (mirror === undefined || message.open === true) return;
    mirror.problem = message.problem;
    mirror.over = true;
    if (mirror.chan !== undefined) this.ended.add(mirror.chan);
    mirror.chan = undefined;
  }
}

/** Steps 1 to 3 of "Applying a delta to a list". Returns what is wrong with it. */
export function applyDelta(mirror: Mirror, message: Message): string | undefined {
  const before = mirror.items;
  const [total, gone] = [mirror.total, new Set(message.del ?? [])];
  let fault: string | undefined;
  for (const id of gone) if (!before.some((item) => item.id === id)) fault ??= `del of ${id}, which is not here`;
  let items = before.filter((item) => !gone.has(item.id));
  const kept = new Map<string, Item>();
  for (const put of message.put ?? []) {
    const at = items.findIndex((item) => item.id === put.id);
    const old = items[at];
    const whole = put.masked !== undefined;
    if (old === undefined) {
      if (!whole || put.version === undefined || put.fields === undefined) fault ??= `${put.id} enters and is not whole`;
      kept.set(put.id as string, put as Item);
      continue;
    }
    const now = whole ? (put as Item) : { ...old, version: put.version as string, fields: { ...old.fields, ...put.fields } };
    if (isDeepStrictEqual(old, now)) fault ??= `a put that changes nothing of ${put.id}`;
    if (!whole) for (const [key, value] of Object.entries(put.fields ?? {})) if (isDeepStrictEqual(old.fields[key], value)) fault ??= `${key} of ${put.id} has not changed`;
    items = items.with(at, now);
  }
  const places = Object.entries(message.order ?? {}).sort((a, b) => a[1] - b[1]);
  for (const [id] of places) {
    const at = items.findIndex((item) => item.id === id);
    if (at >= 0) {
      kept.set(id, items[at] as Item);
      items = items.toSpliced(at, 1);
    }
  }
  for (const [id, place] of places) {
    const item = kept.get(id);
    if (item === undefined) fault ??= `the order names ${id}, which is not here`;
    else if (place > items.length) fault ??= `${id} has the place ${place} of ${items.length}`;
    else items = items.toSpliced(place, 0, item);
    kept.delete(id);
  }
  if (kept.size > 0) fault ??= `${[...kept.keys()].join()} entered without a place`;
  if (message.total !== undefined) mirror.total = message.total;
  mirror.items = items;
  if (isDeepStrictEqual(items, before) && total === mirror.total) fault ??= "a delta that changes nothing";
  return fault;
}

function applyLog(mirror: Mirror, message: Message): string | undefined {
  for (const put of message.put ?? []) {
    const at = mirror.items.findIndex((item) => item.id === put.id);
    if (at >= 0) mirror.items = mirror.items.with(at, put as Item);
    else mirror.items = [put as Item, ...mirror.items];
  }
  return (message.del ?? []).length > 0 ? "the log loses an event" : undefined;
}

/** What a fresh query by the same viewer gives now: the rows of the window in their order, and the total. */
export async function fresh(client: Client, request: Request): Promise<{ items: Item[]; total: string | undefined }> {
  const path = `/forms/${request.form}/records`;
  if (request.kind === "record") {
    const reply = await client.get(`${path}/${request.record}`);
    return { items: reply.status === 404 ? [] : [client.expect<Item>(200, reply)], total: undefined };
  }
  const [start, length] = request.range ?? [0, request.limit ?? 50];
  const items: Item[] = [];
  let [after, total]: [string, string | undefined] = ["", undefined];
  do {
    const query = new URLSearchParams({ limit: String(Math.min(200, start + length - items.length)) });
    if (request.filter !== undefined) query.set("filter", JSON.stringify(request.filter));
    if (request.sort !== undefined && request.sort !== "") query.set("sort", request.sort);
    if (request.fields !== undefined) query.set("fields", request.fields.join(","));
    if (request.count === true && items.length === 0) query.set("count", "1");
    if (after !== "") query.set("after", after);
    const page = await client.list(`${path}?${query}`);
    items.push(...page.items);
    total ??= page.total;
    after = page.next ?? "";
  } while (after !== "" && items.length < start + length);
  return { items: items.slice(start, start + length), total };
}

/** The first difference between what a mirror shows and what it should; undefined where they agree. */
export function difference(mirror: Mirror, should: { items: Item[]; total: string | undefined }): string | undefined {
  const ids = (items: Item[]) => items.map((item) => item.id).join(" ");
  if (ids(mirror.items) !== ids(should.items)) {
    return `rows:\n    shown ${ids(mirror.items)}\n    fresh ${ids(should.items)}`;
  }
  for (const [i, item] of should.items.entries()) {
    const shown = mirror.items[i] as Item;
    for (const part of ["version", "fields", "masked", "locked", "can"] as const) {
      if (!isDeepStrictEqual(shown[part], item[part])) {
        return `${part} of ${item.id}:\n    shown ${JSON.stringify(shown[part])}\n    fresh ${JSON.stringify(item[part])}`;
      }
    }
  }
  return mirror.total === should.total ? undefined : `total: shown ${mirror.total}, fresh ${should.total}`;
}
