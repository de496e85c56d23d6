/**
 * What stands out in the log of the last days: for each question the newest events and how many there are, as far as one
 * look tells. The questions are the log's own, so that each leads there; what happens meanwhile is counted as it comes.
 */
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { call, query } from '@/base/api'
import { serverNow } from '@/base/clock'
import type { AuditEvent, Page } from '@/base/contract'
import { dateAdd, dayStart, instantFromInput, instantText, today } from '@/base/dates'
import { live, type Subscription } from '@/base/live'
import { asApiError, type ApiError } from '@/base/problem'

export const MATTERS = ['unaudited', 'login', 'refuse', 'reveal', 'export', 'night'] as const
export type MatterKey = (typeof MATTERS)[number]

export interface Matter {
  key: MatterKey
  events: AuditEvent[]
  /** There are more than were looked at. */
  more: boolean
  /** The log with this question in its address. */
  to: string
}

const DAYS = 7
const LOOK = 100
/** Nobody is expected to log in between these hours of the instance's zone. */
const NIGHT = { from: 22, to: 6 }

const hourOf = (event: AuditEvent) => Number(instantText(event.at).slice(11, 13))
export const isNight = (event: AuditEvent): boolean => hourOf(event) >= NIGHT.from || hourOf(event) < NIGHT.to

/** Which question an event answers; a failed log-in is no refusal of something that somebody wanted to do. */
export function matterOf(event: AuditEvent): MatterKey | null {
  if (event.action === 'refuse') return event.form === '_session' ? 'login' : 'refuse'
  if (event.action === 'unaudited' || event.action === 'reveal' || event.action === 'export') return event.action
  return event.action === 'login' && isNight(event) ? 'night' : null
}

interface Ask {
  key: MatterKey
  params: Record<string, string>
}

/** The nights of the days, newest first, each from evening to morning. */
export function nights(day: string): { from: string; to: string }[] {
  return Array.from({ length: DAYS }, (_, i) => ({ from: `${dateAdd(day, -i - 1)} ${NIGHT.from}:00`, to: `${dateAdd(day, -i)} 0${NIGHT.to}:00` }))
}

export function useMatters() {
  const first = dateAdd(today(serverNow()), 1 - DAYS)
  const found = shallowRef(new Map<MatterKey, Matter>())
  const night = shallowRef<{ from: string; to: string; n: number; more: boolean }[]>([])
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  let subscription: Subscription | null = null

  const asks: Ask[] = [
    { key: 'unaudited', params: { action: 'unaudited' } },
    { key: 'login', params: { action: 'refuse', form: '_session' } },
    { key: 'refuse', params: { action: 'refuse' } },
    { key: 'reveal', params: { action: 'reveal' } },
    { key: 'export', params: { action: 'export' } },
  ]

  const look = (params: Record<string, string | number>) => call<Page<AuditEvent>>(`/audit${query({ ...params, limit: LOOK })}`)

  async function one({ key, params }: Ask): Promise<Matter> {
    const page = await look({ ...params, from: dayStart(first) })
    return { key, events: page.items.filter((event) => matterOf(event) === key), more: page.next !== null, to: `/audit${query({ ...params, from: first })}` }
  }

  async function oneNight({ from, to }: { from: string; to: string }) {
    const page = await look({ action: 'login', from: instantFromInput(from)!, to: instantFromInput(to)! })
    return { from, to, n: page.items.length, more: page.next !== null, events: page.items }
  }

  async function load(): Promise<void> {
    error.value = null
    try {
      const [matters, byNight] = await Promise.all([Promise.all(asks.map(one)), Promise.all(nights(today(serverNow())).map(oneNight))])
      night.value = byNight.filter((each) => each.n > 0)
      const all: Matter = { key: 'night', events: byNight.flatMap((each) => each.events), more: byNight.some((each) => each.more), to: '' }
      found.value = new Map([...matters, all].map((matter) => [matter.key, matter]))
      loaded.value = true
      follow()
    } catch (failure) {
      error.value = asApiError(failure)
    }
  }

  function add(events: AuditEvent[]): void {
    const next = new Map(found.value)
    for (const event of [...events].reverse()) {
      const matter = next.get(matterOf(event) ?? 'unaudited')
      if (!matter || matterOf(event) === null || matter.events.some((known) => known.id === event.id)) continue
      next.set(matter.key, { ...matter, events: [event, ...matter.events] })
    }
    found.value = next
  }

  function follow(): void {
    subscription ??= live.subscribe({ kind: 'audit' }, { snapshot: (items) => add(items as AuditEvent[]), delta: (delta) => add((delta.put ?? []) as AuditEvent[]) })
  }

  onScopeDispose(() => subscription?.close())
  void load()

  return { matters: computed(() => MATTERS.map((key) => found.value.get(key)).filter((matter) => matter !== undefined)), nights: night, loaded, error, load, days: DAYS }
}
