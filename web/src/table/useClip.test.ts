import { expect, test } from 'vitest'
import { computed, ref } from 'vue'
import type { Field, Value } from '@/base/contract'
import type { Bases, Edits } from '@/base/edits'
import type { Row, Rows } from '@/base/rows'
import { kindOf } from '@/fields'
import { fieldOf, STAGES } from '@/fields/fixture'
import type { Block, Rect } from './useBlock'
import { useClip } from './useClip'
import type { Column } from './useColumns'

const fields: Field[] = [
  fieldOf('auto_number', { key: 'no', label: 'No' }),
  fieldOf('text', { key: 'name', label: 'Name', max_length: 5 }),
  fieldOf('choice', { key: 'stage', label: 'Stage', options: STAGES }),
  fieldOf('money', { key: 'sum', label: 'Sum' }),
  fieldOf('text', { key: 'seen', label: 'Seen', access: 'read' }),
]
const columns = fields.map((field) => ({ key: field.key, label: field.label, field, kind: kindOf(field), width: 100, first: false, hidden: false })) as Column[]
const rowOf = (id: string, more: Partial<Row> = {}): Row => ({ id, version: '1', fields: { no: `N${id}`, name: `n${id}`, stage: 'lead', sum: `${id}.00`, seen: 's' }, masked: [], locked: [], can: ['update'], ...more })

function setUp(rect: Rect, list: (Row | undefined)[] = [rowOf('1'), rowOf('2'), rowOf('3')], edits = {} as Edits) {
  const rows = { length: ref(list.length), row: (rank: number) => list[rank] } as unknown as Rows
  const block = { rect: computed(() => rect) } as unknown as Block
  return useClip({ rows, block, edits, columns: () => columns, shownValue: (row: Row, column: Column): Value => row.fields[column.key] ?? null })
}
const rect = (top: number, bottom: number, left: number, right: number): Rect => ({ top, bottom, left, right })
const said = (plan: { cells: { id: string; key: string; value: Value }[] } | null) => plan?.cells.map(({ id, key, value }) => `${id}.${key}=${String(value)}`)

test('one value goes into the whole block, a block as often as it fits, else from the corner on', async () => {
  expect(said(await setUp(rect(0, 2, 1, 1)).planPaste([['x']], true))).toEqual(['1.name=x', '2.name=x', '3.name=x'])
  expect(said(await setUp(rect(0, 1, 1, 1)).planPaste([['x'], ['y']], true))).toEqual(['1.name=x', '2.name=y'])
  expect(said(await setUp(rect(1, 1, 1, 1)).planPaste([['x', '成交客户'], ['y', 'won']], true))).toEqual(['2.name=x', '2.stage=won', '3.name=y', '3.stage=won'])
})

test('a paste goes into the records that stood there when it began, upon what stood in them', async () => {
  const list = [rowOf('1'), rowOf('2'), rowOf('3')]
  const given: Bases[] = []
  const edits = { apply: (_cells: unknown, bases: Bases) => (given.push(bases), Promise.resolve({ done: 2, failed: 0, skipped: 0 })) } as unknown as Edits
  const clip = setUp(rect(0, 1, 1, 1), list, edits)
  const planning = clip.planPaste([['x'], ['y']], true)
  list.unshift(rowOf('0'))
  Object.assign(list[2]!, { version: '2', fields: { ...list[2]!.fields, name: 'theirs' }, locked: ['name'] })
  const plan = await planning
  expect(said(plan)).toEqual(['1.name=x', '2.name=y'])
  await clip.apply(plan!)
  expect(given).toEqual([new Map([['1/name', { base: 'n1', version: '1' }], ['2/name', { base: 'n2', version: '1' }]])])
})

test('what may not be written is counted, what is not known or wrong is told once, an empty cell empties', async () => {
  const plan = await setUp(rect(0, 1, 0, 4), [rowOf('1'), rowOf('2', { locked: ['name'] })]).planPaste([['7', 'x', '没有', '1,2', ''], ['7', 'y', '没有', '三', '']], false)
  expect(said(plan)).toEqual(['1.name=x', '1.sum=12'])
  expect(plan?.closed).toBe(5)
  expect(plan?.wrong.map(({ field, text, fault }) => [field, text, fault?.code ?? null])).toEqual([['Stage', '没有', null], ['Sum', '三', 'not_a_number']])
  expect(said(await setUp(rect(0, 0, 1, 1)).planPaste([['']], false))).toEqual(['1.name=null'])
})

test('lines past the end become records only where one may make them', async () => {
  const clip = setUp(rect(2, 2, 0, 0))
  const lines = [['7', 'a', 'won'], ['8', 'b', 'lead'], ['', '', '']]
  const plan = await clip.planPaste(lines, true)
  expect(said(plan)).toEqual(['3.name=a', '3.stage=won'])
  expect(clip.bodies(plan!)).toEqual([{ name: 'b', stage: 'lead' }])
  expect((await clip.planPaste(lines, false))?.news).toEqual([])
})

test('filling repeats what is above, and takes nothing from a masked cell or a row that is not loaded', () => {
  const list = [rowOf('1'), rowOf('2', { masked: ['sum'] }), rowOf('3'), undefined, rowOf('5')]
  const clip = setUp(rect(0, 4, 1, 1), list)
  expect(said(clip.fillDown())).toEqual(['2.name=n1', '3.name=n1', '5.name=n1'])
  const plan = clip.planFill(rect(0, 1, 3, 3), rect(0, 4, 3, 3))
  expect(said(plan)).toEqual(['3.sum=1.00', '5.sum=1.00'])
  expect(plan.absent).toBe(1)
  expect(said(setUp(rect(2, 2, 1, 2), list).fillDown())).toEqual(['3.name=n2', '3.stage=lead'])
  expect(said(setUp(rect(0, 0, 1, 1), list).fillDown())).toEqual([])
})
