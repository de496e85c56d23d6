/**
 * The first rows of a list and how many there are in all, as they are now: for pages that show several small lists.
 * Where no socket is to be had they are asked for once, and again when the page is opened anew.
 */
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { call, query } from './api'
import type { Item, Page } from './contract'
import type { Delta } from './delta'
import { stateHash } from './hash'
import { link, whenLive } from './link'
import { live, type Subscription } from './live'
import { isOwn } from './own'
import { asApiError, type ApiError } from './problem'
import { createRanks } from './ranks'

export interface ListQuestion {
  form: string
  filter: unknown
  sort?: string
}

/** `question`: null where there is nothing to ask. */
export function useLiveList(question: () => ListQuestion | null, size: number) {
  const ranks = createRanks()
  const total = ref<number | null>(null)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const items = computed(() => (void ranks.version.value, ranks.windowItems()))
  let subscription: Subscription | null = null
  let turn = 0

  function close(): void {
    subscription?.close()
    subscription = null
    turn++
  }

  function take(found: Item[], count: string | undefined): void {
    ranks.window(0, found)
    if (count !== undefined) total.value = Number(count)
    error.value = null
    loaded.value = true
  }

  function follow({ form, filter, sort }: ListQuestion): void {
    subscription = live.subscribe(
      { kind: 'records', form, filter, ...(sort && { sort }), count: true, range: [0, size] },
      {
        snapshot: (found, count) => take(found as Item[], count),
        delta(delta) {
          ranks.applyWindow(0, delta as Delta, 0, (id) => isOwn(form, id, delta.pos))
          if (delta.total !== undefined) total.value = Number(delta.total)
        },
        hash: () => stateHash(ranks.windowItems()),
        failed: (failure) => (error.value = failure),
      },
    )
  }

  async function open(): Promise<void> {
    close()
    const mine = turn
    const wanted = question()
    error.value = null
    if (!wanted) return
    const isLive = await whenLive()
    if (mine !== turn) return
    if (isLive) {
      follow(wanted)
      return
    }
    try {
      const params = { filter: JSON.stringify(wanted.filter), sort: wanted.sort, limit: size, count: 1 }
      const page = await call<Page<Item>>(`/forms/${encodeURIComponent(wanted.form)}/records${query(params)}`)
      if (mine === turn) take(page.items, page.total)
    } catch (failure) {
      if (mine === turn) error.value = asApiError(failure)
    }
  }

  watch(
    () => JSON.stringify(question()),
    () => {
      ranks.clear()
      total.value = null
      loaded.value = false
      void open()
    },
    { immediate: true },
  )
  // The socket is there at last, or can not be had after all.
  watch(
    () => link.live,
    (now) => {
      if ((now === 'live' && !subscription) || (now === 'none' && subscription)) void open()
    },
  )
  onScopeDispose(close)

  return { items, total, loaded, error, retry: () => void open() }
}

export type LiveList = ReturnType<typeof useLiveList>
