/**
 * How one person has arranged the columns of one form: order, widths, hidden ones. Kept in the browser. What is kept
 * may be older than the form: unknown columns are dropped, new ones take the place that the definition gives them.
 */
import { keep, keptJson } from './storage'

export interface ColumnLayout {
  order: string[]
  hidden: string[]
  widths: Record<string, number>
}

export const MIN_WIDTH = 64
export const MAX_WIDTH = 640

/** `first` always leads (it is the sticky one) and can not be hidden. */
export function layoutOf(kept: unknown, keys: string[], first: string, hiddenAtFirst: string[]): ColumnLayout {
  const given = (kept !== null && typeof kept === 'object' ? kept : {}) as Partial<Record<keyof ColumnLayout, unknown>>
  const known = new Set(keys)
  const texts = (value: unknown) =>
    Array.isArray(value) ? [...new Set(value.filter((v): v is string => typeof v === 'string' && known.has(v)))] : []
  const order = texts(given.order)
  const seen = new Set(order)
  keys.forEach((key, place) => {
    if (seen.has(key)) return
    const before = keys.slice(0, place).reverse().find((k) => order.includes(k))
    order.splice(before === undefined ? 0 : order.indexOf(before) + 1, 0, key)
  })
  const hidden = Array.isArray(given.hidden)
    ? texts(given.hidden).concat(hiddenAtFirst.filter((key) => !seen.has(key) && known.has(key)))
    : hiddenAtFirst
  const widths: Record<string, number> = {}
  if (given.widths !== null && typeof given.widths === 'object') {
    for (const [key, width] of Object.entries(given.widths as Record<string, unknown>)) {
      if (known.has(key) && typeof width === 'number' && Number.isFinite(width)) widths[key] = clampWidth(width)
    }
  }
  return {
    order: known.has(first) ? [first, ...order.filter((key) => key !== first)] : order,
    hidden: [...new Set(hidden)].filter((key) => key !== first),
    widths,
  }
}

export function clampWidth(width: number): number {
  return Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)))
}

/** Moves a column before or after another; the leading one stays where it is, and nothing gets in front of it. */
export function moveColumn(order: string[], key: string, target: string, after: boolean): string[] {
  const first = order[0]
  if (key === first || key === target || !order.includes(key) || !order.includes(target)) return order
  const rest = order.filter((k) => k !== key)
  const place = rest.indexOf(target) + (after || target === first ? 1 : 0)
  rest.splice(place, 0, key)
  return rest
}

const storageKey = (person: string, form: string) => `columns.${person}.${form}`

export function keepLayout(person: string, form: string, layout: ColumnLayout): void {
  keep(storageKey(person, form), layout)
}

export function keptLayout(person: string, form: string, keys: string[], first: string, hiddenAtFirst: string[]): ColumnLayout {
  return layoutOf(keptJson(storageKey(person, form)), keys, first, hiddenAtFirst)
}
