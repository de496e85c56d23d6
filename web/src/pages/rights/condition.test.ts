import { expect, test } from 'vitest'
import type { Filter } from '@/base/admin'
import { freshTest, fromFilter, isOpen, opsOf, shapeOf, toFilter } from './condition'

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
  for (const type of ['text', 'choice', 'tags', 'money', 'date', 'datetime', 'member', 'department']) {
    expect(opsOf(type).map(shapeOf).every((shape) => ['none', 'one', 'many', 'period'].includes(shape))).toBe(true)
  }
  expect(toFilter({ join: 'or', items: [{ join: 'and', items: [] }] })).toBeNull()
})
