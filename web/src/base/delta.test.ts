import { describe, expect, it } from 'vitest'
import type { Item } from './contract'
import { itemAfter, itemOf, orderAfter, type Delta } from './delta'

const put = (id: string) => ({ id, version: 'v1', fields: {}, masked: [], locked: [], can: [] })

describe('order after a delta', () => {
  it('takes out, keeps at hand, and puts in by ascending place', () => {
    expect(orderAfter(['1', '2', '3', '4'], { put: [put('9')], del: ['2'], order: { '1': 3, '9': 0 } })).toEqual(['9', '3', '4', '1'])
  })

  it('is the same array where nothing moved', () => {
    const ids = ['1', '2']
    expect(orderAfter(ids, { put: [{ id: '2', version: 'v2' }], total: '7' })).toBe(ids)
  })

  it('is not changed by doing it twice', () => {
    const delta: Delta = { put: [put('9')], del: ['2'], order: { '9': 1, '3': 0 } }
    const once = orderAfter(['1', '2', '3'], delta)
    expect(orderAfter(once, delta)).toEqual(once)
  })

  /**
   * A plain model of a sorted list and a window of it: what the server tells of random changes (as docs/live-protocol.md
   * says: entered and moved rows with their places, left ones) must give the window of the list.
   */
  it.each([1, 2, 3, 4, 5])('equals the list itself after any history (seed %i)', (first) => {
    let seed = first
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n
    const list: { id: string; key: number }[] = []
    const [start, size] = [3, 8]
    const view = () => [...list].sort((a, b) => a.key - b.key || Number(a.id) - Number(b.id)).slice(start, start + size).map((one) => one.id)
    let shown: readonly string[] = []
    for (let step = 0; step < 800; step++) {
      const before = view()
      const moved = new Set<string>()
      for (let changes = 1 + random(4); changes > 0; changes--) {
        const id = String(random(60))
        const at = list.findIndex((one) => one.id === id)
        if (at < 0) list.push({ id, key: random(30) })
        else if (random(3) === 0) list.splice(at, 1)
        else list[at] = { id, key: random(30) }
        moved.add(id)
      }
      const now = view()
      const entered = now.filter((id) => !before.includes(id))
      const order = Object.fromEntries(now.flatMap((id, place) => (entered.includes(id) || moved.has(id) ? [[id, place]] : [])))
      shown = orderAfter(shown, { put: entered.map(put), del: before.filter((id) => !now.includes(id)), order })
      expect(shown).toEqual(now)
    }
  })
})

describe('an item after a put', () => {
  const item: Item = { id: '1', version: 'v1', fields: { name: 'n', stage: 'lead' }, masked: ['name'], locked: [], can: ['update'] }

  it('keeps what a change does not name', () => {
    expect(itemAfter(item, { id: '1', version: 'v2', fields: { stage: 'won' } })).toEqual({ ...item, version: 'v2', fields: { name: 'n', stage: 'won' } })
  })

  it('is replaced by one that carries its rights', () => {
    const whole = { id: '1', version: 'v3', fields: { stage: 'won' }, masked: [], locked: [], can: [] }
    expect(itemAfter(item, whole)).toEqual(whole)
    expect(itemOf(whole)).toEqual(whole)
  })
})
