import { expect, test } from 'vitest'
import type { Filter } from '@/base/contract'
import { freshTest, fromFilter, isOpen, narrowed, opsOf, parseFilter, shapeOf, testAt, toFilter, type Group, type Test } from './condition'

const there: Filter[] = [
  { field: 'stage', op: 'in', value: ['won'] },
  { and: [{ field: 'stage', op: 'in', value: ['won', 'lost'] }, { field: 'credit_line', op: 'ge', value: '1000000.00' }] },
  { or: [{ field: 'owner', op: 'in', value: ['@me'] }, { and: [{ field: 'name', op: 'contains', value: '银行' }, { field: 'phone', op: 'empty' }] }] },
  { not: { or: [{ field: 'stage', op: 'in', value: ['lost'] }, { field: 'level', op: 'in', value: ['c'] }] } },
  { not: { field: 'phone', op: 'empty' } },
  { not: { and: [{ field: 'stage', op: 'in', value: ['lost'] }, { field: 'level', op: 'in', value: ['c'] }] } },
  { field: 'birthday', op: 'within', value: 'this_month' },
]

test('a condition survives being taken apart and put together', () => {
  for (const filter of there) expect(toFilter(fromFilter(filter))).toEqual(filter)
  expect(toFilter(fromFilter(null))).toBeNull()
})

test('one value of a reference or a viewer is asked as a list', () => {
  expect(toFilter(fromFilter({ field: 'owner', op: 'eq', value: '@me' }))).toEqual({ field: 'owner', op: 'in', value: ['@me'] })
  expect(toFilter(fromFilter({ field: 'department', op: 'eq', value: '100200300' }))).toEqual({ field: 'department', op: 'in', value: ['100200300'] })
  expect(toFilter(fromFilter({ field: 'name', op: 'eq', value: '观澜' }))).toEqual({ field: 'name', op: 'eq', value: '观澜' })
})

test('what is not filled in yet is told', () => {
  expect(isOpen(fromFilter({ field: 'stage', op: 'in', value: [] }))).toBe(true)
  expect(isOpen(fromFilter({ field: 'name', op: 'eq', value: '' }))).toBe(true)
  expect(isOpen(fromFilter({ field: 'name', op: 'empty' }))).toBe(false)
  expect(isOpen({ join: 'and', items: [freshTest('stage', 'choice')] })).toBe(true)
  expect(isOpen({ join: 'and', items: [freshTest('birthday', 'date')] })).toBe(false)
})

test('every operator of every kind has a shape, and empty groups say nothing', () => {
  for (const type of ['text', 'choice', 'tags', 'money', 'date', 'datetime', 'member', 'department', 'reference', 'yes_no', 'integer']) {
    expect(opsOf(type).map(shapeOf).every((shape) => ['none', 'one', 'many', 'period'].includes(shape))).toBe(true)
  }
  expect(toFilter({ join: 'or', items: [{ join: 'and', items: [] }] })).toBeNull()
})

test('a fault of the server finds the condition that it is about', () => {
  const [a, b, c, d]: Test[] = [
    { field: 'name', op: 'contains', value: '银' },
    { field: 'phone', op: 'filled', value: null },
    { field: 'credit_line', op: 'ge', value: '1x' },
    { field: 'stage', op: 'in', value: ['won'] },
  ]
  const root: Group = { join: 'and', items: [a!, { join: 'or', items: [] }, { join: 'none', items: [b!, { join: 'and', items: [c!, d!] }] }] }
  expect(testAt(root, 'filter.and[0].value')).toBe(a)
  expect(testAt(root, 'filter.and[1].not.or[0].not.op')).toBe(b)
  expect(testAt(root, 'filter.and[1].not.or[1].and[0].value')).toBe(c)
  expect(testAt(root, 'filter.and[1].not.or[1].and[1].value[0]')).toBe(d)
  expect(testAt(root, 'filter')).toBeNull()
  expect(testAt({ join: 'and', items: [a!] }, 'filter.field')).toBe(a)
  expect(testAt({ join: 'none', items: [{ join: 'or', items: [d!] }] }, 'filter.not.value')).toBe(d)
})

test('an address is not trusted to hold a filter', () => {
  expect(parseFilter('{"and":[{"field":"name","op":"empty"}]}')).toEqual({ and: [{ field: 'name', op: 'empty' }] })
  const deep = `${'{"not":'.repeat(9)}{"field":"a","op":"empty"}${'}'.repeat(9)}`
  for (const wrong of ['', '7', 'null', '{', '[]', '{"and":{}}', '{"or":[1]}', '{"not":null}', '{"field":1,"op":"eq"}', deep]) expect(parseFilter(wrong)).toBeNull()
})

test('one more condition goes beside those that are there, and not twice', () => {
  const won: Test = { field: 'stage', op: 'in', value: ['won'] }
  expect(toFilter(narrowed(null, won))).toEqual({ field: 'stage', op: 'in', value: ['won'] })
  const either: Filter = { or: [{ field: 'name', op: 'empty' }, { field: 'phone', op: 'empty' }] }
  const both = toFilter(narrowed(either, won))
  expect(both).toEqual({ and: [either, { field: 'stage', op: 'in', value: ['won'] }] })
  expect(toFilter(narrowed(both, won))).toEqual(both)
})
