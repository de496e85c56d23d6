import { beforeEach, expect, test, vi } from 'vitest'
import type { Item, Value } from './contract'
import { createEdits } from './edits'
import { ApiError } from './problem'
import type { Outcome, RecordChange } from './changes'

const server = vi.hoisted(() => ({ records: new Map<string, unknown>(), answer: (_change: unknown): unknown => null, asked: [] as unknown[] }))
vi.mock('./changes', () => ({
  writeRecords: (_form: string, changes: RecordChange[]) => Promise.resolve(changes.map((change) => (server.asked.push(change), server.answer(change)))),
  readRecord: (_form: string, id: string) => (server.records.has(id) ? Promise.resolve(server.records.get(id)) : Promise.reject(new ApiError({ type: 'not_found', status: 404 }))),
}))

const records = server.records as Map<string, Item>
const item = (id: string, fields: Record<string, Value>, version = 'v1'): Item => ({ id, version, fields, masked: [], locked: [], can: ['update'] })
/** Takes what is sent, as the real one would. */
const takes = (change: RecordChange): Outcome => {
  const before = records.get(change.id)!
  const after = { ...before, version: `${before.version}+`, fields: { ...before.fields, ...(change.fields as Record<string, Value>) } }
  records.set(change.id, after)
  return { id: change.id, item: after }
}
const refuses = (problem: Partial<ConstructorParameters<typeof ApiError>[0]> & { status: number }) => (change: RecordChange): Outcome => ({ id: change.id, error: new ApiError({ type: 'x', ...problem }) })

const setUp = (find = (id: string) => records.get(id)) =>
  createEdits({ form: 'customer', find, same: (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null), request: (_key, value) => value, saved: () => undefined })

beforeEach(() => {
  records.clear()
  records.set('1', item('1', { name: 'a', phone: 'p' }))
  records.set('2', item('2', { name: 'b', phone: 'q' }))
  server.asked.length = 0
  server.answer = (change) => takes(change as RecordChange)
})

test('cells of one record go in one change; back and forth again', async () => {
  const edits = setUp()
  expect(await edits.apply([{ id: '1', key: 'name', value: 'A' }, { id: '1', key: 'phone', value: 'P' }, { id: '2', key: 'name', value: 'b' }])).toMatchObject({ done: 2, failed: 0, skipped: 0 })
  expect(server.asked).toEqual([{ id: '1', version: 'v1', fields: { name: 'A', phone: 'P' } }])
  expect(edits.marks.size).toBe(0)
  expect(await edits.undo()).toEqual({ done: 2, failed: 0, skipped: 0 })
  expect(records.get('1')?.fields).toEqual({ name: 'a', phone: 'p' })
  expect(await edits.redo()).toEqual({ done: 2, failed: 0, skipped: 0 })
  expect(records.get('1')?.fields).toEqual({ name: 'A', phone: 'P' })
  expect(await edits.redo()).toBeNull()
})

test('an undo leaves alone what somebody has changed since, and does the rest', async () => {
  const edits = setUp()
  await edits.apply([{ id: '1', key: 'name', value: 'A' }, { id: '2', key: 'name', value: 'B' }])
  records.set('1', item('1', { name: 'theirs', phone: 'p' }, 'v9'))
  expect(await edits.undo()).toEqual({ done: 1, failed: 0, skipped: 1 })
  expect(records.get('1')?.fields.name).toBe('theirs')
  expect(records.get('2')?.fields.name).toBe('b')
  // Redone is what was undone, and no more.
  expect(await edits.redo()).toEqual({ done: 1, failed: 0, skipped: 0 })
  expect(records.get('1')?.fields.name).toBe('theirs')
})

test('a change that came between looking and writing is left alone, too', async () => {
  const edits = setUp()
  await edits.apply([{ id: '1', key: 'name', value: 'A' }])
  server.answer = (change) => refuses({ status: 412, conflicts: [{ field: 'name', base: 'A', theirs: 'x', yours: 'a' }] })(change as RecordChange)
  expect(await edits.undo()).toEqual({ done: 0, failed: 0, skipped: 1 })
  expect(edits.left()).toEqual([])
})

