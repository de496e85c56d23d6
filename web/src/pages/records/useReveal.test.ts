// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, shallowRef, type EffectScope } from 'vue'
import type { Field, Item } from '@/base/contract'
import { useReveal } from './useReveal'

const NOW = Date.parse('2026-11-22T01:02:03Z')
const HOUR = 3600_000
const field = { key: 'phone', type: 'phone', label: '电话' } as Field
const itemOf = (more: Partial<Item> = {}): Item => ({ id: '7', version: '1', fields: { phone: '138****1111' }, masked: ['phone'], locked: [], can: ['reveal'], ...more })

let scope: EffectScope
let answer: (value: Response) => void

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
  vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => (answer = resolve)))
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** The server's answer, by a clock that is an hour ahead of this machine's. */
async function shown(): Promise<void> {
  const body = { id: '7', field: 'phone', value: '13800001111', until: new Date(Date.now() + HOUR + 30_000).toISOString() }
  answer(new Response(JSON.stringify(body), { headers: { Date: new Date(Date.now() + HOUR).toUTCString() } }))
  await vi.advanceTimersByTimeAsync(0)
}

function begin() {
  const item = shallowRef<Item | null>(itemOf())
  const reveal = scope.run(() => useReveal(() => 'customer', item))!
  reveal.ask(field)
  reveal.reason.value = '回访'
  void reveal.send()
  return { item, reveal }
}

describe('a revealed value', () => {
  it('stays until the instant that the server names, by the clock of the server', async () => {
    const { reveal } = begin()
    await shown()
    expect(reveal.held.get('phone')?.value).toBe('13800001111')
    expect(reveal.held.get('phone')?.left).toBeGreaterThanOrEqual(29)
    await vi.advanceTimersByTimeAsync(28_000)
    expect(reveal.held.get('phone')?.left).toBeLessThanOrEqual(2)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reveal.held.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that comes when another record is open is not shown', async () => {
    const { item, reveal } = begin()
    item.value = itemOf({ id: '8' })
    await shown()
    expect(reveal.held.size).toBe(0)
    expect(reveal.busy.value).toBe(false)
  })

  it.each([
    ['the masked value', { fields: { phone: '138****2222' } }],
    ['the right', { can: [] }],
    ['its being masked', { masked: [] }],
    ['the record', { id: '8' }],
  ])('goes with %s', async (_what, more) => {
    const { item, reveal } = begin()
    await shown()
    item.value = itemOf({ version: '2' })
    expect(reveal.held.size).toBe(1)
    item.value = itemOf(more)
    expect(reveal.held.size).toBe(0)
  })

  it('goes with the page', async () => {
    const { reveal } = begin()
    await shown()
    window.dispatchEvent(new Event('pagehide'))
    expect(reveal.held.size).toBe(0)
  })
})
