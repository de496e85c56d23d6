import { describe, expect, it } from 'vitest'
import { shiftOf, type Seen } from './anchor'

const seen: Seen = ['a', 'b', 'c', 'd', 'e'].map((id, at) => [id, 10 + at] as const)
const ranks = (now: Record<string, number>) => (id: string) => now[id] ?? -1

describe('the anchor', () => {
  it('follows what is looked at when rows come or go above it', () => {
    expect(shiftOf(seen, ranks({ a: 12, b: 13, c: 14, d: 15, e: 16 }))).toBe(2)
    expect(shiftOf(seen, ranks({ a: 9, b: 10, c: 11, d: 12, e: 13 }))).toBe(-1)
  })

  it('stays where one row of the view moved away, moved in, or is gone', () => {
    expect(shiftOf(seen, ranks({ a: 400, b: 10, c: 11, d: 13, e: 14 }))).toBe(0)
    expect(shiftOf(seen, ranks({ b: 11, c: 12, d: 13, e: 14 }))).toBe(0)
  })

  it('prefers the smaller step where it can not tell, and stays where nothing is known any more', () => {
    expect(shiftOf([['a', 0], ['b', 1]], ranks({ a: 5, b: 2 }))).toBe(1)
    expect(shiftOf(seen, () => -1)).toBe(0)
    expect(shiftOf([], () => 3)).toBe(0)
  })
})
