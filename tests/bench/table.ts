// The table that the benchmark prints: a line for each number, with what it stands beside and what it must reach.
import { spawnSync } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { PASSWORD, ROOT } from "../lib/server.ts";

export const FOLDER = path.join(ROOT, "build/bench");
export const counts = { passed: 0, failed: 0 };
export type Numbers = Record<string, number>;

export function heading(): void {
  console.log(`${os.cpus().length} cores; load average at the start ${load()}`);
  console.log(`| ${"what".padEnd(44)} | ${"measured".padStart(20)} | ${"beside it".padStart(38)} | ${"target".padEnd(14)} |        |`);
  console.log(`| ${"-".repeat(44)} | ${"-".repeat(20)} | ${"-".repeat(38)} | ${"-".repeat(14)} | ------ |`);
}

/** good: undefined where there is no target. */
export function row(what: string, value: string, beside: string, target: string, good?: boolean): void {
  if (good === true) counts.passed++;
  if (good === false) counts.failed++;
  const mark = good === undefined ? "" : good ? "ok" : "MISSED";
  console.log(`| ${what.padEnd(44)} | ${value.padStart(20)} | ${beside.padStart(38)} | ${target.padEnd(14)} | ${mark.padEnd(6)} |`);
}

export const load = (): string => os.loadavg().map((value) => value.toFixed(1)).join(" ");

export const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** The value of a name in the middle of several runs. */
export const middle = (runs: Numbers[], name: string): number => median(runs.map((run) => run[name] as number));

/** Runs a program of the bench build, which prints name=value. */
export function measure(program: string, args: (string | number)[], seconds = 120): Numbers {
  const run = spawnSync(path.join(FOLDER, "bench", program), args.map(String), {
    encoding: "utf8",
    timeout: seconds * 1000,
    env: { ...process.env, TIDEMARK_DEMO_PASSWORD: PASSWORD },
  });
  if (run.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${run.status ?? run.signal}\n${run.stderr}`);
  return Object.fromEntries(
    run.stdout
      .trim()
      .split(/\s+/)
      .map((pair) => pair.split("=") as [string, string])
      .map(([name, value]) => [name, Number(value)]),
  );
}
