/** Rows that are ticked, by record: they stay ticked wherever the list is scrolled or sorted, until they are gone or let go. */
import { computed, shallowReactive, watch, type ComputedRef } from 'vue'
import type { Item } from '@/base/contract'
import type { Rows } from '@/base/rows'

export interface Ticks {
  count: ComputedRef<number>
  has(id: string): boolean
  /** With `range` all loaded rows from the one that was ticked last. */
  toggle(rank: number, range: boolean): void
  /** Those from one rank to another: ticked, or let go where all of them are. */
  span(from: number, to: number): void
  /** All rows that are loaded; where they are ticked already, none. */
  all(): void
  state: ComputedRef<'none' | 'some' | 'all'>
  add(items: readonly Item[]): void
  clear(): void
  items(): Item[]
}

export function useTicks(rows: Rows): Ticks {
  /** What is known of them: the newest state is asked of the list first. */
  const ticked = shallowReactive(new Map<string, Item>())
  let last = -1

  const loaded = () => {
    const found: Item[] = []
    for (let rank = 0; rank < rows.length.value; rank++) {
      const row = rows.row(rank)
      if (row) found.push(row)
    }
    return found
  }
  const state = computed(() => {
    if (ticked.size === 0) return 'none'
    return rows.total.value !== null && ticked.size >= rows.total.value ? 'all' : 'some'
  })

  function toggle(rank: number, range: boolean): void {
    const row = rows.row(rank)
    if (!row) return
    if (range && last >= 0) {
      for (let at = Math.min(last, rank); at <= Math.max(last, rank); at++) {
        const one = rows.row(at)
        if (one) ticked.set(one.id, one)
      }
    } else if (!ticked.delete(row.id)) ticked.set(row.id, row)
    last = rank
  }

  watch(rows.question, () => (ticked.clear(), (last = -1)), { flush: 'sync' })

  return {
    count: computed(() => ticked.size),
    has: (id) => ticked.has(id),
    toggle,
    span(from, to) {
      const found: Item[] = []
      for (let rank = from; rank <= to; rank++) {
        const row = rows.row(rank)
        if (row) found.push(row)
      }
      if (found.every(({ id }) => ticked.has(id))) for (const { id } of found) ticked.delete(id)
      else for (const item of found) ticked.set(item.id, item)
      last = to
    },
    all() {
      if (ticked.size > 0) ticked.clear()
      else for (const item of loaded()) ticked.set(item.id, item)
    },
    state,
    add: (items) => items.forEach((item) => ticked.set(item.id, item)),
    clear: () => ticked.clear(),
    items: () => [...ticked].map(([id, item]) => rows.find(id) ?? item),
  }
}
