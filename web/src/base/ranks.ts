/**
 * Which record stands at which rank of a list, as far as it was seen. What a live window holds is exact; what was seen
 * outside of it stays as it was, stale, so that scrolling back shows something at once. A row is one shallowReactive
 * object that lives as long as its record is known, so that a changed record repaints its own row and no other.
 */
import { ref, shallowReactive, type Ref } from 'vue'
import type { Item, Range } from './contract'
import { itemAfter, itemOf, orderAfter, type Delta } from './delta'

export interface Row extends Item {
  /** Fields that somebody else has just changed, with a count that differs from change to change; `''`: the row is new. */
  tint?: Record<string, number>
}

/** Known rows beyond which those far from the window are forgotten. */
const MOST = 4000
const NEAR = 1000
/** How long a tint stays: the fade, and a little more. */
const TINT_MS = 1100

export interface Ranks {
  /** Grows whenever another record stands at some rank. */
  version: Ref<number>
  /** How many ranks are known, holes included. */
  end(): number
  idAt(rank: number): string | undefined
  rankOf(id: string): number
  find(id: string): Row | undefined
  clear(): void
  /** Lays items at these ranks, whatever was there. */
  lay(start: number, items: Item[]): void
  /** Nothing stands at or behind this rank. */
  cut(end: number): void
  /** Changes a known row; false where it is not known. */
  change(item: Item): boolean
  /** A window of the list, whole. */
  window(start: number, items: Item[]): void
  /** What changed in that window, and in the number of rows; `own` tells the person's own changes. */
  applyWindow(start: number, delta: Delta, growth: number, own: (id: string) => boolean): void
  windowItems(): Item[]
  windowRange(): Range
}

export function createRanks(): Ranks {
  const version = ref(0)
  const byId = new Map<string, Row>()
  const rankById = new Map<string, number>()
  let ids: (string | undefined)[] = []
  let inWindow: readonly string[] = []
  let windowStart = 0
  let tints = 0

  function setRow(item: Item): void {
    const known = byId.get(item.id)
    if (known) Object.assign(known, item)
    else byId.set(item.id, shallowReactive({ ...item }))
  }

  function put(rank: number, id: string): void {
    const before = ids[rank]
    if (before !== undefined && before !== id && rankById.get(before) === rank) {
      rankById.delete(before)
      byId.delete(before)
    }
    const elsewhere = rankById.get(id)
    if (elsewhere !== undefined && elsewhere !== rank && ids[elsewhere] === id) ids[elsewhere] = undefined
    ids[rank] = id
    rankById.set(id, rank)
  }

  /** What stands behind the old window keeps its distance to the end when the list grows or shrinks before it. */
  function shiftTail(from: number, by: number): void {
    if (by === 0 || from >= ids.length) return
    const tail = ids.slice(from)
    ids.length = from
    tail.forEach((id, at) => {
      if (id === undefined) return
      ids[from + by + at] = id
      rankById.set(id, from + by + at)
    })
  }

  function dropRow(id: string): void {
    const rank = rankById.get(id)
    if (rank !== undefined && ids[rank] === id) ids[rank] = undefined
    rankById.delete(id)
    byId.delete(id)
  }

  function layWindow(start: number, order: readonly string[]): void {
    // All leave their places first: a row that moved within must not take a neighbour's row with it.
    for (const id of order) {
      const rank = rankById.get(id)
      if (rank !== undefined && ids[rank] === id) ids[rank] = undefined
      rankById.delete(id)
    }
    order.forEach((id, at) => put(start + at, id))
    inWindow = order
    windowStart = start
    version.value++
  }

  function trim(): void {
    if (byId.size <= MOST) return
    ids.forEach((id, rank) => {
      if (id !== undefined && (rank < windowStart - NEAR || rank > windowStart + inWindow.length + NEAR)) dropRow(id)
    })
  }

  function fade(row: Row, tint: Record<string, number>): void {
    row.tint = { ...row.tint, ...tint }
    const mine = row.tint
    setTimeout(() => row.tint === mine && (row.tint = undefined), TINT_MS)
  }

  function changeRow(row: Row, delta: NonNullable<Delta['put']>[number], own: boolean): void {
    const next = itemAfter(row, delta)
    const changed = Object.keys(delta.fields ?? {}).filter((key) => JSON.stringify(row.fields[key]) !== JSON.stringify(next.fields[key]))
    Object.assign(row, next)
    if (changed.length > 0 && !own) fade(row, Object.fromEntries(changed.map((key) => [key, ++tints])))
  }

  /** Rows that came into the middle are new; those at an end were only pushed in by their neighbours. */
  function arrivals(order: readonly string[], entered: Set<string>): string[] {
    let first = 0
    let last = order.length
    while (first < last && entered.has(order[first]!)) first++
    while (last > first && entered.has(order[last - 1]!)) last--
    return order.slice(first, last).filter((id) => entered.has(id))
  }

  return {
    version,
    end: () => ids.length,
    idAt: (rank) => ids[rank],
    rankOf: (id) => rankById.get(id) ?? -1,
    find: (id) => byId.get(id),
    clear() {
      byId.clear()
      rankById.clear()
      ids = []
      inWindow = []
      version.value++
    },
    lay(start, items) {
      items.forEach((item, at) => {
        put(start + at, item.id)
        setRow(item)
      })
      version.value++
    },
    cut(end) {
      for (let rank = end; rank < ids.length; rank++) if (ids[rank] !== undefined) dropRow(ids[rank]!)
      if (ids.length > end) ids.length = end
      version.value++
    },
    change(item) {
      if (!byId.has(item.id)) return false
      setRow(item)
      return true
    },
    window(start, items) {
      // Ranks of this window that now hold nothing: the list has become shorter.
      items.forEach(setRow)
      layWindow(start, items.map((item) => item.id))
      trim()
    },
    applyWindow(start, delta, growth, own) {
      const there = new Set(inWindow)
      for (const change of delta.put ?? []) {
        const row = byId.get(change.id)
        if (row && there.has(change.id)) changeRow(row, change, own(change.id))
        else setRow(itemOf(change))
      }
      const order = orderAfter(inWindow, delta)
      if (order === inWindow) return
      const entered = new Set(order.filter((id) => !there.has(id)))
      for (const id of delta.del ?? []) dropRow(id)
      const oldEnd = windowStart + inWindow.length
      for (let rank = start + order.length; rank < oldEnd; rank++) if (ids[rank] !== undefined && !order.includes(ids[rank]!)) ids[rank] = undefined
      shiftTail(oldEnd, growth)
      const fresh = arrivals(order, entered).filter((id) => !own(id))
      layWindow(start, order)
      if (growth > 0) for (const id of fresh) fade(byId.get(id)!, { '': ++tints })
      trim()
    },
    windowItems: () => inWindow.map((id) => byId.get(id)!),
    windowRange: () => [windowStart, inWindow.length],
  }
}