test('one wrong cell does not hold up its neighbours: it stays, with why', async () => {
  const edits = setUp()
  server.answer = (given) => {
    const change = given as RecordChange
    return 'phone' in change.fields ? refuses({ status: 422, errors: [{ field: 'fields.phone', code: 'not_a_phone' }] })(change) : takes(change)
  }
  expect(await edits.apply([{ id: '1', key: 'name', value: 'A' }, { id: '1', key: 'phone', value: '12' }])).toMatchObject({ done: 1, failed: 1, skipped: 0 })
  expect(records.get('1')?.fields).toEqual({ name: 'A', phone: 'p' })
  const [left] = edits.left()
  expect(left).toMatchObject({ id: '1', key: 'phone', mark: { value: '12', base: 'p', state: 'failed' } })
  expect(left?.mark.error?.faults[0]?.code).toBe('not_a_phone')
  edits.discard('1', 'phone')
  expect(edits.left()).toEqual([])
})

test('a cell that others changed while it was in hand is not sent; keeping one\'s own goes over theirs', async () => {
  const edits = setUp()
  records.set('1', item('1', { name: 'theirs', phone: 'p' }, 'v2'))
  const bases = new Map([['1/name', { base: 'a' as Value, version: 'v1' }]])
  expect(await edits.apply([{ id: '1', key: 'name', value: 'mine' }], bases)).toEqual({ done: 0, failed: 1, skipped: 0 })
  expect(server.asked).toEqual([])
  expect(edits.left()[0]?.mark).toMatchObject({ state: 'clash', base: 'a', theirs: 'theirs', value: 'mine' })
  expect(await edits.retry('1', 'name')).toMatchObject({ done: 1, failed: 0, skipped: 0 })
  expect(server.asked).toEqual([{ id: '1', version: 'v2', fields: { name: 'mine' } }])
  // The undo of it brings theirs back.
  await edits.undo()
  expect(records.get('1')?.fields.name).toBe('theirs')
})

test('where the server knows no common base, what nobody touched is sent again upon the newest state', async () => {
  const edits = setUp()
  let first = true
  server.answer = (given) => {
    const change = given as RecordChange
    if (!first) return takes(change)
    first = false
    records.set('1', item('1', { name: 'a', phone: 'theirs' }, 'v7'))
    return refuses({ status: 412 })(change)
  }
  expect(await edits.apply([{ id: '1', key: 'name', value: 'A' }, { id: '1', key: 'phone', value: 'mine' }])).toMatchObject({ done: 1, failed: 1, skipped: 0 })
  expect(records.get('1')?.fields).toEqual({ name: 'A', phone: 'theirs' })
  expect(edits.left()[0]?.mark).toMatchObject({ state: 'clash', theirs: 'theirs', value: 'mine' })
})

test('without an answer nothing is lost, and the same can be tried again', async () => {
  const edits = setUp()
  server.answer = (change) => refuses({ status: 0, type: 'offline' })(change as RecordChange)
  expect(await edits.apply([{ id: '1', key: 'name', value: 'A' }])).toEqual({ done: 0, failed: 1, skipped: 0 })
  expect(edits.left()[0]?.mark.error?.passing).toBe(true)
  server.answer = (change) => takes(change as RecordChange)
  expect(await edits.retry('1', 'name')).toMatchObject({ done: 1, failed: 0, skipped: 0 })
  expect(edits.left()).toEqual([])
})

test('a clash that was given up and taken back asks again: nothing is written over theirs', async () => {
  const edits = setUp()
  records.set('1', item('1', { name: 'theirs', phone: 'p' }, 'v2'))
  await edits.apply([{ id: '1', key: 'name', value: 'mine' }], new Map([['1/name', { base: 'a' as Value, version: 'v1' }]]))
  const { mark } = edits.left()[0]!
  edits.discard('1', 'name')
  edits.restore('1', 'name', mark)
  expect(server.asked).toEqual([])
  expect(edits.left()).toEqual([{ id: '1', key: 'name', mark }])
  // What was typed since stays.
  edits.hold('2', 'name', 'new', 'b', { code: 'too_long' })
  edits.restore('2', 'name', mark)
  expect(edits.marks.get('2')?.name?.value).toBe('new')
})

