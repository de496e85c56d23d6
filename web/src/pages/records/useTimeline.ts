/** What happened around a record, newest first, page by page; asked anew as soon as something has changed there. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { call, query } from '@/base/api'
import type { Stages, Timeline, TimelineEvent } from '@/base/contract'
import { asApiError, isCancelled, type ApiError } from '@/base/problem'

const PAGE = 30
/** The server gives no more at once. */
const MOST = 200
/** Several changes at once are one. */
const PAUSE_MS = 150

export interface TimelineFilter {
  kind: string
  actor: string
}

export function useTimeline(form: string, id: string, filter: () => TimelineFilter) {
  const events = shallowRef<TimelineEvent[]>([])
  const stages = shallowRef<Stages | null>(null)
  const whole = ref(true)
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const next = ref<string | null>(null)
  let under: AbortController | null = null
  let pause: ReturnType<typeof setTimeout> | undefined

  async function load(after: string | null, limit: number): Promise<void> {
    under?.abort()
    const mine = (under = new AbortController())
    loading.value = true
    error.value = null
    try {
      const path = `/forms/${encodeURIComponent(form)}/records/${encodeURIComponent(id)}/timeline`
      const page = await call<Timeline>(path + query({ ...filter(), after, limit }), { signal: mine.signal })
      if (under !== mine) return
      events.value = after === null ? page.items : events.value.concat(page.items)
      if (after === null) stages.value = page.stages ?? null
      whole.value = page.whole
      next.value = page.next
      loaded.value = true
    } catch (failure) {
      if (under !== mine || isCancelled(failure)) return
      error.value = asApiError(failure)
      // What one may not see any more does not stay.
      if (!error.value.passing) forgetEvents()
    } finally {
      if (under === mine) loading.value = false
    }
  }

  function forgetEvents(): void {
    events.value = []
    stages.value = null
    next.value = null
  }

  /** As much as is on the screen, so that nothing moves away under the eye. */
  function refresh(): void {
    clearTimeout(pause)
    void load(null, Math.min(MOST, Math.max(PAGE, events.value.length + 1)))
  }

  /** Something has changed; more may follow at once. */
  function soon(): void {
    clearTimeout(pause)
    pause = setTimeout(refresh, PAUSE_MS)
  }

  /** Another question. */
  function anew(): void {
    clearTimeout(pause)
    loaded.value = false
    events.value = []
    next.value = null
    void load(null, PAGE)
  }

  function more(): void {
    if (!loading.value && next.value !== null && error.value === null) void load(next.value, PAGE)
  }

  function forget(): void {
    clearTimeout(pause)
    under?.abort()
    under = null
    forgetEvents()
    loaded.value = loading.value = false
    error.value = null
  }

  onScopeDispose(() => {
    clearTimeout(pause)
    under?.abort()
  })

  return { events, stages, whole, loading, loaded, error, next, refresh, soon, anew, more, forget }
}
