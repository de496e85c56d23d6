// The log made provable: events get their positions, seals come and are shown to the auditor, and an exported log is proved
// offline, by the program and by a second verifier that was written from docs/audit-format.md.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { createCustomer } from "../lib/demo.ts";
import { events, type Event } from "../lib/log.ts";
import { prove } from "../lib/proof.ts";
import { SANITIZER_OPTIONS } from "../lib/server.ts";
import { login, sharedServer } from "../lib/shared.ts";
import { waitUntil } from "../lib/wait.ts";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-seals-"));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

interface Seals {
  log: string;
  unsealed: number;
  items: Record<string, string | null>[];
  next: string | null;
}

async function tidemark(args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const { binary } = await sharedServer();
  const run = spawnSync(binary, ["audit", ...args], {
    encoding: "utf8",
    timeout: 120_000,
    maxBuffer: 1 << 30,
    env: { ...process.env, ...SANITIZER_OPTIONS },
  });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

test("an event gets the position of its commit, and its seal", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  const item = await createCustomer(clerk);
  let event: Event | undefined;
  await waitUntil("the position", async () => {
    event = (await events(auditor, { record: item.id, action: "create" }))[0];
    return (event?.pos ?? null) !== null;
  });
  assert.equal(event?.pos, item.pos, "that which the answer to the write told");
});

test("the auditor reads the seals, page by page, and the look is logged; nobody else does", async () => {
  const [clerk, auditor] = [await login("clerk"), await login("auditor")];
  assert.equal((await clerk.get("/audit/seals")).status, 403);
  assert.equal((await auditor.get("/audit/seals?limit=0")).status, 422);
  assert.equal((await auditor.get("/audit/seals?limit=201")).status, 422);
  assert.equal((await auditor.get("/audit/seals?after=x")).status, 422);
  await waitUntil("three seals", async () => {
    await auditor.get("/audit?limit=1"); // an event of its own, to be sealed
    return auditor.expect<Seals>(200, await auditor.get("/audit/seals?limit=3")).items.length === 3;
  });
  const first = auditor.expect<Seals>(200, await auditor.get("/audit/seals?limit=1"));
  const second = auditor.expect<Seals>(200, await auditor.get(`/audit/seals?limit=1&after=${first.next}`));
  assert.equal(Number(second.items[0]?.["seal"]), Number(first.items[0]?.["seal"]) - 1);
  assert.match(first.log, /^[0-9a-f]{32}$/);
  const look = (await events(auditor, { action: "list", form: "_seal" }, 1))[0];
  assert.equal(look?.login, "auditor");
});

test("an exported log is proved with nothing but the file, and by a second verifier; what was changed is named", async () => {
  const auditor = await login("auditor");
  const { data } = await sharedServer();
  const kept = auditor.expect<Seals>(200, await auditor.get("/audit/seals?limit=3")).items;
  const exported = await tidemark(["export", "--data", data]);
  assert.equal(exported.status, 0, exported.err);
  const [file, seals] = [path.join(scratch, "log.jsonl"), path.join(scratch, "seals.jsonl")];
  fs.writeFileSync(file, exported.out);
  fs.writeFileSync(seals, kept.map((seal) => `${JSON.stringify(seal)}\n`).join(""));
  const key = kept[0]?.["key"] as string;
  const proof = prove(exported.out, key, 50);
  assert.ok(proof.seals.length >= 3 && proof.leaves.length > 300);
  assert.ok(proof.leaves.some((leaf) => leaf["pos"] === null) && proof.leaves.some((leaf) => leaf["pos"] !== null));

  const good = await tidemark(["verify", file, "--key", key, "--seal", seals]);
  assert.equal(good.status, 0, good.out + good.err);
  assert.match(good.out, new RegExp(`^good: ${proof.leaves.length} events from leaf 0 on, ${proof.seals.length} seals\n`));
  assert.match(good.out, /\(as given\)/);
  assert.match(good.out, /^seals that were kept elsewhere: compared 3 of 3, none differs$/m);
  assert.equal((await tidemark(["verify", file, "--key", key.replace(/^./, key.startsWith("0") ? "1" : "0")])).status, 1);

  const changed = path.join(scratch, "changed.jsonl");
  const victim = proof.leaves[Math.floor(proof.leaves.length / 2)] as Record<string, string>;
  fs.writeFileSync(changed, exported.out.replace(`"id":"${victim["id"]}","at":"2`, `"id":"${victim["id"]}","at":"1`));
  const bad = await tidemark(["verify", changed]);
  assert.equal(bad.status, 1);
  assert.ok(bad.out.startsWith("bad: line ") && bad.out.includes(`leaf ${victim["leaf"]}, event ${victim["id"]}`), bad.out);

  const from = proof.seals[Math.floor(proof.seals.length / 2)]?.["at"] as string;
  const range = await tidemark(["export", "--data", data, "--from", from]);
  fs.writeFileSync(changed, range.out);
  const part = await tidemark(["verify", changed, "--key", key]);
  assert.equal(part.status, 0, part.out);
  assert.doesNotMatch(part.out, /from leaf 0 on/);
  const own = await tidemark(["verify", "--data", data, "--key", key]);
  assert.equal(own.status, 0, own.out + own.err);
  const told = (await events(auditor, { action: "export", form: "_log" }, 1))[0];
  assert.equal(told?.login, "system", "an export of the log is an event of the log");
});

test("wrong use is 2, what cannot be read is 3", async () => {
  for (const args of [[], ["polish"], ["verify", "a", "b"], ["verify", "--key", "short", "x"], ["export", "--from", "yesterday"], ["verify", "--from", "2026-01-01T00:00:00Z"]]) {
    const run = await tidemark(args);
    assert.equal(run.status, 2, `${args.join(" ")}: ${run.out}${run.err}`);
    assert.notEqual(run.err, "");
  }
  assert.equal((await tidemark(["verify", path.join(scratch, "none")])).status, 3);
});
