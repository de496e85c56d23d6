import { expect, test } from 'vitest'
import type { Place } from '@/base/admin'
import { isBelow, linesOf, pathOf, peopleBelow, stepPlace } from './tree'

const place = (id: string, parent: string | null, at: number, more: Partial<Place> = {}): Place => ({ id, key: id, title: id.toUpperCase(), parent, place: at, retired: false, people: 1, version: 'v', ...more })
const PLACES = [place('head', null, 0), place('b', 'head', 1), place('a', 'head', 0), place('a1', 'a', 0, { people: 3 }), place('old', 'head', 2, { retired: true, people: 0 })]
const shown = (closed: string[] = [], retired = false, words = '') => linesOf(PLACES, new Set(closed), retired, words).map((line) => `${'-'.repeat(line.depth)}${line.place.id}`)

test('lines stand in order, children behind their parent; retired ones only where they are wanted', () => {
  expect(shown()).toEqual(['head', '-a', '--a1', '-b'])
  expect(shown([], true)).toEqual(['head', '-a', '--a1', '-b', '-old'])
  expect(shown(['a'])).toEqual(['head', '-a', '-b'])
})

test('what is found stands with what is above it, closed or not', () => {
  expect(shown(['head'], false, 'A1')).toEqual(['head', '-a', '--a1'])
  expect(shown([], false, 'nothing')).toEqual([])
})

test('people below are counted in, paths are told, and a step goes past what is not shown', () => {
  expect([peopleBelow(PLACES, 'head'), peopleBelow(PLACES, 'a')]).toEqual([6, 4])
  expect(pathOf(PLACES, 'a1')).toBe('HEAD / A / A1')
  expect([isBelow(PLACES, 'a1', 'head'), isBelow(PLACES, 'head', 'a1'), isBelow(PLACES, 'a', 'a')]).toEqual([true, false, true])
  expect([stepPlace(PLACES, PLACES[2]!, 1, false), stepPlace(PLACES, PLACES[1]!, 1, false), stepPlace(PLACES, PLACES[1]!, 1, true)]).toEqual([1, null, 2])
})
