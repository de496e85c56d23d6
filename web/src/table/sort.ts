/** The order of a list, as it stands in the address: `-registered_capital,name`. */
export interface SortTerm {
  key: string
  down: boolean
}

export function parseSort(text: string, sortable: Set<string>): SortTerm[] {
  const seen = new Set<string>()
  return text
    .split(',')
    .map((part) => ({ key: part.replace(/^-/, ''), down: part.startsWith('-') }))
    .filter(({ key }) => sortable.has(key) && !seen.has(key) && seen.add(key))
}

export function printSort(terms: SortTerm[]): string {
  return terms.map(({ key, down }) => (down ? '-' : '') + key).join(',')
}

/** One press on a header: upwards, downwards, as it was. With `further` the other columns keep their say before it. */
export function pressSort(terms: SortTerm[], key: string, further: boolean): SortTerm[] {
  const now = terms.find((term) => term.key === key)
  const next: SortTerm[] = !now ? [{ key, down: false }] : now.down ? [] : [{ key, down: true }]
  if (!further) return next
  if (!now) return [...terms, ...next]
  return terms.flatMap((term) => (term.key === key ? next : [term]))
}