test('an undo of a step takes back that one, once, and none of those after it', async () => {
  const edits = setUp()
  const { step } = await edits.apply([{ id: '1', key: 'name', value: 'A' }])
  await edits.apply([{ id: '2', key: 'name', value: 'B' }])
  expect(await edits.undo(step)).toEqual({ done: 1, failed: 0, skipped: 0 })
  expect([records.get('1')?.fields.name, records.get('2')?.fields.name]).toEqual(['a', 'B'])
  expect(await edits.undo(step)).toBeNull()
  expect(records.get('2')?.fields.name).toBe('B')
  expect(await edits.undo()).toEqual({ done: 1, failed: 0, skipped: 0 })
  expect(records.get('2')?.fields.name).toBe('b')
  expect((await edits.apply([{ id: '1', key: 'name', value: 'a' }])).step).toBeUndefined()
})

test('two undos at once go one after the other, each when the row says what the one before wrote', async () => {
  const shown = new Map(records)
  const edits = setUp((id) => shown.get(id))
  const write = async (value: string) => {
    await edits.apply([{ id: '1', key: 'name', value }])
    shown.set('1', records.get('1')!)
  }
  await write('A')
  await write('B')
  // The channel tells a little later than the answer.
  server.answer = (change) => {
    const outcome = takes(change as RecordChange)
    setTimeout(() => shown.set('1', outcome.item!), 60)
    return outcome
  }
  expect(await Promise.all([edits.undo(), edits.undo()])).toEqual([{ done: 1, failed: 0, skipped: 0 }, { done: 1, failed: 0, skipped: 0 }])
  expect(records.get('1')?.fields.name).toBe('a')
})

test('where a part clashed, the rest goes upon the newest state only as far as nobody has changed it', async () => {
  const edits = setUp()
  server.answer = (given) => {
    const change = given as RecordChange
    if (server.asked.length > 1) return takes(change)
    records.set('1', item('1', { name: 'x', phone: 'theirs', city: 'same', mail: 'm' }, 'v7'))
    return refuses({ status: 412, conflicts: [{ field: 'name', base: 'a', theirs: 'x', yours: 'A' }] })(change)
  }
  records.set('1', item('1', { name: 'a', phone: 'p', city: 'c', mail: 'm' }))
  const report = await edits.apply([['name', 'A'], ['phone', 'mine'], ['city', 'same'], ['mail', 'M']].map(([key, value]) => ({ id: '1', key: key!, value: value! })))
  expect(report).toMatchObject({ done: 2, failed: 2 })
  expect(server.asked.slice(1)).toEqual([{ id: '1', version: 'v7', fields: { city: 'same', mail: 'M' } }])
  expect(records.get('1')?.fields).toEqual({ name: 'x', phone: 'theirs', city: 'same', mail: 'M' })
  expect(edits.left().map(({ key, mark }) => [key, mark.state, mark.theirs])).toEqual([['name', 'clash', 'x'], ['phone', 'clash', 'theirs']])
})

test('a second change before the row of the first has come is made upon the first, not against it', async () => {
  const row = item('1', { name: 'a', phone: 'p' })
  const edits = setUp((id) => (id === '1' ? row : records.get(id)))
  const seen = new Map([['1/name', { base: 'a' as Value, version: 'v1' }]])
  expect(await edits.apply([{ id: '1', key: 'name', value: 'A' }], seen)).toMatchObject({ done: 1, failed: 0 })
  expect(await edits.apply([{ id: '1', key: 'name', value: null }], seen)).toMatchObject({ done: 1, failed: 0 })
  const [one, two] = [edits.apply([{ id: '1', key: 'phone', value: 'x' }]), edits.apply([{ id: '1', key: 'phone', value: 'y' }])]
  expect(await Promise.all([one, two])).toMatchObject([{ done: 1, failed: 0 }, { done: 1, failed: 0 }])
  expect(server.asked).toEqual([
    { id: '1', version: 'v1', fields: { name: 'A' } },
    { id: '1', version: 'v1+', fields: { name: null } },
    { id: '1', version: 'v1++', fields: { phone: 'x' } },
    { id: '1', version: 'v1+++', fields: { phone: 'y' } },
  ])
  expect([...edits.marks.values()].flatMap((marks) => Object.values(marks)).some((mark) => mark.state === 'clash')).toBe(false)
})
