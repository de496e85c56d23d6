import { expect, test } from 'vitest'
import { fieldOf } from '@/fields/fixture'
import { quickTests } from './quick'

const asked = (type: string, value: Parameters<typeof quickTests>[1]) => quickTests(fieldOf(type), value, false).map(({ op, value: given }) => [op, given])

test('a cell is asked for by what its kind knows', () => {
  expect(asked('choice', 'won')).toEqual([['in', ['won']], ['nin', ['won']], ['empty', null]])
  expect(asked('member', { id: '7', title: 'Ada' })).toEqual([['in', ['7']], ['nin', ['7']], ['empty', null]])
  expect(asked('tags', ['a', 'b'])).toEqual([['any', ['a', 'b']], ['none', ['a', 'b']], ['empty', null]])
  expect(asked('money', '12.00')).toEqual([['eq', '12.00'], ['ge', '12.00'], ['le', '12.00'], ['empty', null]])
  expect(asked('datetime', '2026-11-28T03:00:00Z').map(([op]) => op)).toEqual(['ge', 'lt', 'empty'])
  expect(asked('yes_no', false)).toEqual([['eq', false], ['empty', null]])
  expect(asked('text', '观澜')).toEqual([['eq', '观澜'], ['ne', '观澜'], ['empty', null]])
  expect(asked('long_text', '很长')).toEqual([['empty', null]])
})

test('an empty cell asks for empty ones or all others; what is masked or hidden for nothing that is not known', () => {
  expect(asked('phone', null)).toEqual([['empty', null], ['filled', null]])
  expect(asked('tags', [])).toEqual([['empty', null], ['filled', null]])
  expect(quickTests(fieldOf('phone'), '138****0000', true)).toEqual([])
  expect(asked('reference', { id: null, title: null })).toEqual([['empty', null], ['filled', null]])
})
