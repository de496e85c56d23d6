/** The tree of departments as lines: each with its depth, what may be done with it, and where it would stand after a step. */
import type { Place } from '@/base/admin'

export interface Line {
  place: Place
  depth: number
  /** There are departments below it that could be shown. */
  parent: boolean
  first: boolean
  last: boolean
  /** People in it and below it. */
  all: number
}

const sorted = (places: Place[]): Place[] => [...places].sort((a, b) => a.place - b.place)

export function childrenOf(places: Place[], parent: string | null): Place[] {
  return sorted(places.filter((one) => one.parent === parent))
}

export function peopleBelow(places: Place[], id: string): number {
  return places.filter((one) => one.parent === id).reduce((sum, one) => sum + peopleBelow(places, one.id), places.find((one) => one.id === id)?.people ?? 0)
}

/** Whether `id` is `ancestor` or stands below it. */
export function isBelow(places: Place[], id: string, ancestor: string): boolean {
  for (let at = places.find((one) => one.id === id); at; at = places.find((one) => one.id === at?.parent)) if (at.id === ancestor) return true
  return false
}

export function pathOf(places: Place[], id: string | null): string {
  const names: string[] = []
  for (let at = places.find((one) => one.id === id); at; at = places.find((one) => one.id === at?.parent)) names.unshift(at.title)
  return names.join(' / ')
}

/** What is shown: open branches, retired ones where they are wanted; with words to find, all that have them and what stands above them. */
export function linesOf(places: Place[], closed: ReadonlySet<string>, retired: boolean, words: string): Line[] {
  const seen = retired ? places : places.filter((one) => !one.retired)
  const wanted = words.trim().toLowerCase()
  const hits = new Set<string>()
  for (const one of wanted === '' ? [] : seen) {
    if (!`${one.title} ${one.key}`.toLowerCase().includes(wanted)) continue
    for (let at: Place | undefined = one; at; at = seen.find((other) => other.id === at?.parent)) hits.add(at.id)
  }
  const walk = (parent: string | null, depth: number): Line[] => {
    const beside = childrenOf(seen, parent).filter((one) => wanted === '' || hits.has(one.id))
    return beside.flatMap((place, i) => {
      const below = seen.some((one) => one.parent === place.id)
      const line = { place, depth, parent: below, first: i === 0, last: i === beside.length - 1, all: peopleBelow(places, place.id) }
      return [line, ...(wanted === '' && closed.has(place.id) ? [] : walk(place.id, depth + 1))]
    })
  }
  return walk(null, 0)
}

/** The place of one that is moved a step up or down among those that are shown beside it. */
export function stepPlace(places: Place[], one: Place, step: -1 | 1, retired: boolean): number | null {
  const beside = childrenOf(places, one.parent).filter((other) => retired || !other.retired)
  const other = beside[beside.findIndex((each) => each.id === one.id) + step]
  return other ? other.place : null
}
