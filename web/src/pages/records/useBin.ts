/** What one may bring back of a form, page by page, the newest first. */
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { DeletedItem } from '@/base/contract'
import { asApiError, isCancelled, type ApiError } from '@/base/problem'
import { readBin } from '@/base/writes'

const PAGE = 50

export function useBin(form: () => string) {
  const items = shallowRef<DeletedItem[]>([])
  const total = ref<number | null>(null)
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  let q = ''
  let next: string | null = null
  let current: AbortController | null = null

  async function read(first: boolean): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    loading.value = true
    error.value = null
    try {
      const page = await readBin(form(), { q, after: first ? null : next, limit: PAGE }, mine.signal)
      if (current !== mine) return
      const known = new Set(first ? [] : items.value.map((item) => item.id))
      items.value = [...(first ? [] : items.value), ...page.items.filter((item) => !known.has(item.id))]
      if (page.total !== undefined) total.value = Number(page.total)
      next = page.next
      loaded.value = true
    } catch (failure) {
      if (current === mine && !isCancelled(failure)) error.value = asApiError(failure)
    } finally {
      if (current === mine) loading.value = false
    }
  }

  function ask(text: string): void {
    q = text
    void read(true)
  }

  function drop(id: string): void {
    if (!items.value.some((item) => item.id === id)) return
    items.value = items.value.filter((item) => item.id !== id)
    if (total.value !== null) total.value--
  }

  onScopeDispose(() => current?.abort())
  return { items, total, loading, loaded, error, ask, drop, refresh: () => read(true), more: () => void (next !== null && !loading.value && read(false)) }
}
