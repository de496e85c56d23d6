/**
 * Masked values in clear, each for a reason and until the instant that the server names. They are in memory only, and
 * go with the page, the record, the right to see them, and when the value that they were read from changes.
 */
import { onScopeDispose, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { call } from '@/base/api'
import { serverNow } from '@/base/clock'
import type { Field, FieldFault, Item, Revealed, Value } from '@/base/contract'
import { asApiError, type ApiError } from '@/base/problem'

const TICK_MS = 250

export interface InClear {
  value: Value
  /** Whole seconds that it stays. */
  left: number
}

interface Held extends InClear {
  until: number
  /** As it stood masked: another one says that the value in clear is no longer so. */
  masked: string
}

export function useReveal(form: () => string, item: Ref<Item | null>) {
  const held = shallowReactive(new Map<string, Held>())
  const errors = shallowReactive(new Map<string, ApiError>())
  /** The field that a reason is being asked for. */
  const asking = shallowRef<Field | null>(null)
  const busy = ref(false)
  const fault = shallowRef<FieldFault | null>(null)
  /** What was typed, kept where the server refused for another cause. */
  const reason = ref('')
  let round = 0
  let ticking: ReturnType<typeof setInterval> | undefined

  const masked = (key: string) => JSON.stringify(item.value?.fields[key] ?? null)
  const allowed = (key: string) => (item.value?.can.includes('reveal') ?? false) && (item.value?.masked.includes(key) ?? false)

  function hide(key: string): void {
    held.delete(key)
    if (held.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }

  function tick(): void {
    for (const [key, one] of held) {
      const left = Math.ceil((one.until - serverNow()) / 1000)
      if (left <= 0) hide(key)
      else if (left !== one.left) held.set(key, { ...one, left })
    }
  }

  function show(found: Revealed): void {
    held.set(found.field, { value: found.value, until: Date.parse(found.until), left: 0, masked: masked(found.field) })
    ticking ??= setInterval(tick, TICK_MS)
    tick()
  }

  function ask(field: Field): void {
    if (!allowed(field.key)) return
    errors.delete(field.key)
    fault.value = null
    asking.value = field
  }

  function cancel(): void {
    if (!busy.value) asking.value = null
  }

  async function send(): Promise<void> {
    const field = asking.value
    const id = item.value?.id
    if (!field || id === undefined || busy.value) return
    const mine = round
    busy.value = true
    fault.value = null
    try {
      const path = `/forms/${encodeURIComponent(form())}/records/${encodeURIComponent(id)}/reveal`
      const found = await call<Revealed>(path, { method: 'POST', body: { field: field.key, reason: reason.value.trim() } })
      if (mine !== round) return
      reason.value = ''
      asking.value = null
      if (allowed(field.key)) show(found)
    } catch (failure) {
      if (mine !== round) return
      const error = asApiError(failure)
      fault.value = error.faults.find((one) => one.field === 'reason') ?? null
      if (fault.value) return
      errors.set(field.key, error)
      asking.value = null
    } finally {
      if (mine === round) busy.value = false
    }
  }

  function clear(): void {
    round++
    for (const key of [...held.keys()]) hide(key)
    errors.clear()
    asking.value = null
    busy.value = false
    fault.value = null
    reason.value = ''
  }

  watch(item, (now, before) => {
    if (now?.id !== before?.id) {
      clear()
      return
    }
    for (const [key, one] of held) if (!allowed(key) || masked(key) !== one.masked) hide(key)
    if (asking.value && !allowed(asking.value.key)) cancel()
  }, { flush: 'sync' })

  // A page that the browser keeps for going back must not keep them.
  window.addEventListener('pagehide', clear)
  onScopeDispose(() => {
    window.removeEventListener('pagehide', clear)
    clear()
  })

  return { held, errors, asking, busy, fault, reason, allowed, ask, cancel, send, hide }
}
