import { describe, expect, it } from 'vitest'
import { parseSort, pressSort, printSort } from './sort'

const SORTABLE = new Set(['name', 'stage', 'amount'])

describe('order of a list', () => {
  it('comes from the address and goes back to it', () => {
    const terms = parseSort('-amount,name', SORTABLE)
    expect(terms).toEqual([{ key: 'amount', down: true }, { key: 'name', down: false }])
    expect(printSort(terms)).toBe('-amount,name')
  })

  it('drops what can not be sorted by, and what comes twice', () => {
    expect(parseSort('phone,-name,name,', SORTABLE)).toEqual([{ key: 'name', down: true }])
    expect(parseSort('', SORTABLE)).toEqual([])
  })

  it('goes up, down, and back to how it was', () => {
    let terms = pressSort([], 'name', false)
    expect(printSort(terms)).toBe('name')
    terms = pressSort(terms, 'name', false)
    expect(printSort(terms)).toBe('-name')
    expect(pressSort(terms, 'name', false)).toEqual([])
  })

  it('adds further keys behind the ones that are there', () => {
    const terms = parseSort('-amount', SORTABLE)
    expect(printSort(pressSort(terms, 'name', true))).toBe('-amount,name')
    expect(printSort(pressSort(parseSort('-amount,name', SORTABLE), 'amount', true))).toBe('name')
    expect(printSort(pressSort(terms, 'name', false))).toBe('name')
  })
})
