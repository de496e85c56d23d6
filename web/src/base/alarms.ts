/**
 * Changes that were made without their audit events, for those who hold the log's right: shown on every page until the
 * person has taken note of them in this session. Only their ids are remembered.
 */
import { computed, ref, shallowRef } from 'vue'
import type { AuditEvent } from './contract'
import { live, type Subscription } from './live'

const SEEN = 'tidemark.alarms-seen'
/** The newest are shown; the log has them all. */
const MOST = 200

const events = shallowRef<AuditEvent[]>([])
const seen = ref<ReadonlySet<string>>(new Set())
let subscription: Subscription | null = null

/** Newest first. */
export const alarms = computed(() => events.value.filter((event) => !seen.value.has(event.id)))

function remembered(): string[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(SEEN) ?? '[]')
    return Array.isArray(found) ? found.filter((id): id is string => typeof id === 'string') : []
  } catch {
    return []
  }
}

function add(more: AuditEvent[]): void {
  const known = new Set(events.value.map((event) => event.id))
  const fresh = more.filter((event) => !known.has(event.id))
  if (fresh.length > 0) events.value = [...fresh, ...events.value].slice(0, MOST)
}

export function startAlarms(): void {
  if (subscription) return
  seen.value = new Set(remembered())
  subscription = live.subscribe(
    { kind: 'notice' },
    {
      always: true,
      snapshot: (items) => add(items as AuditEvent[]),
      delta: (delta) => add((delta.put ?? []) as AuditEvent[]),
    },
  )
}

export function takeNote(): void {
  seen.value = new Set([...seen.value, ...events.value.map((event) => event.id)])
  try {
    sessionStorage.setItem(SEEN, JSON.stringify([...seen.value]))
  } catch {
    // Then it is asked again after a reload.
  }
}

export function forgetAlarms(): void {
  subscription?.close()
  subscription = null
  events.value = []
  seen.value = new Set()
  try {
    sessionStorage.removeItem(SEEN)
  } catch {
    // Nothing was kept.
  }
}
