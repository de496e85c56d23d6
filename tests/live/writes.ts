// Random writes of every kind that reaches the feed: through the API by people of different rights, and typed into
// `tidemark sql` by the schema's owner: one row, many rows, several statements, back and forth, taken back.
import type { Client, Json } from "../lib/client.ts";
import { customerFields, formOf, idNo, phone, type FieldDefinition } from "../lib/demo.ts";
import { sequenceOf } from "../lib/live.ts";
import { SqlShell } from "../lib/sql.ts";
import { type Chance, type Places, valueFor } from "./chance.ts";

interface Row {
  id: string;
  owner: string;
  department: string;
}
export interface Writer {
  name: string;
  client: Client;
  fields: FieldDefinition[];
}

const PATH = "/forms/customer/records";
/** Columns that nothing is derived from, with what a hand may type there. */
const COLUMNS: Record<string, (chance: Chance) => string> = {
  stage: (c) => c.pick(["'lead'", "'contacted'", "'quoted'", "'won'", "'lost'"]),
  level: (c) => c.pick(["'strategic'", "'key'", "'growth'", "'standard'", "NULL"]),
  source: (c) => c.pick(["'website'", "'expo'", "'phone'", "NULL"]),
  registered_capital: (c) => c.pick(["NULL", "0", "0.01", "100", "380000", "99999999.99", "registered_capital + 1"]),
  credit_line: (c) => c.pick(["NULL", "1000", "2000.50"]),
  risk_grade: (c) => c.pick(["NULL", "'low'", "'medium'"]),
  birthday: (c) => c.pick(["NULL", "'1980-02-29'", "'1999-12-31'"]),
  first_contact_on: (c) => `CURRENT_DATE + INTERVAL ${c.between(-40, 0)} DAY`,
  next_follow_up_on: (c) => c.pick(["NULL", `CURRENT_DATE + INTERVAL ${c.between(-40, 40)} DAY`]),
  last_follow_up_at: (c) => c.pick(["NULL", `'2026-11-1${c.below(10)} 0${c.below(10)}:00:00.${c.below(1000000)}'`]),
  phone: () => `'${phone()}'`,
  id_no: () => `'${idNo()}'`,
  // What a search compares is a column of its own: whoever types a text types both, or a fresh query finds the old one.
  notes: (c) => {
    const text = c.pick(["NULL", "''", `'手工 ${c.below(1000)}'`]);
    return `${text}, _f_notes = ${text}`;
  },
};

export class Writes {
  rows: Row[] = [];
  places: Places = { users: [], departments: [] };
  /** What was done, in words, newest last. */
  readonly story: string[] = [];
  done = 0;
  refused = 0;
  private readonly shell: SqlShell;
  private readonly writers: Writer[];
  private readonly chance: Chance;
  private serial = 0;

  constructor(shell: SqlShell, writers: Writer[], chance: Chance) {
    this.shell = shell;
    this.writers = writers;
    this.chance = chance;
  }

  static async writer(name: string, client: Client): Promise<Writer> {
    return { name, client, fields: (await formOf(client)).fields };
  }

  /** Looks at the table anew: which rows there are, whose they are. */
  async look(): Promise<void> {
    const lines = await this.shell.run("SELECT _id, _owner, _department FROM rec_customer WHERE _live = 1 ORDER BY _id");
    this.rows = lines.slice(1).map((line) => {
      const [id = "", owner = "", department = ""] = line.split("\t");
      return { id, owner, department };
    });
    if (this.places.users.length > 0) return;
    const column = async (statement: string) => (await this.shell.run(statement)).slice(1);
    // Few people and places, so that rows often come and go where somebody looks.
    const users = await column("SELECT id FROM app_user WHERE login IN ('clerk', 'clerk2', 'manager', 'chenmin', 'huangjing') ORDER BY id");
    const departments = await column("SELECT id FROM department ORDER BY id LIMIT 7");
    this.places = { users, departments };
  }

  /** One write of some kind; the number of its transaction, -1 if it was refused or wrote nothing. */
  async one(): Promise<number> {
    const kind = this.chance.next();
    let sequence: number;
    if (kind < 0.48) sequence = await this.patch();
    else if (kind < 0.55) sequence = await this.create();
    else if (kind < 0.62) sequence = await this.giveAway();
    else sequence = await this.byHand(kind);
    if (sequence < 0) this.refused++;
    else this.done++;
    return sequence;
  }

  private tell(text: string, sequence: number): number {
    this.story.push(`${sequence}: ${text}`);
    if (this.story.length > 400) this.story.shift();
    return sequence;
  }

  private async send(writer: Writer, id: string, fields: Record<string, Json>): Promise<number> {
    const reply = await writer.client.patch(`${PATH}/${id}`, { fields }, "*");
    if (![200, 403, 404, 409, 422].includes(reply.status)) throw new Error(`${writer.name} PATCH ${JSON.stringify(fields)}: ${reply.status} ${reply.text}`);
    return this.tell(`${writer.name} ${id} ${JSON.stringify(fields)} → ${reply.status}`, reply.status === 200 ? sequenceOf(reply.json<{ pos: string }>().pos) : -1);
  }

