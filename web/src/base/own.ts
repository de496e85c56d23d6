/**
 * Which changes are this page's own: they are not news to the person who made them. A write is known by its record
 * while it is under way (the channel may tell of it before its answer is here), afterwards by the position that its
 * answer named.
 */
const KEPT = 200

const under = new Map<string, number>()
const positions = new Set<string>()
const keyOf = (form: string, id: string | null) => `${form}/${id ?? ''}`

/** Runs a write and remembers it as one's own. */
export async function ownWrite<T extends { pos?: string } | null>(form: string, id: string | null, write: () => Promise<T>): Promise<T> {
  const key = keyOf(form, id)
  under.set(key, (under.get(key) ?? 0) + 1)
  try {
    const answer = await write()
    if (answer?.pos) {
      positions.add(answer.pos)
      if (positions.size > KEPT) positions.delete([...positions][0]!)
    }
    return answer
  } finally {
    const left = (under.get(key) ?? 1) - 1
    if (left > 0) under.set(key, left)
    else under.delete(key)
  }
}

export function isOwn(form: string, id: string, pos: string): boolean {
  return positions.has(pos) || under.has(keyOf(form, id))
}

/** A record of one's own is being created: whatever enters meanwhile may be it. */
export function isCreating(form: string): boolean {
  return under.has(keyOf(form, null))
}
