/** How long something took, in words: the two largest units that say it. */
const UNITS = [
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
] as const

/** "3 天 4 小时"; less than a minute is "1 分钟": nobody counts seconds here. */
export function spanText(ms: number, locale: string): string {
  let left = Math.max(60, Math.floor(ms / 1000))
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const n = Math.floor(left / size)
    left -= n * size
    // After a number of days that says enough, hours are noise; and never minutes behind days.
    if (n > 0) parts.push(new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(n))
    if (parts.length === 2 || (unit === 'day' && n >= 7) || (unit === 'hour' && parts.length === 1 && n === 0)) break
  }
  return parts.join(' ')
}
