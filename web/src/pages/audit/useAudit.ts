/** The log, newest first, page by page; a new question cancels the one before. */
import { ref, shallowRef } from 'vue'
import { call, query } from '@/base/api'
import type { AuditEvent, Page } from '@/base/contract'
import { dayEnd, dayStart, instantFromInput, isDate } from '@/base/dates'
import { asApiError, isCancelled, type ApiError } from '@/base/problem'

export interface AuditFilter {
  actor: string
  form: string
  record: string
  action: string
  /** Dates in the instance's zone, both ends included; or with a time, the end excluded. */
  from: string
  to: string
}

export const FILTER_KEYS = ['actor', 'form', 'record', 'action', 'from', 'to'] as const

export const ACTIONS = [
  'create', 'read', 'list', 'update', 'delete', 'restore', 'derive', 'purge', 'export', 'print', 'reveal', 'login', 'logout',
  'refuse', 'configure', 'unaudited',
] as const

const PAGE = 50

export function useAudit() {
  const events = shallowRef<AuditEvent[]>([])
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const next = ref<string | null>(null)
  let filter: AuditFilter | null = null
  let under: AbortController | null = null

  async function load(after: string | null): Promise<void> {
    under?.abort()
    const mine = (under = new AbortController())
    loading.value = true
    error.value = null
    const f = filter
    const params = {
      actor: f?.actor,
      form: f?.form,
      record: f?.record,
      action: f?.action,
      from: isDate(f?.from ?? '') ? dayStart(f!.from) : (instantFromInput(f?.from ?? '') ?? ''),
      to: isDate(f?.to ?? '') ? dayEnd(f!.to) : (instantFromInput(f?.to ?? '') ?? ''),
      after,
      limit: PAGE,
    }
    try {
      const page = await call<Page<AuditEvent>>(`/audit${query(params)}`, { signal: mine.signal })
      if (under !== mine) return
      const known = new Set(after === null ? [] : events.value.map((event) => event.id))
      events.value = after === null ? page.items : events.value.concat(page.items.filter((event) => !known.has(event.id)))
      next.value = page.next
      loaded.value = true
    } catch (failure) {
      if (under === mine && !isCancelled(failure)) error.value = asApiError(failure)
    } finally {
      if (under === mine) loading.value = false
    }
  }

  function ask(wanted: AuditFilter): Promise<void> {
    filter = wanted
    events.value = []
    loaded.value = false
    next.value = null
    return load(null)
  }

  function more(): void {
    if (!loading.value && next.value !== null && error.value === null) void load(next.value)
  }

  const retry = () => load(events.value.length === 0 ? null : next.value)
  const refresh = () => load(null)
  const stop = () => under?.abort()

  /** New events, newest first, that came by another way. */
  const prepend = (added: AuditEvent[]) => (events.value = [...added, ...events.value])

  return { events, loading, loaded, error, next, ask, more, retry, refresh, prepend, stop }
}

export type AuditState = ReturnType<typeof useAudit>
