import { expect, test } from 'vitest'
import { ref } from 'vue'
import type { Item } from '@/base/contract'
import type { Rows } from '@/base/rows'
import { useTicks } from './useTicks'

function setUp(loaded: (string | null)[]) {
  const item = (id: string): Item => ({ id, version: '1', fields: {}, masked: [], locked: [], can: [] })
  const items = loaded.map((id) => (id === null ? undefined : item(id)))
  const question = ref(0)
  const rows = { question, length: ref(items.length), total: ref(items.length), row: (rank: number) => items[rank], find: (id: string) => items.find((one) => one?.id === id) }
  return { ticks: useTicks(rows as unknown as Rows), question }
}
const ids = (ticks: ReturnType<typeof useTicks>) => ticks.items().map(({ id }) => id).sort().join('')

test('one by one, and with Shift all between, as far as they are loaded', () => {
  const { ticks } = setUp(['a', 'b', null, 'd', 'e'])
  ticks.toggle(1, false)
  ticks.toggle(4, true)
  expect(ids(ticks)).toBe('bde')
  ticks.toggle(3, false)
  expect(ids(ticks)).toBe('be')
  expect(ticks.state.value).toBe('some')
  ticks.toggle(0, true)
  expect(ids(ticks)).toBe('abde')
})

test('all that are loaded, then none; another question lets go of them', () => {
  const { ticks, question } = setUp(['a', 'b'])
  ticks.all()
  expect([ids(ticks), ticks.state.value]).toEqual(['ab', 'all'])
  ticks.all()
  expect(ticks.count.value).toBe(0)
  ticks.toggle(0, false)
  question.value++
  expect(ticks.state.value).toBe('none')
})
