/**
 * The log as it grows: new events come in front as they are committed. Where one reads further down, or has opened a
 * line, they wait, and their number is told.
 */
import { computed, onScopeDispose, shallowReactive, shallowRef, watch } from 'vue'
import type { AuditEvent } from '@/base/contract'
import { link } from '@/base/link'
import { live, type Subscription } from '@/base/live'
import type { AuditState } from './useAudit'

const TINT_MS = 1100
/** Of a longer list the oldest are let go: it is read anew, from the top. */
const MOST = 1000

export function useTail(audit: AuditState, wanted: () => boolean, reading: () => boolean) {
  const waiting = shallowRef<AuditEvent[]>([])
  const fresh = shallowReactive(new Set<string>())
  let subscription: Subscription | null = null

  const on = computed(() => wanted() && audit.loaded.value)
  const following = computed(() => on.value && link.live === 'live')

  function put(more: AuditEvent[], news: boolean): void {
    const known = new Set([...waiting.value, ...audit.events.value].map((event) => event.id))
    const added = more.filter((event) => !known.has(event.id))
    if (added.length === 0) return
    if (reading()) waiting.value = [...added, ...waiting.value]
    else show([...added, ...waiting.value], news)
  }

  function show(added: AuditEvent[], news: boolean): void {
    waiting.value = []
    if (audit.events.value.length > MOST) {
      void audit.refresh()
      return
    }
    audit.prepend(added)
    if (!news) return
    for (const { id } of added) {
      fresh.add(id)
      setTimeout(() => fresh.delete(id), TINT_MS)
    }
  }

  function start(): void {
    let first = true
    subscription = live.subscribe(
      { kind: 'audit' },
      {
        snapshot(items) {
          const events = items as AuditEvent[]
          const known = new Set([...waiting.value, ...audit.events.value].map((event) => event.id))
          // More happened while nobody listened than the snapshot tells: read anew what lies between.
          if (known.size > 0 && events.length > 0 && !events.some((event) => known.has(event.id))) {
            waiting.value = []
            void audit.refresh()
          } else put(events, !first)
          first = false
        },
        delta: (delta) => put((delta.put ?? []) as AuditEvent[], true),
      },
    )
  }

  function stop(): void {
    subscription?.close()
    subscription = null
    waiting.value = []
  }

  watch(on, (now) => (now ? start() : stop()), { immediate: true })
  onScopeDispose(stop)

  return { waiting, fresh, following, release: () => waiting.value.length > 0 && show(waiting.value, true) }
}
