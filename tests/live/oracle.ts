// Live equals fresh. People of different rights look at random lists, windows and records while others write at random;
// whenever all is quiet for a moment, what each screen shows by frames alone must be what a fresh query by the same
// person gives. The seed is all that a failure needs to be played again:
//
//   LIVE_SEED=7 LIVE_STEPS=500 node --test live/oracle.test.ts
//
// LIVE_CAREFUL=1 writes one at a time and compares every list after each, LIVE_PEOPLE=risk,clerk lets only them look: that
// leads from a failure to the one write behind it. With `rights`, people whose rights change under way look on as well.
import type { Client } from "../lib/client.ts";
import { formOf, type FieldDefinition } from "../lib/demo.ts";
import { difference, fresh, Live, type Message, type Mirror, type Request } from "../lib/live.ts";
import { SqlShell } from "../lib/sql.ts";
import { waitUntil } from "../lib/wait.ts";
import { Chance, rangeOver, requestOver } from "./chance.ts";
import { beyondFence, Rights, type Told } from "./rights.ts";
import { Writes } from "./writes.ts";

export interface OracleOptions {
  seed: number;
  steps: number;
  binary: string;
  data: string;
  logIn: (name: string) => Promise<Client>;
  people?: string[];
  subscriptions?: number;
  /** One write at a time, everything compared after each. */
  careful?: boolean;
  /** Stands between the first viewer's socket and his client. */
  tap?: (message: Message) => Message[];
  /** How often rights change, as a part of all bursts of writes. */
  rights?: number;
}
export interface OracleOutcome {
  writes: number;
  refused: number;
  comparisons: number;
  frames: number;
  snapshots: number;
  hashes: number;
  resumed: number;
  requestsRefused: number;
  rightsChanged: number;
}

interface Viewer {
  name: string;
  live: Live;
  fields: FieldDefinition[];
  told: Told;
}

const WRITERS = ["clerk", "clerk2", "manager", "risk"];
const PEOPLE = ["clerk", "clerk2", "manager", "president", "risk"];

export class Oracle {
  private readonly options: OracleOptions;
  private readonly chance: Chance;
  private readonly shell: SqlShell;
  private readonly viewers: Viewer[] = [];
  private writes!: Writes;
  private rights: Rights | undefined;
  private epoch = "";
  private target = -1;
  private step = 0;
  private count = { comparisons: 0, resumed: 0, requestsRefused: 0, snapshots: 0, frames: 0, hashes: 0, rightsChanged: 0 };

  constructor(options: OracleOptions) {
    this.options = options;
    this.chance = new Chance(options.seed);
    this.shell = new SqlShell(options.binary, options.data);
  }

  async run(): Promise<OracleOutcome> {
    try {
      await this.begin();
      while (this.step < this.options.steps) {
        if (this.chance.true(this.options.rights ?? 0)) await this.changeRights();
        await this.burst();
        await (this.options.careful === true ? this.compareAll() : this.checkpoint());
      }
      await this.compareAll();
    } catch (error) {
      throw new Error(`${String(error instanceof Error ? error.message : error)}\n${this.tale()}`, { cause: error });
    } finally {
      for (const viewer of this.viewers) await viewer.live.close();
      await this.shell.end();
      await this.rights?.end();
    }
    for (const viewer of this.viewers) for (const mirror of viewer.live.mirrors.values()) this.tally(mirror);
    return { writes: this.writes.done, refused: this.writes.refused, ...this.count };
  }

  private tale(): string {
    const story = this.writes?.story.slice(-25).join("\n    ") ?? "";
    return `seed ${this.options.seed}, step ${this.step}; the last writes (transaction: what):\n    ${story}`;
  }

  private async begin(): Promise<void> {
    const writers = await Promise.all(WRITERS.map(async (name) => Writes.writer(name, await this.options.logIn(name))));
    this.writes = new Writes(this.shell, writers, this.chance);
    await this.writes.look();
    if (this.options.rights !== undefined) this.rights = await Rights.make();
    for (const person of this.rights?.people ?? []) await this.seat(person.name, person.client);
    for (const name of this.options.people ?? PEOPLE) await this.seat(name, await this.options.logIn(name));
  }

