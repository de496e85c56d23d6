/** One record as it changes, and who else is at it. Without a socket nothing comes, and the page reads by itself. */
import { computed, onScopeDispose, ref, shallowReactive, shallowRef, watch } from 'vue'
import type { Item } from '@/base/contract'
import { itemAfter, itemOf, type Put } from '@/base/delta'
import { stateHash } from '@/base/hash'
import { link } from '@/base/link'
import { live, type Subscription } from '@/base/live'
import type { Person } from '@/base/messages'
import { isOwn } from '@/base/own'
import { isBefore } from '@/base/position'
import type { ApiError } from '@/base/problem'
import { useSession } from '@/base/session'

/** Presence is told again so often, as long as one is there. */
const RENEW_MS = 10000
const TINT_MS = 1100
/** Whoever was in a field so recently is likely to have changed it. */
const RECENT_MS = 30000

export interface FeedHooks {
  item(item: Item): void
  /** Out of sight: deleted, or not to be seen any more. */
  gone(): void
  failed(error: ApiError): void
}

export function useRecordFeed(hooks: FeedHooks) {
  const session = useSession()
  const users = shallowRef<Person[]>([])
  /** Fields that somebody else has just changed, with a count that differs from change to change. */
  const tints = shallowReactive<Record<string, number>>({})
  const here = new Map<string, { title: string; at: number }>()
  const field = ref<string | null>(null)

  let subscription: Subscription | null = null
  let form = ''
  let id = ''
  let held: Item | null = null
  let pos = ''
  let tintCount = 0
  let renewal: ReturnType<typeof setInterval> | undefined

  const others = computed(() => {
    const seen = new Set<string>()
    return users.value.filter((user) => user.id !== session.user?.id && !seen.has(`${user.id}/${user.field}`) && seen.add(`${user.id}/${user.field}`))
  })

  function tint(key: string): void {
    const mine = (tints[key] = ++tintCount)
    setTimeout(() => tints[key] === mine && delete tints[key], TINT_MS)
  }

  function take(item: Item | null, own: boolean): void {
    const before = held
    held = item
    if (!item) {
      hooks.gone()
      return
    }
    if (before && !own) {
      for (const key of Object.keys(item.fields)) if (JSON.stringify(item.fields[key]) !== JSON.stringify(before.fields[key])) tint(key)
    }
    hooks.item(item)
  }

  function open(wantedForm: string, wantedId: string): void {
    close()
    form = wantedForm
    id = wantedId
    subscription = live.subscribe(
      { kind: 'record', form, record: id },
      {
        snapshot(items) {
          const first = held === null
          pos = ''
          take((items[0] as Item | undefined) ?? null, first)
          announce()
        },
        delta(delta) {
          const put = (delta.put ?? []).find((one) => one.id === id) as Put | undefined
          pos = delta.pos
          if ((delta.del ?? []).includes(id)) take(null, false)
          else if (put) take(held ? itemAfter(held, put) : itemOf(put), isOwn(form, id, delta.pos))
        },
        hash: () => stateHash(held ? [held] : []),
        presence(found) {
          users.value = found
          for (const user of found) if (user.field !== null) here.set(`${user.field}/${user.id}`, { title: user.title, at: Date.now() })
        },
        failed: hooks.failed,
      },
    )
    renewal = setInterval(announce, RENEW_MS)
  }

  function close(): void {
    clearInterval(renewal)
    if (subscription && field.value !== null) live.edit(form, id, null)
    field.value = null
    subscription?.close()
    subscription = null
    held = null
    pos = ''
    users.value = []
    here.clear()
    for (const key of Object.keys(tints)) delete tints[key]
  }

  function announce(): void {
    if (subscription && !document.hidden) live.edit(form, id, field.value)
  }

  /** The field that the person is in now, so that others see it. */
  function at(key: string | null): void {
    if (field.value === key) return
    field.value = key
    announce()
  }

  /** Who is likely to have changed the field; empty where nobody was seen in it. */
  function suspect(key: string): string {
    const seen = users.value.filter((user) => user.field === key && user.id !== session.user?.id).map((user) => user.title)
    const recent = [...here].filter(([name, one]) => name.startsWith(`${key}/`) && name !== `${key}/${session.user?.id}` && Date.now() - one.at < RECENT_MS).map(([, one]) => one.title)
    const names = new Set(seen.length > 0 ? seen : recent)
    return names.size === 1 ? [...names][0]! : ''
  }

  /** Whether what the server answered to a write is newer than what the channel has told. */
  const isNewer = (item: Item) => held === null || pos === '' || item.pos === undefined || isBefore(pos, item.pos)

  watch(() => link.live, (now) => now !== 'live' && (users.value = []))
  onScopeDispose(close)

  return { others, tints, open, close, at, suspect, isNewer }
}
