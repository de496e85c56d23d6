// A second verifier of exported logs, written from docs/audit-format.md alone: if that page did not say enough, or the server
// did something else, the two would not agree.
import { createHash, createPublicKey, verify } from "node:crypto";

const MEMBERS = ["pos", "n", "id", "at", "actor", "login", "action", "form", "record", "rev", "records", "changes", "session", "address", "request", "detail"];
const MESSAGE = ["seal", "size", "root", "prev", "at", "term", "pos", "found", "gap", "key", "next"];

type Line = Record<string, string | null>;
export interface Proof {
  log: string;
  leaves: Line[];
  seals: Line[];
}

const hash = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const byte = (value: number) => Buffer.from([value]);

function leafHash(leaf: Line): Buffer {
  const parts = [byte(0)];
  for (const member of MEMBERS) {
    const text = leaf[member];
    const length = Buffer.alloc(4, 0xff);
    if (text === null || text === undefined) {
      parts.push(length);
      continue;
    }
    length.writeUInt32BE(Buffer.byteLength(text));
    parts.push(length, Buffer.from(text));
  }
  return hash(...parts);
}

/** By the definition: the left subtree takes the largest power of two below the number of leaves. */
function rootOf(leaves: Buffer[]): Buffer {
  if (leaves.length === 0) return hash();
  if (leaves.length === 1) return leaves[0] as Buffer;
  const left = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return hash(byte(1), rootOf(leaves.slice(0, left)), rootOf(leaves.slice(left)));
}

function messageOf(log: string, seal: Line): Buffer {
  return Buffer.from(["tidemark seal 1", `log ${log}`, ...MESSAGE.map((name) => `${name} ${seal[name] ?? "-"}`), ""].join("\n"));
}

function isSigned(message: Buffer, seal: Line): boolean {
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(seal["key"] as string, "hex")]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  return verify(null, message, key, Buffer.from(seal["signature"] as string, "hex"));
}

/** The whole log, from its first leaf; throws at the first thing that is not right. Of the roots only one in `every` is worked out, and the last. */
export function prove(text: string, key: string, every = 1): Proof {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("the last line has no end");
  const head = JSON.parse(lines.shift() as string);
  if (head.tidemark !== "audit 1" || head.from !== "0") throw new Error("no whole log");
  const end = JSON.parse(lines.pop() as string);
  const proof: Proof = { log: head.log, leaves: [], seals: [] };
  const hashes: Buffer[] = [];
  let before: { seal: Line; hash: string } | undefined;
  let unsealed = 0;
  for (const text of lines) {
    const line = JSON.parse(text) as Line;
    if ("leaf" in line) {
      const computed = leafHash(line);
      if (line["leaf"] !== String(hashes.length) || computed.toString("hex") !== line["hash"]) throw new Error(`leaf ${line["leaf"]}`);
      hashes.push(computed);
      proof.leaves.push(line);
      unsealed += line["pos"] === null ? 1 : 0;
      continue;
    }
    const fault = (what: string) => new Error(`seal ${line["seal"]}: ${what}`);
    const message = messageOf(proof.log, line);
    const last = proof.leaves.findLast((leaf) => leaf["pos"] !== null);
    if (line["seal"] !== String(proof.seals.length + 1)) throw fault("number");
    if (line["size"] !== String(hashes.length)) throw fault("size");
    if (line["prev"] !== (before?.hash ?? null)) throw fault("prev");
    if (line["pos"] !== (last?.["pos"] ?? null)) throw fault("pos");
    if (line["found"] !== String(unsealed) || (unsealed > 0 && line["gap"] === null)) throw fault("found");
    if (line["key"] !== (before?.seal["next"] ?? before?.seal["key"] ?? key)) throw fault("key");
    if (!isSigned(message, line)) throw fault("signature");
    if (proof.seals.length % every === 0 && rootOf(hashes).toString("hex") !== line["root"]) throw fault("root");
    before = { seal: line, hash: hash(byte(2), message, Buffer.from(line["signature"] as string, "hex")).toString("hex") };
    proof.seals.push(line);
    unsealed = 0;
  }
  if (end.end !== String(proof.leaves.length) || end.seals !== String(proof.seals.length)) throw new Error("end");
  if (before !== undefined && rootOf(hashes).toString("hex") !== before.seal["root"]) throw new Error("the last root");
  return proof;
}
