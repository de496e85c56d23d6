/**
 * The records of one list, apart from how they are shown. Fed by a live window that follows where somebody looks
 * (`follow`), or, for what can not be live, page by page from the top as far as somebody looks (`open`).
 */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { Item, Page, Range } from './contract'
import type { Delta } from './delta'
import { stateHash } from './hash'
import { live, type Live, type Sink, type Subscription } from './live'
import { isCreating, isOwn } from './own'
import { asApiError, isCancelled, type ApiError } from './problem'
import { createRanks, type Row } from './ranks'
import { createWindow } from './window'

export type { Row } from './ranks'
export type FetchPage = (after: string | null, signal: AbortSignal) => Promise<Page<Item>>

export interface ListQuery {
  form: string
  sort: string
  filter?: unknown
}

export interface Rows {
  /** Grows whenever another record stands at some rank. */
  version: Ref<number>
  /** Grows with each new question: what was seen before says nothing about where things stand now. */
  question: Ref<number>
  /** How many rows the list has in all; null until the server has said. */
  total: Ref<number | null>
  /** Rows to reserve room for: the total where it is known. */
  length: ComputedRef<number>
  loading: Ref<boolean>
  error: ShallowRef<ApiError | null>
  /** When what is shown first arrived, in ms; 0 before. */
  loadedAt: Ref<number>
  /** Changes come by themselves, as long as the socket is there. */
  following: Ref<boolean>
  row(rank: number): Row | undefined
  idAt(rank: number): string | undefined
  /** -1: not known, or not in the list. */
  rankOf(id: string): number
  find(id: string): Row | undefined
  /** Stands outside the live window: as it was when it was last seen. */
  isStale(rank: number): boolean
  /** Page by page; with `quiet` the old rows stay until the first new page is here. */
  open(fetchPage: FetchPage, question: string, quiet?: boolean): Promise<void>
  /** Live; likewise. */
  follow(query: ListQuery, quiet?: boolean): void
  /** Somebody looks at these ranks. A later wish replaces it. */
  need(first: number, last: number): void
  retry(): void
  /** A record was saved here: its row shows it at once where no channel tells of it. False: the row is not known. */
  saved(item: Item): boolean
  /** Somebody looks at the list; the function returned says that he has gone. Nobody: it rests. */
  hold(): () => void
  close(): void
}

/** How far ahead of the viewport pages are asked for. */
const AHEAD = 60
/** From one page to the next a list may be looked at by nobody for a moment. */
const REST_MS = 1000

export function createRows(channel: Live = live): Rows {
  const ranks = createRanks()
  const question = ref(0)
  const total = ref<number | null>(null)
  const loading = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const loadedAt = ref(0)
  const following = ref(false)
  const length = computed(() => (void ranks.version.value, total.value ?? ranks.end()))

  let asked = ''
  let holders = 0
  // Page by page
  let source: FetchPage | null = null
  let next: string | null = null
  let ended = false
  let wanted = 0
  let laid = new Set<string>()
  let current: AbortController | null = null
  // Live
  let subscription: Subscription | null = null
  const view = createWindow((range) => subscription?.move(range), () => total.value)

  function clear(): void {
    ranks.clear()
    total.value = null
    loadedAt.value = 0
  }

  function setTotal(text: string | undefined | null): void {
    if (text !== undefined && text !== null && /^\d+$/.test(text)) total.value = Number(text)
  }

  /** Another question than before: nothing of the old one says where to look. */
  function newQuestion(text: string, quiet: boolean): void {
    if (text !== asked) {
      question.value++
      view.reset()
      wanted = 0
    }
    asked = text
    error.value = null
    if (!quiet) clear()
  }

  // ---- page by page

  function append(items: Item[]): void {
    // A record that moved between two pages may come twice; its first place stands until the list is read again.
    const fresh = items.filter((item) => !laid.has(item.id))
    const start = laid.size
    for (const item of fresh) laid.add(item.id)
    ranks.lay(start, fresh)
  }

  async function run(first: boolean): Promise<void> {
    if (!source || current) return
    const mine = new AbortController()
    current = mine
    loading.value = true
    error.value = null
    try {
      let fromStart = first
      while (fromStart || (!ended && laid.size <= wanted)) {
        const page = await source(fromStart ? null : next, mine.signal)
        if (current !== mine) return
        if (fromStart) {
          clear()
          laid = new Set()
          loadedAt.value = Date.now()
        }
        append(page.items)
        setTotal(page.total)
        next = page.next
        ended = next === null
        if (ended) total.value = laid.size
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
    source = null
    subscription?.close()
    subscription = null
    following.value = false
  }

  // ---- live

  function takeWindow(items: Item[], count: string | undefined, range: Range, fresh: boolean): void {
    if (fresh) ranks.clear()
    ranks.window(range[0], items)
    setTotal(count)
    const end = range[0] + items.length
    // A window that is not full ends where the list does, unless it begins behind the end.
    if (items.length < range[1] && (items.length > 0 || range[0] === 0)) total.value = end
    if (total.value !== null) ranks.cut(total.value)
    error.value = null
    loading.value = false
    loadedAt.value = Date.now()
    view.has(range)
  }

  function takeDelta(form: string, delta: Delta, pos: string): void {
    const before = total.value
    setTotal(delta.total)
    const growth = before === null || total.value === null ? 0 : total.value - before
    const own = (id: string) => isOwn(form, id, pos) || (isCreating(form) && !ranks.find(id))
    ranks.applyWindow(ranks.windowRange()[0], delta, growth, own)
    if (growth < 0) ranks.cut(total.value!)
  }

  function sinkOf(form: string): Sink {
    let fresh = true
    return {
      snapshot(items, count, range) {
        takeWindow(items as Item[], count, range ?? [0, items.length], fresh)
        fresh = false
      },
      delta: (delta) => takeDelta(form, delta as Delta, delta.pos),
      hash: () => stateHash(ranks.windowItems()),
      failed(failure) {
        loading.value = false
        error.value = failure
      },
    }
  }

  return {
    version: ranks.version,
    question,
    total,
    length,
    loading,
    error,
    loadedAt,
    following,
    row: (rank) => ranks.find(ranks.idAt(rank) ?? ''),
    idAt: ranks.idAt,
    rankOf: ranks.rankOf,
    find: ranks.find,
    isStale(rank) {
      const [start, size] = ranks.windowRange()
      return following.value && (rank < start || rank >= start + size)
    },
    open(fetchPage, text, quiet = false) {
      stop()
      newQuestion(text, quiet)
      source = fetchPage
      next = null
      ended = false
      laid = new Set()
      return run(true)
    },
    follow(query, quiet = false) {
      stop()
      newQuestion(JSON.stringify(query), quiet)
      following.value = true
      view.begin()
      loading.value = loadedAt.value === 0
      subscription = channel.subscribe({ kind: 'records', ...query, count: true, range: view.wish() }, sinkOf(query.form))
      if (holders === 0) subscription.rest()
    },
    need(first, last) {
      view.look(first, last)
      wanted = last + AHEAD
      if (source && !ended && error.value === null && laid.size > 0) void run(false)
    },
    retry() {
      if (subscription) {
        loading.value = true
        subscription.renew()
      } else void run(laid.size === 0)
    },
    saved: (item) => (following.value ? true : ranks.change(item)),
    hold() {
      if (holders++ === 0) subscription?.wake()
      let held = true
      return () => {
        if (held && --holders === 0) setTimeout(() => holders === 0 && subscription?.rest(), REST_MS)
        held = false
      }
    },
    close() {
      stop()
      view.reset()
      clear()
    },
  }
}
