// Waiting for a condition: the tests never sleep for a fixed time and hope.
import { setTimeout as pause } from "node:timers/promises";

/** Asks `probe` again and again until it gives something true, at most `ms`; then fails naming `what`. */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T> | T,
  ms = 10_000,
): Promise<Exclude<NonNullable<T>, false>> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value as Exclude<NonNullable<T>, false>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) throw new Error(`waited ${ms} ms for ${what}; last: ${String(last)}`);
    await pause(20);
  }
}
