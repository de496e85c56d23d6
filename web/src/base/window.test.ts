import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Range } from './contract'
import { createWindow, windowFor } from './window'

describe('where a window stands', () => {
  it('holds what is looked at with room on either side, never more than the server allows', () => {
    for (let first = 0; first < 5000; first += 7) {
      for (const seen of [12, 30, 70, 120]) {
        const [start, size] = windowFor(first, first + seen - 1, 100000)
        expect(size).toBeLessThanOrEqual(200)
        expect(start % 25).toBe(0)
        expect(start === 0 || first - start >= 10).toBe(true)
        expect(start + size - (first + seen)).toBeGreaterThanOrEqual(10)
      }
    }
  })

  it('reaches the end of the list, and begins before it', () => {
    expect(windowFor(9970, 9999, 10000)).toEqual([9900, 100])
    expect(windowFor(0, 20, 3)).toEqual([0, 100])
    expect(windowFor(990, 999, 111)).toEqual([25, 100])
  })
})

describe('moving', () => {
  let moves: Range[]
  beforeEach(() => {
    vi.useFakeTimers()
    moves = []
  })
  afterEach(() => void vi.useRealTimers())
  const at = (start: number) => {
    const view = createWindow((range) => void moves.push(range), () => 10000)
    view.look(start, start + 20)
    view.has(view.wish())
    return view
  }

  it('waits for a pause, and does not for small steps', () => {
    const view = at(0)
    for (let first = 0; first < 60; first += 10) view.look(first, first + 20)
    vi.advanceTimersByTime(500)
    expect(moves).toEqual([])
    view.look(500, 520)
    view.look(800, 820)
    vi.advanceTimersByTime(79)
    expect(moves).toEqual([])
    vi.advanceTimersByTime(1)
    expect(moves).toEqual([windowFor(800, 820, 10000)])
  })

  it('follows one who never pauses', () => {
    const view = at(0)
    for (let step = 0; step < 60; step++) {
      view.look(1000 + step * 40, 1020 + step * 40)
      vi.advanceTimersByTime(16)
    }
    expect(moves.length).toBeGreaterThanOrEqual(3)
  })

  it('moves on where the window that comes is not the one that is wanted any more', () => {
    const view = at(0)
    view.look(1000, 1020)
    vi.advanceTimersByTime(80)
    view.look(5000, 5020)
    vi.advanceTimersByTime(80)
    view.has(moves[0]!)
    vi.advanceTimersByTime(80)
    expect(moves.at(-1)).toEqual(windowFor(5000, 5020, 10000))
    view.has(moves.at(-1)!)
    vi.advanceTimersByTime(500)
    expect(moves).toHaveLength(2)
  })
})