  private async seat(name: string, client: Client): Promise<void> {
    const tap = this.viewers.length === 0 ? this.options.tap : undefined;
    const told: Told = [];
    const live = await Live.open(client, { tap: (message) => (tap?.(message) ?? [message]).map((each) => (told.push(each), each)) });
    const viewer = { name, live, fields: (await formOf(client)).fields, told };
    this.viewers.push(viewer);
    this.epoch = (live.hello?.pos ?? "").split(".")[0] as string;
    for (let i = 0; i < (this.options.subscriptions ?? 8); i++) this.subscribe(viewer);
  }

  /** Rights change while others write and screens change their mind; then what each of those whom it may concern sees is
   *  what he may see now. */
  private async changeRights(): Promise<void> {
    const rights = this.rights as Rights;
    for (const viewer of this.viewers) viewer.told.length = 0;
    let [text, sequence] = ["", -1];
    const change = async () => {
      ({ text, sequence } = await rights.change(this.chance, this.writes.places.departments));
      this.writes.story.push(`${sequence}: ${text}`);
    };
    await this.burst(change);
    this.target = Math.max(this.target, sequence);
    this.count.rightsChanged++;
    const other = this.chance.pick(this.viewers);
    for (const viewer of this.viewers) {
      const concerned = rights.people.some((person) => person.client === viewer.live.client);
      if (!concerned && viewer !== other) continue;
      await this.compare(viewer, [...viewer.live.mirrors.values()].filter((mirror) => !mirror.over), !concerned);
      if (!concerned) continue;
      const wrong = await beyondFence(viewer.live.client, viewer.told, sequence);
      if (wrong !== undefined) throw new Error(`${viewer.name}: ${wrong}`);
      viewer.fields = await formOf(viewer.live.client).then((form) => form.fields, () => []);
    }
  }

  private tally(mirror: Mirror): void {
    this.count.snapshots += mirror.snapshots;
    this.count.frames += mirror.deltas;
    this.count.hashes += mirror.hashes;
  }

  private subscribe(viewer: Viewer): void {
    const records = this.writes.rows.map((row) => row.id);
    const fields = viewer.fields.length > 0 ? viewer.fields : (this.viewers.find((other) => other.name === "manager") ?? viewer).fields;
    const request = fields.length === 0 ? { kind: "records" as const, form: "customer" } : requestOver(fields, this.chance, this.writes.places, records);
    viewer.live.sub(request);
  }

  /** Some writes by several hands at once, and screens that change their mind meanwhile. */
  private async burst(change?: () => Promise<void>): Promise<void> {
    const lanes = this.options.careful === true ? 1 : this.chance.between(1, 3);
    const each = this.options.careful === true ? 1 : this.chance.between(1, 4);
    const lane = async () => {
      for (let i = 0; i < each; i++) {
        // In two steps: what stands in front of an await is read before it, and another lane's number would be lost.
        const sequence = await this.writes.one();
        this.target = Math.max(this.target, sequence);
      }
    };
    const running = Array.from({ length: lanes }, lane);
    if (change !== undefined) running.push(change());
    this.step += lanes * each;
    for (const viewer of this.viewers) await this.churn(viewer, change === undefined);
    await Promise.all(running);
    if (this.chance.true(0.1)) await this.writes.look();
  }

  /** Who moves a window whose channel ends with a change of rights is refused, and would have to ask again. */
  private async churn(viewer: Viewer, moves: boolean): Promise<void> {
    const { live } = viewer;
    const mirrors = [...live.mirrors.values()].filter((mirror) => mirror.open);
    if (mirrors.length > 0 && this.chance.true(0.3)) {
      const mirror = this.chance.pick(mirrors);
      this.tally(mirror);
      live.unsub(mirror);
      this.subscribe(viewer);
    }
    const lists = mirrors.filter((mirror) => !mirror.over && mirror.request.kind === "records" && mirror.chan !== undefined && live.mirrors.has(mirror.id));
    if (moves && lists.length > 0 && this.chance.true(0.2)) {
      const mirror = this.chance.pick(lists);
      const range = rangeOver(this.chance, this.writes.rows.map((row) => row.id));
      live.move(mirror, range);
    }
    if (this.chance.true(0.02)) {
      live.ws.cut();
      this.writes.story.push(`${viewer.name} is cut`);
      const told = mirrors.map((mirror) => [mirror, mirror.snapshots] as const);
      await live.reconnect();
      await waitUntil("every subscription is open again", () => [...live.mirrors.values()].every((mirror) => mirror.open || mirror.over));
      this.count.resumed += told.filter(([mirror, snapshots]) => live.mirrors.has(mirror.id) && mirror.snapshots === snapshots).length;
    }
  }

