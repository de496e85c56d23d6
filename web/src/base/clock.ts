/**
 * The server's time. The machine's own clock may be minutes off; what ends at an instant that the server names (a
 * revealed value) ends by the server's clock, never later.
 */
let ahead = 0

/** Each answer tells the second it was made in; counted to its end, so that nothing is taken to last longer. */
export function heardTime(header: string | null): void {
  const at = header === null ? NaN : Date.parse(header)
  if (!Number.isNaN(at)) ahead = at + 1000 - Date.now()
}

export const serverNow = (): number => Date.now() + ahead
