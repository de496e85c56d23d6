/** How far what is looked at has moved in its list. */

export type Seen = readonly (readonly [id: string, rank: number])[]

/**
 * By how many ranks most of these rows have moved; of equally many the smaller distance. Rows that moved by themselves
 * (their sort value changed) are few and do not count; those that are gone do not either.
 */
export function shiftOf(seen: Seen, rankOf: (id: string) => number): number {
  const votes = new Map<number, number>()
  for (const [id, rank] of seen) {
    const now = rankOf(id)
    if (now >= 0) votes.set(now - rank, (votes.get(now - rank) ?? 0) + 1)
  }
  let best = 0
  let most = 0
  for (const [shift, count] of votes) {
    if (count > most || (count === most && Math.abs(shift) < Math.abs(best))) [best, most] = [shift, count]
  }
  return best
}
