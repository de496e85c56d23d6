import { describe, expect, it, vi } from 'vitest'
import { nextTick, watch } from 'vue'
import type { Item, Page, Range } from './contract'
import type { Delta } from './delta'
import { stateHash } from './hash'
import type { Live, Query, Sink, Subscription } from './live'
import { ownWrite } from './own'
import { ApiError } from './problem'
import { createRows, type FetchPage, type Rows } from './rows'
import { windowFor } from './window'

const item = (n: number, fields: Item['fields'] = {}): Item => ({
  id: String(n), version: 'v1', fields: { name: `n${n}`, ...fields }, masked: [], locked: [], can: [],
})

/** A server with `count` records in pages of ten, that remembers what it was asked. */
function server(count: number) {
  const asked: (string | null)[] = []
  const fetchPage: FetchPage = async (after, signal) => {
    asked.push(after)
    await Promise.resolve()
    if (signal.aborted) throw new ApiError({ type: 'cancelled', status: 0 })
    const start = after === null ? 0 : Number(after)
    const end = Math.min(start + 10, count)
    const items = Array.from({ length: end - start }, (_, i) => item(start + i))
    const page: Page<Item> = { items, next: end < count ? String(end) : null }
    return after === null ? { ...page, total: String(count) } : page
  }
  return { asked, fetchPage }
}

/** The ids of all ranks, `-` where nothing is known. */
const known = (rows: Rows) => Array.from({ length: rows.length.value }, (_, rank) => rows.idAt(rank) ?? '-')

const settled = async (rows: { loading: { value: boolean } }) => {
  for (let turn = 0; turn < 500 && rows.loading.value; turn++) await Promise.resolve()
  expect(rows.loading.value).toBe(false)
}

describe('rows', () => {
  it('knows its whole length after the first page and fetches no more than is looked at', async () => {
    const { asked, fetchPage } = server(195)
    const rows = createRows()
    await rows.open(fetchPage, 'q')
    expect([rows.length.value, known(rows).filter((id) => id !== '-').length, asked]).toEqual([195, 10, [null]])
    rows.need(0, 5)
    await settled(rows)
    // As far as is looked at, and sixty rows ahead.
    expect(asked).toEqual([null, '10', '20', '30', '40', '50', '60'])
    rows.need(20, 34)
    await settled(rows)
    expect(asked.at(-1)).toBe('90')
    expect(rows.row(34)?.fields.name).toBe('n34')
    expect(rows.row(160)).toBeUndefined()
  })

  it('turns round when somebody scrolls back before it got there', async () => {
    const { asked, fetchPage } = server(1000)
    const rows = createRows()
    await rows.open(fetchPage, 'q')
    rows.need(0, 900)
    rows.need(0, 15)
    await settled(rows)
    expect(asked.length).toBeLessThan(10)
  })

  it('takes the end of the list for the truth about its length', async () => {
    const rows = createRows()
    await rows.open(async () => ({ items: [item(1), item(2)], next: null, total: '7' }), 'q')
    expect(rows.length.value).toBe(2)
  })

  it('drops the answer to an old question', async () => {
    const rows = createRows()
    let answerOld: (page: Page<Item>) => void = () => undefined
    const old = rows.open(() => new Promise((resolve) => (answerOld = resolve)), 'old')
    await rows.open(async () => ({ items: [item(2)], next: null, total: '1' }), 'q')
    answerOld({ items: [item(1)], next: null, total: '1' })
    await old
    expect(known(rows)).toEqual(['2'])
  })

  it('keeps what it has when a later page fails, and goes on from there', async () => {
    let broken = true
    const rows = createRows()
    await rows.open(async (after) => {
      if (after !== null && broken) throw new ApiError({ type: 'unavailable', status: 503 })
      return { items: [item(after === null ? 0 : 1)], next: after === null ? 'x' : null, total: '2' }
    }, 'q')
    rows.need(0, 1)
    await settled(rows)
    expect(rows.error.value?.key).toBe('unavailable')
    expect(known(rows)).toEqual(['0', '-'])
    broken = false
    rows.retry()
    await settled(rows)
    expect(known(rows)).toEqual(['0', '1'])
  })

  it('shows old rows until new ones are there when reloaded quietly', async () => {
    const rows = createRows()
    await rows.open(async () => ({ items: [item(1)], next: null, total: '1' }), 'q')
    const again = rows.open(async () => ({ items: [item(2)], next: null, total: '1' }), 'q', true)
    expect(known(rows)).toEqual(['1'])
    await again
    expect(known(rows)).toEqual(['2'])
    expect(rows.find('1')).toBeUndefined()
  })

  it('shows a record once, though it moved from one page to the next meanwhile', async () => {
    const rows = createRows()
    await rows.open(async (after) => (after === null ? { items: [item(1), item(2)], next: 'x', total: '3' } : { items: [item(2), item(3)], next: null }), 'q')
    rows.need(0, 2)
    await settled(rows)
    expect(known(rows)).toEqual(['1', '2', '3'])
  })
})


/** A channel that is fed by hand. */
function follow(count: number, size = 100) {
  let sink: Sink | undefined
  const moves: Range[] = []
  const calls: string[] = []
  const channel = {
    subscribe(_query: Query, given: Sink): Subscription {
      sink = given
      return { move: (range) => void moves.push(range), renew: () => calls.push('renew'), rest: () => calls.push('rest'), wake: () => calls.push('wake'), close: () => calls.push('close') }
    },
  } as unknown as Live
  const rows = createRows(channel)
  rows.hold()
  rows.follow({ form: 'customer', sort: '' })
  const window = (start: number) => sink!.snapshot(Array.from({ length: Math.max(0, Math.min(size, count - start)) }, (_, at) => item(start + at)), String(count), [start, size])
  const tell = (delta: Delta) => sink!.delta({ op: 'delta', chan: 'c', pos: 'e.9', ...delta })
  const snapshot: Sink['snapshot'] = (items, total, range) => sink!.snapshot(items, total, range)
  return { rows, moves, calls, window, tell, snapshot, hash: () => sink!.hash!() }
}

