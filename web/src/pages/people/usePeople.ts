/** The accounts that a question finds, page by page; a new question cancels the one before. */
import { ref, shallowRef } from 'vue'
import { admin, type Account, type PeopleFilter } from '@/base/admin'
import { asApiError, isCancelled, type ApiError } from '@/base/problem'

export const FILTER_KEYS = ['q', 'department', 'role', 'disabled'] as const

export function usePeople() {
  const people = shallowRef<Account[]>([])
  const total = ref<string | null>(null)
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const next = ref<string | null>(null)
  let filter: PeopleFilter | null = null
  let under: AbortController | null = null

  async function load(after: string | null): Promise<void> {
    under?.abort()
    const mine = (under = new AbortController())
    loading.value = true
    error.value = null
    try {
      const page = await admin.people({ ...filter, after }, mine.signal)
      if (under !== mine) return
      people.value = after === null ? page.items : people.value.concat(page.items)
      total.value = page.total ?? null
      next.value = page.next
      loaded.value = true
    } catch (failure) {
      if (under === mine && !isCancelled(failure)) error.value = asApiError(failure)
    } finally {
      if (under === mine) loading.value = false
    }
  }

  /** What stands there stays until the answer comes: nothing flashes while one types. */
  function ask(wanted: PeopleFilter): Promise<void> {
    filter = wanted
    next.value = null
    return load(null)
  }

  function more(): void {
    if (!loading.value && next.value !== null && error.value === null) void load(next.value)
  }

  const retry = () => load(error.value && loaded.value && next.value !== null ? next.value : null)
  const refresh = () => load(null)
  const stop = () => under?.abort()

  return { people, total, loading, loaded, error, next, ask, more, retry, refresh, stop }
}
