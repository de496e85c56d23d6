/**
 * The records of one list, apart from how they are shown. Pages of the server's list are laid one behind the other
 * (by its opaque `next`), as far as somebody looks; a live channel may feed the same store with a snapshot and deltas.
 * A row is one shallowReactive object that lives as long as its record is in the list, so that a changed record
 * repaints its own row and no other.
 */
import { computed, ref, shallowReactive, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { Item, Page } from './contract'
import { asApiError, isCancelled, type ApiError } from './problem'

export type Row = Item

export interface Delta {
  put?: (Partial<Item> & { id: string })[]
  del?: string[]
  /** Id to its place in the list after this delta. */
  order?: Record<string, number>
  total?: string
}

export type FetchPage = (after: string | null, signal: AbortSignal) => Promise<Page<Item>>

export interface Rows {
  /** The known ids, in the list's order. */
  ids: ShallowRef<string[]>
  /** How many rows the list has in all; null until the server has said. */
  total: Ref<number | null>
  /** Rows to reserve room for: the total where it is known. */
  length: ComputedRef<number>
  loading: Ref<boolean>
  error: ShallowRef<ApiError | null>
  /** When the first page of what is shown arrived, in ms; 0 before. */
  loadedAt: Ref<number>
  row(index: number): Row | undefined
  find(id: string): Row | undefined
  /** Starts anew from this source; with `quiet` the old rows stay until the first new page is here. */
  open(fetchPage: FetchPage, quiet?: boolean): Promise<void>
  /** Somebody looks at rows up to this one: fetch, page by page, until it is there. A later wish replaces it. */
  need(index: number): void
  retry(): void
  snapshot(items: Item[], total?: string): void
  apply(delta: Delta): void
  close(): void
}

export function createRows(): Rows {
  const ids = shallowRef<string[]>([])
  const total = ref<number | null>(null)
  const loading = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const loadedAt = ref(0)
  const byId = new Map<string, Row>()
  const length = computed(() => (total.value === null ? ids.value.length : Math.max(total.value, ids.value.length)))

  let source: FetchPage | null = null
  let next: string | null = null
  let ended = false
  let wanted = 0
  let current: AbortController | null = null

  function setRow(item: Item): void {
    const known = byId.get(item.id)
    if (known) Object.assign(known, item)
    else byId.set(item.id, shallowReactive({ ...item }))
  }

  function append(items: Item[]): void {
    // A record that moved between two pages may come twice; its first place stands until the list is read again.
    const fresh = items.filter((item) => !byId.has(item.id))
    items.forEach(setRow)
    if (fresh.length > 0) ids.value = ids.value.concat(fresh.map((item) => item.id))
  }

  function clear(): void {
    byId.clear()
    ids.value = []
    total.value = null
    loadedAt.value = 0
  }

  function setTotal(text: string | undefined): void {
    if (text !== undefined && text !== null && /^\d+$/.test(text)) total.value = Number(text)
  }

  async function run(first: boolean): Promise<void> {
    if (!source || current) return
    const mine = new AbortController()
    current = mine
    loading.value = true
    error.value = null
    try {
      let fromStart = first
      while (fromStart || (!ended && ids.value.length <= wanted)) {
        const page = await source(fromStart ? null : next, mine.signal)
        if (current !== mine) return
        if (fromStart) {
          clear()
          loadedAt.value = Date.now()
        }
        append(page.items)
        setTotal(page.total)
        next = page.next
        ended = next === null
        if (ended) total.value = ids.value.length
        fromStart = false
      }
    } catch (failure) {
      if (current === mine && !isCancelled(failure)) error.value = asApiError(failure)
    } finally {
      if (current === mine) {
        current = null
        loading.value = false
      }
    }
  }

  function stop(): void {
    current?.abort()
    current = null
    loading.value = false
  }

  return {
    ids,
    total,
    length,
    loading,
    error,
    loadedAt,
    row: (index) => byId.get(ids.value[index] ?? ''),
    find: (id) => byId.get(id),
    open(fetchPage, quiet = false) {
      stop()
      source = fetchPage
      next = null
      ended = false
      if (!quiet) {
        clear()
        wanted = 0
      }
      error.value = null
      return run(true)
    },
    need(index) {
      wanted = index
      if (!ended && error.value === null && ids.value.length > 0) void run(false)
    },
    retry() {
      void run(ids.value.length === 0)
    },
    snapshot(items, count) {
      stop()
      const kept = new Set(items.map((item) => item.id))
      for (const id of byId.keys()) if (!kept.has(id)) byId.delete(id)
      items.forEach(setRow)
      ids.value = items.map((item) => item.id)
      ended = true
      total.value = items.length
      setTotal(count)
      loadedAt.value = Date.now()
    },
    apply(delta) {
      ids.value = applied(byId, ids.value, delta)
      setTotal(delta.total)
    },
    close() {
      stop()
      source = null
      clear()
    },
  }
}

/** The list after a delta: rows are changed in place, moved ones are taken out and put where `order` says. */
function applied(byId: Map<string, Row>, ids: string[], delta: Delta): string[] {
  const gone = new Set(delta.del ?? [])
  const order = delta.order ?? {}
  for (const id of gone) byId.delete(id)
  const added: string[] = []
  for (const put of delta.put ?? []) {
    const row = byId.get(put.id)
    if (row) Object.assign(row, put, { fields: put.fields ? { ...row.fields, ...put.fields } : row.fields })
    else {
      byId.set(put.id, shallowReactive({ version: '', fields: {}, masked: [], locked: [], can: [], ...put }))
      if (!(put.id in order)) added.push(put.id)
    }
  }
  const places = Object.entries(order)
    .filter(([id]) => byId.has(id))
    .sort((a, b) => a[1] - b[1])
  if (gone.size === 0 && places.length === 0 && added.length === 0) return ids
  const out = ids.filter((id) => !gone.has(id) && !(id in order)).concat(added)
  for (const [id, place] of places) out.splice(Math.max(0, place), 0, id)
  return out
}
