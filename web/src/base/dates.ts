/**
 * Dates and instants. A date is text `2026-11-22` and has no zone. An instant is RFC 3339 in UTC; people read it in the
 * instance's zone, whatever their own machine is set to, so that two colleagues speak of the same minute.
 */

/** The instance's zone. No summer time since 1991, so that its distance from UTC is the same all year. */
export const ZONE = 'Asia/Shanghai'
const ZONE_OFFSET_MS = 8 * 3600 * 1000

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/

export function isDate(text: string): boolean {
  const found = DATE.exec(text)
  if (!found) return false
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])]
  const made = new Date(Date.UTC(year, month - 1, day))
  return year >= 1000 && made.getUTCMonth() === month - 1 && made.getUTCDate() === day
}

/** What people type as a date: 2026-11-22, 2026/1/2, 2026.1.2, 20261122, 2026年1月2日. Null where it is none. */
export function dateFromInput(typed: string): string | null {
  const text = typed.normalize('NFKC').trim()
  const found = /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$/.exec(text) ?? /^(\d{4})(\d{2})(\d{2})$/.exec(text)
  if (!found) return null
  const made = `${found[1]}-${(found[2] ?? '').padStart(2, '0')}-${(found[3] ?? '').padStart(2, '0')}`
  return isDate(made) ? made : null
}

const two = (n: number) => String(n).padStart(2, '0')

/** The wall clock of the instance's zone at an instant, as the parts of a UTC date; null where the text is no instant. */
function wall(instant: string): Date | null {
  const ms = Date.parse(instant)
  return Number.isNaN(ms) ? null : new Date(ms + ZONE_OFFSET_MS)
}

/** `2026-11-22 14:05:09` in the instance's zone; without seconds where they only distract. */
export function instantText(instant: string, seconds = false): string {
  const at = wall(instant)
  if (!at) return instant
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
  return `${day} ${time}${seconds ? `:${two(at.getUTCSeconds())}` : ''}`
}

/** The instant of a wall-clock time `2026-11-22 14:05[:09]` in the instance's zone; null where it is none. */
export function instantFromInput(typed: string): string | null {
  const found = /^(\S+)(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(typed.normalize('NFKC').trim())
  const day = found ? dateFromInput(found[1] ?? '') : null
  if (!found || !day) return null
  const [hour, minute, second] = [Number(found[2] ?? 0), Number(found[3] ?? 0), Number(found[4] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59) return null
  const ms = Date.parse(`${day}T${two(hour)}:${two(minute)}:${two(second)}Z`) - ZONE_OFFSET_MS
  return new Date(ms).toISOString()
}

/** First and last instant of a date in the instance's zone, for searching a span that includes both ends. */
export function dayStart(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - ZONE_OFFSET_MS).toISOString()
}

export function dayEnd(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) - ZONE_OFFSET_MS + 86400000 - 1).toISOString()
}

export function today(now = Date.now()): string {
  return new Date(now + ZONE_OFFSET_MS).toISOString().slice(0, 10)
}

export function dateAdd(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86400000).toISOString().slice(0, 10)
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31536000],
  ['month', 2592000],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** "3 minutes ago" in the reader's language. */
export function relativeText(instant: string, locale: string, now = Date.now()): string {
  const ms = Date.parse(instant)
  if (Number.isNaN(ms)) return ''
  const seconds = Math.round((ms - now) / 1000)
  const [unit, size] = STEPS.find(([, step]) => Math.abs(seconds) >= step) ?? ['second', 1]
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(Math.trunc(seconds / size), unit)
}