  private async patch(): Promise<number> {
    const writer = this.chance.pick(this.writers);
    const me = writer.client.session?.user.id;
    const own = this.rows.filter((row) => row.owner === me);
    const row = this.chance.pick(own.length > 0 && writer.name.startsWith("clerk") ? own : this.rows);
    const writable = writer.fields.filter((field) => field.access === "write" && !["auto_number", "credit_code", "member", "department"].includes(field.type));
    const fields = this.chance.some(writable, 3).map((field) => [field.key, valueFor(field, this.chance, this.places)] as const);
    return this.send(writer, row.id, Object.fromEntries(fields));
  }

  private async create(): Promise<number> {
    const writer = this.chance.pick(this.writers.filter((each) => each.name !== "risk"));
    const more: Record<string, Json> = {};
    for (const field of writer.fields) {
      if (field.access === "write" && ["choice", "money", "date", "text"].includes(field.type)) {
        const value = valueFor(field, this.chance, this.places);
        if (value !== null) more[field.key] = value;
      }
    }
    const reply = await writer.client.post(PATH, { fields: await customerFields(writer.client, more) });
    if (reply.status !== 201) throw new Error(`${writer.name} POST: ${reply.status} ${reply.text}`);
    const made = reply.json<{ id: string; pos: string }>();
    return this.tell(`${writer.name} creates ${made.id}`, sequenceOf(made.pos));
  }

  private async giveAway(): Promise<number> {
    const manager = this.writers.find((each) => each.name === "manager") as Writer;
    const fields: Record<string, Json> = { owner: this.chance.pick(this.places.users) };
    if (this.chance.true(0.7)) fields["department"] = this.chance.pick(this.places.departments);
    return this.send(manager, this.chance.pick(this.rows).id, fields);
  }

  private sets(): string {
    const columns = this.chance.some(Object.keys(COLUMNS), 3).map((column) => `${column} = ${COLUMNS[column]?.(this.chance)}`);
    if (this.chance.true(0.2)) columns.push(`_department = ${this.chance.pick(this.places.departments)}`);
    if (this.chance.true(0.2)) columns.push(`_owner = ${this.chance.pick([...this.places.users, "NULL"])}`);
    // A hand forgets the revision as often as not.
    if (this.chance.true(0.5)) columns.push("_rev = _rev + 1");
    return columns.join(", ");
  }
  private ids(most: number): string {
    return this.chance.some(this.rows, most).map((row) => row.id).join(", ");
  }

  private async byHand(kind: number): Promise<number> {
    const update = (most: number) => `UPDATE rec_customer SET ${this.sets()} WHERE _id IN (${this.ids(most)})`;
    let statements: string;
    if (kind < 0.78) statements = update(1);
    else if (kind < 0.86) statements = update(12);
    else if (kind < 0.88) statements = `UPDATE rec_customer SET registered_capital = MOD(CRC32(CONCAT(_id, ${this.serial++})), 50) WHERE _id % 5 = ${this.chance.below(5)}`;
    else if (kind < 0.91) statements = this.copyTexts();
    else if (kind < 0.96) statements = `START TRANSACTION;\n${[update(2), this.oddity(), update(3)].join(";\n")};\n${this.chance.true(0.8) ? "COMMIT" : "ROLLBACK"}`;
    else statements = this.oddity();
    return this.tell(statements, await this.shell.write(statements));
  }

  /** Texts with what is derived from them, from one row to another. */
  private copyTexts(): string {
    const [to, from] = [this.chance.pick(this.rows).id, this.chance.pick(this.rows).id];
    const columns = ["name", "_f_name", "_k_name", "legal_person", "_f_legal_person", "tags"];
    return `UPDATE rec_customer a JOIN rec_customer b ON b._id = ${from} SET ${columns.map((column) => `a.${column} = b.${column}`).join(", ")} WHERE a._id = ${to}`;
  }

  /** Rows that come, go, change their id, or were never meant to be seen. */
  private oddity(): string {
    const id = this.chance.pick(this.rows).id;
    switch (this.chance.below(6)) {
      case 0:
        return `UPDATE rec_customer SET _live = NULL WHERE _id IN (${this.ids(3)})`;
      case 1:
        return "UPDATE rec_customer SET _live = 1 WHERE _live IS NULL ORDER BY _id DESC LIMIT 2";
      case 2:
        return `DELETE FROM rec_customer WHERE _id = ${id}`;
      case 3: {
        const copy = `copy_${process.pid}_${this.serial++}`;
        return (
          `CREATE TEMPORARY TABLE ${copy} AS SELECT * FROM rec_customer WHERE _id = ${id};\n` +
          `UPDATE ${copy} SET _id = _id + ${1000 + this.serial}, no = NULL, credit_code = NULL, registered_capital = ${this.chance.below(100)};\n` +
          `INSERT IGNORE INTO rec_customer SELECT * FROM ${copy};\nDROP TEMPORARY TABLE ${copy}`
        );
      }
      case 4:
        return `UPDATE IGNORE rec_customer SET _id = _id + 1 WHERE _id = ${id}`;
      default:
        return `UPDATE rec_customer SET stage = 'won' WHERE _id = ${id};\nUPDATE rec_customer SET stage = 'lead' WHERE _id = ${id}`;
    }
  }
}
