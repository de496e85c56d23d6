/** What was done to one record, newest first, page by page; asked anew as the record changes. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import { call, query } from '@/base/api'
import type { HistoryEvent, Page } from '@/base/contract'
import { asApiError, isCancelled, type ApiError } from '@/base/problem'

const PAGE = 20
/** The server gives no more at once. */
const MOST = 200

export function useHistory(form: string, id: string) {
  const events = shallowRef<HistoryEvent[]>([])
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const next = ref<string | null>(null)
  let under: AbortController | null = null

  async function load(after: string | null, limit: number): Promise<void> {
    under?.abort()
    const mine = (under = new AbortController())
    loading.value = true
    error.value = null
    try {
      const path = `/forms/${encodeURIComponent(form)}/records/${encodeURIComponent(id)}/history`
      const page = await call<Page<HistoryEvent>>(path + query({ after, limit }), { signal: mine.signal })
      if (under !== mine) return
      events.value = after === null ? page.items : events.value.concat(page.items)
      next.value = page.next
      loaded.value = true
    } catch (failure) {
      if (under !== mine || isCancelled(failure)) return
      error.value = asApiError(failure)
      // What one may not see any more does not stay.
      if (!error.value.passing) events.value = []
    } finally {
      if (under === mine) loading.value = false
    }
  }

  /** As much as is on the screen, so that nothing moves away under the eye. */
  const refresh = () => load(null, Math.min(MOST, Math.max(PAGE, events.value.length + 1)))

  function more(): void {
    if (!loading.value && next.value !== null && error.value === null) void load(next.value, PAGE)
  }

  function forget(): void {
    under?.abort()
    under = null
    events.value = []
    next.value = null
    loaded.value = loading.value = false
    error.value = null
  }

  onScopeDispose(() => under?.abort())

  return { events, loading, loaded, error, next, refresh, more, forget }
}