  /** All is quiet: what a fresh query gives now is what it gave at the last write's position. */
  private async checkpoint(): Promise<void> {
    // Where there are more, five at a time: what is not looked at now is looked at later.
    const left = [...this.viewers];
    while (left.length > 5) left.splice(this.chance.below(left.length), 1);
    await Promise.all(left.map(async (viewer) => {
      const open = [...viewer.live.mirrors.values()].filter((mirror) => !mirror.over);
      await this.compare(viewer, open.length === 0 ? [] : this.chance.some(open, 3));
    }));
  }
  private async compareAll(): Promise<void> {
    for (const viewer of this.viewers) await this.compare(viewer, [...viewer.live.mirrors.values()].filter((mirror) => !mirror.over));
  }

  private async compare(viewer: Viewer, chosen: Mirror[], rightsStood = true): Promise<void> {
    const { live, name } = viewer;
    const asked: [Mirror, Request, { items: any[]; total: string | undefined } | Error][] = [];
    for (const mirror of chosen) {
      const request = mirror.request;
      asked.push([mirror, request, await fresh(live.client, request).catch((error: Error) => error)]);
    }
    await live.settle(`${this.epoch}.${this.target}`);
    for (const [mirror, request, should] of asked) {
      if (mirror.over && mirror.problem !== undefined) continue;
      if (should instanceof Error) throw new Error(`${name}: open, but a fresh query fails: ${should.message}\n    ${JSON.stringify(request)}`);
      const wrong = difference(mirror, should);
      this.count.comparisons++;
      if (wrong !== undefined) {
        throw new Error(`${name}, ${mirror.chan} at ${mirror.pos} (${mirror.at}, wanted ${this.target}), ${mirror.snapshots} snapshots, ${mirror.deltas} deltas, total ${mirror.total}: ${wrong}\n    ${JSON.stringify(request)}\n    ${this.lastFrames(mirror)}\n  of these rows:\n    ${this.storyOf(wrong)}`);
      }
    }
    if (live.complaints.length > 0) throw new Error(`${name}: ${live.complaints.length} complaints, the first: ${live.complaints[0]}`);
    await this.checkRefusals(viewer, rightsStood);
  }

  /** The writes that name one of the rows in question. */
  private storyOf(wrong: string): string {
    const [shown = [], should = []] = wrong.split("fresh").map((side): string[] => side.match(/\d{15,}/g) ?? []);
    const differ = new Set([...shown.filter((id) => !should.includes(id)), ...should.filter((id) => !shown.includes(id)), ...shown.slice(0, 1)]);
    return this.writes.story.filter((line) => [...differ].some((id) => line.includes(id))).slice(-12).join("\n    ");
  }

  private lastFrames(mirror: Mirror): string {
    return mirror.frames.slice(-4).map((frame) => JSON.stringify(frame).slice(0, 1200)).join("\n    ");
  }

  /** What is refused as a subscription is refused as a query, with the same faults: as long as the rights are the same. */
  private async checkRefusals(viewer: Viewer, rightsStood: boolean): Promise<void> {
    for (const mirror of [...viewer.live.mirrors.values()].filter((each) => each.over)) {
      if (rightsStood) await this.checkRefusal(viewer, mirror);
      this.count.requestsRefused++;
      viewer.live.mirrors.delete(mirror.id);
      this.subscribe(viewer);
    }
  }
  private async checkRefusal(viewer: Viewer, mirror: Mirror): Promise<void> {
    const should = await fresh(viewer.live.client, mirror.request).catch((error: Error) => error);
    if (should instanceof Error && should.message.includes(`got ${mirror.problem?.status}`)) return;
    // A record that is not seen is refused as a query as well: 404, which `fresh` gives as no row.
    if (mirror.request.kind === "record" && (mirror.problem?.status === 404 || (!(should instanceof Error) && should.items.length === 0))) return;
    throw new Error(`${viewer.name}: refused with ${JSON.stringify(mirror.problem)}, but a fresh query gives ${JSON.stringify(should).slice(0, 300)}\n    ${JSON.stringify(mirror.request)}`);
  }
}