describe('a live list', () => {
  it('knows its length and its window, and nothing of the rest', () => {
    const { rows, window } = follow(10000)
    expect(rows.loading.value).toBe(true)
    window(0)
    expect([rows.loading.value, rows.length.value, rows.idAt(99), rows.idAt(100)]).toEqual([false, 10000, '99', undefined])
  })

  it('keeps what it has seen, stale, where the window has moved on', () => {
    const { rows, window } = follow(10000)
    window(0)
    window(500)
    expect([rows.row(40)?.fields.name, rows.isStale(40), rows.isStale(540), rows.idAt(300)]).toEqual(['n40', true, false, undefined])
  })

  it('shows a record at one rank only, though it has moved between two windows', () => {
    const { rows, window, tell } = follow(300)
    window(0)
    window(150)
    tell({ put: [item(7)], del: ['249'], order: { '7': 3 } })
    expect([rows.rankOf('7'), rows.idAt(7), rows.idAt(153)]).toEqual([153, undefined, '7'])
  })

  it('becomes shorter with its total', () => {
    const { rows, window, tell } = follow(5)
    window(0)
    tell({ del: ['2'], total: '4' })
    expect(known(rows)).toEqual(['0', '1', '3', '4'])
    tell({ del: ['0', '1', '3', '4'], total: '0' })
    expect(known(rows)).toEqual([])
  })

  it('changes a row in place, and repaints that row only', async () => {
    const { rows, window, tell } = follow(5)
    window(0)
    const [one, two] = [rows.row(0)!, rows.row(1)!]
    const painted: string[] = []
    watch(() => one.fields.name, () => painted.push('one'))
    watch(() => two.fields.name, () => painted.push('two'))
    const before = rows.version.value
    tell({ put: [{ id: '1', version: 'v2', fields: { name: 'new' } }] })
    await nextTick()
    expect([painted, rows.row(1) === two, two.version, rows.version.value]).toEqual([['two'], true, 'v2', before])
  })

  it("tints what others changed, not one's own", async () => {
    const { rows, window, tell } = follow(5)
    window(0)
    tell({ put: [{ id: '1', version: 'v2', fields: { name: 'new', phone: null } }] })
    expect(Object.keys(rows.row(1)!.tint ?? {})).toContain('name')
    await ownWrite('customer', '2', async () => {
      tell({ put: [{ id: '2', version: 'v2', fields: { name: 'mine' } }] })
      return { pos: 'e.9' }
    })
    tell({ put: [{ id: '3', version: 'v2', fields: { name: 'mine, too' } }] })
    expect([rows.row(2)!.tint, rows.row(3)!.tint]).toEqual([undefined, undefined])
  })

  it('goes with the eye, and rests while nobody looks', async () => {
    vi.useFakeTimers()
    const { rows, window, moves, calls } = follow(10000)
    window(0)
    rows.need(4000, 4030)
    vi.advanceTimersByTime(100)
    expect(moves).toEqual([windowFor(4000, 4030, 10000)])
    const release = rows.hold()
    release()
    vi.advanceTimersByTime(5000)
    expect(calls).toEqual([])
    vi.useRealTimers()
  })

  it('equals a fresh list, its hash included, after any history of two windows', () => {
    const { rows, window, tell, hash, snapshot } = follow(40, 12)
    const list = Array.from({ length: 40 }, (_, at) => item(at))
    let seed = 7
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n
    let start = 0
    let next = 1000
    const view = () => list.slice(start, start + 12)
    window(0)
    for (let step = 0; step < 1500; step++) {
      const before = view().map((one) => one.id)
      const at = random(list.length)
      const what = random(4)
      const moved = new Set<string>()
      let put: Item[] = []
      if (what === 0) list.splice(at, 0, item(next++))
      else if (what === 1 && list.length > 20) list.splice(at, 1)
      else if (what === 2) {
        const [one] = list.splice(at, 1)
        list.splice(random(list.length + 1), 0, one!)
        moved.add(one!.id)
      } else {
        list[at] = { ...list[at]!, version: `v${step}` }
        put = [list[at]]
      }
      const now = view()
      const entered = now.filter((one) => !before.includes(one.id))
      const inView = (id: string) => now.some((one) => one.id === id)
      const order = Object.fromEntries(now.flatMap((one, place) => (moved.has(one.id) || entered.includes(one) ? [[one.id, place]] : [])))
      tell({ put: [...entered, ...put.filter((one) => before.includes(one.id) && inView(one.id))], del: before.filter((id) => !inView(id)), order, total: String(list.length) })
      expect(rows.length.value).toBe(list.length)
      expect(now.map((_, place) => rows.idAt(start + place))).toEqual(now.map((one) => one.id))
      expect(hash()).toBe(stateHash(now))
      const all = known(rows).filter((id) => id !== '-')
      expect(new Set(all).size).toBe(all.length)
      expect(all.every((id) => rows.find(id) !== undefined)).toBe(true)
      if (step % 100 !== 99) continue
      start = random(list.length - 12)
      snapshot(view(), String(list.length), [start, 12])
    }
  })
})
