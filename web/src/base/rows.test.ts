import { describe, expect, it } from 'vitest'
import { nextTick, watch } from 'vue'
import type { Item, Page } from './contract'
import { ApiError } from './problem'
import { createRows, type FetchPage } from './rows'

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

const settled = async (rows: { loading: { value: boolean } }) => {
  for (let turn = 0; turn < 500 && rows.loading.value; turn++) await Promise.resolve()
  expect(rows.loading.value).toBe(false)
}

describe('rows', () => {
  it('knows its whole length after the first page and fetches no more than is looked at', async () => {
    const { asked, fetchPage } = server(95)
    const rows = createRows()
    await rows.open(fetchPage)
    expect([rows.length.value, rows.ids.value.length, asked.length]).toEqual([95, 10, 1])
    rows.need(5)
    await settled(rows)
    expect(asked).toHaveLength(1)
    rows.need(34)
    await settled(rows)
    expect(asked).toEqual([null, '10', '20', '30'])
    expect(rows.row(34)?.fields.name).toBe('n34')
    expect(rows.row(60)).toBeUndefined()
  })

  it('turns round when somebody scrolls back before it got there', async () => {
    const { asked, fetchPage } = server(1000)
    const rows = createRows()
    await rows.open(fetchPage)
    rows.need(900)
    rows.need(15)
    await settled(rows)
    expect(asked.length).toBeLessThan(4)
  })

  it('takes the end of the list for the truth about its length', async () => {
    const rows = createRows()
    await rows.open(async () => ({ items: [item(1), item(2)], next: null, total: '7' }))
    expect(rows.length.value).toBe(2)
  })

  it('drops the answer to an old question', async () => {
    const rows = createRows()
    let answerOld: (page: Page<Item>) => void = () => undefined
    const old = rows.open(() => new Promise((resolve) => (answerOld = resolve)))
    await rows.open(async () => ({ items: [item(2)], next: null, total: '1' }))
    answerOld({ items: [item(1)], next: null, total: '1' })
    await old
    expect(rows.ids.value).toEqual(['2'])
  })

  it('keeps what it has when a later page fails, and goes on from there', async () => {
    let broken = true
    const rows = createRows()
    await rows.open(async (after) => {
      if (after !== null && broken) throw new ApiError({ type: 'unavailable', status: 503 })
      return { items: [item(after === null ? 0 : 1)], next: after === null ? 'x' : null, total: '2' }
    })
    rows.need(1)
    await settled(rows)
    expect(rows.error.value?.key).toBe('unavailable')
    expect(rows.ids.value).toEqual(['0'])
    broken = false
    rows.retry()
    await settled(rows)
    expect(rows.ids.value).toEqual(['0', '1'])
  })

  it('shows old rows until new ones are there when reloaded quietly', async () => {
    const rows = createRows()
    await rows.open(async () => ({ items: [item(1)], next: null, total: '1' }))
    const again = rows.open(async () => ({ items: [item(2)], next: null, total: '1' }), true)
    expect(rows.ids.value).toEqual(['1'])
    await again
    expect(rows.ids.value).toEqual(['2'])
    expect(rows.find('1')).toBeUndefined()
  })

  it('shows a record once, though it moved from one page to the next meanwhile', async () => {
    const rows = createRows()
    await rows.open(async (after) => (after === null ? { items: [item(1), item(2)], next: 'x', total: '3' } : { items: [item(2), item(3)], next: null }))
    rows.need(2)
    await settled(rows)
    expect(rows.ids.value).toEqual(['1', '2', '3'])
  })
})

describe('deltas', () => {
  const four = () => {
    const rows = createRows()
    rows.snapshot([item(1), item(2), item(3), item(4)], '4')
    return rows
  }

  it('change a row in place and repaint that row only', async () => {
    const rows = four()
    const [one, two] = [rows.row(0)!, rows.row(1)!]
    const painted: string[] = []
    watch(() => one.fields.name, () => painted.push('one'))
    watch(() => two.fields.name, () => painted.push('two'))
    const order = rows.ids.value
    rows.apply({ put: [{ id: '2', version: 'v2', fields: { name: 'new' } }] })
    await nextTick()
    expect(painted).toEqual(['two'])
    expect(rows.row(1)).toBe(two)
    expect(two.version).toBe('v2')
    expect(rows.ids.value).toBe(order)
  })

  it('keep the fields that a change does not name', () => {
    const rows = createRows()
    rows.snapshot([item(1, { stage: 'lead', phone: '1' })])
    rows.apply({ put: [{ id: '1', fields: { stage: 'won' } }] })
    expect(rows.row(0)?.fields).toEqual({ name: 'n1', stage: 'won', phone: '1' })
  })

  it('let records enter, leave and move at once', () => {
    const rows = four()
    rows.apply({ put: [item(9)], del: ['2'], order: { '9': 0, '1': 3 }, total: '12' })
    expect(rows.ids.value).toEqual(['9', '3', '4', '1'])
    expect(rows.total.value).toBe(12)
    expect(rows.find('2')).toBeUndefined()
  })

  it('ignore places of records that are not there', () => {
    const rows = four()
    rows.apply({ order: { '77': 0 } })
    expect(rows.ids.value).toEqual(['1', '2', '3', '4'])
  })

  it('equal a fresh list after any history', () => {
    const rows = createRows()
    let truth: string[] = []
    let seed = 1
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n
    rows.snapshot([])
    for (let step = 0; step < 500; step++) {
      const next = [...truth]
      const id = String(random(40))
      const at = next.indexOf(id)
      if (at >= 0) next.splice(at, 1)
      const leaves = at >= 0 && random(2) === 0
      const place = random(next.length + 1)
      if (!leaves) next.splice(place, 0, id)
      rows.apply(leaves ? { del: [id] } : { put: [item(Number(id))], order: { [id]: place } })
      truth = next
      expect(rows.ids.value).toEqual(truth)
      expect(rows.ids.value.every((one) => rows.find(one) !== undefined)).toBe(true)
    }
  })
})
