/**
 * How a list changes by a delta, exactly as docs/live-protocol.md says it: take out what left, change what is there,
 * keep what entered at hand, then put everything that has a new place there by ascending place.
 */
import type { Item } from './contract'

/** What changed of an item that is there; all of one that enters. */
export type Put = Partial<Item> & { id: string }

export interface Delta {
  put?: Put[]
  del?: string[]
  /** Id to its place in the window after this delta. */
  order?: Record<string, number>
  total?: string
}

/** The order of ids after a delta; the same array where nothing moved. */
export function orderAfter(ids: readonly string[], delta: Delta): readonly string[] {
  const gone = new Set(delta.del ?? [])
  const order = delta.order ?? {}
  const there = new Set(ids)
  // Every entering item is named in `order`; one that is not has no place but the end.
  const homeless = (delta.put ?? []).filter((put) => !there.has(put.id) && !(put.id in order) && !gone.has(put.id))
  const places = Object.entries(order).sort((a, b) => a[1] - b[1])
  if (gone.size === 0 && places.length === 0 && homeless.length === 0) return ids
  const out = ids.filter((id) => !gone.has(id) && !(id in order))
  for (const put of homeless) out.push(put.id)
  for (const [id, place] of places) out.splice(place, 0, id)
  return out
}

/** An item after a put. One that carries its rights (`can`) is whole: what it does not name is not there any more. */
export function itemAfter(item: Item, put: Put): Item {
  const whole = put.can !== undefined && put.fields !== undefined
  const fields = whole ? put.fields! : put.fields ? { ...item.fields, ...put.fields } : item.fields
  return { ...item, ...put, fields }
}

export function itemOf(put: Put): Item {
  return { version: '', fields: {}, masked: [], locked: [], can: [], ...put }
}
