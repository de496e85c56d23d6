/**
 * Exact decimals as text. Money never becomes a JavaScript number: grouping, rounding for display and comparing are
 * done on digits.
 */

export interface DecParts {
  negative: boolean
  /** Without leading zeros, at least "0". */
  whole: string
  /** Digits behind the point as given, maybe none. */
  fraction: string
}

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?$/

/** Splits a decimal; null where the text is none. */
export function decParse(text: string): DecParts | null {
  const found = DECIMAL.exec(text)
  if (!found) return null
  const whole = (found[2] ?? '').replace(/^0+(?=\d)/, '')
  const fraction = found[3] ?? ''
  const zero = /^0*$/.test(whole + fraction)
  return { negative: found[1] === '-' && !zero, whole, fraction }
}

/** What people type or paste as an amount: full-width digits, separators, a currency sign, 万 and 亿. Null if it is none. */
export function decFromInput(typed: string): string | null {
  let text = typed.normalize('NFKC').replace(/[\s,'_，]/g, '').replace(/^[¥￥$]/, '').replace(/元$/, '')
  let shift = 0
  if (text.endsWith('万')) shift = 4
  if (text.endsWith('亿')) shift = 8
  if (shift > 0) text = text.slice(0, -1)
  if (/^[+-]?\.\d/.test(text)) text = text.replace('.', '0.')
  const parts = decParse(text)
  return parts ? decPrint(moved(parts, shift)) : null
}

function moved(parts: DecParts, shift: number): DecParts {
  const fraction = parts.fraction.padEnd(shift, '0')
  const whole = (parts.whole + fraction.slice(0, shift)).replace(/^0+(?=\d)/, '')
  return { negative: parts.negative, whole, fraction: fraction.slice(shift) }
}

/** The plain form: no plus, no leading zeros, no trailing zeros behind the point. */
export function decPrint(parts: DecParts): string {
  const fraction = parts.fraction.replace(/0+$/, '')
  return (parts.negative ? '-' : '') + parts.whole + (fraction === '' ? '' : `.${fraction}`)
}

/** Digits behind the point that carry a value. */
export function decScale(text: string): number {
  return (decParse(text)?.fraction.replace(/0+$/, '') ?? '').length
}

/** -1, 0 or 1; both texts must be decimals. */
export function decCompare(a: string, b: string): number {
  const left = decParse(a)
  const right = decParse(b)
  if (!left || !right) return 0
  if (left.negative !== right.negative) return left.negative ? -1 : 1
  const sign = left.negative ? -1 : 1
  const width = Math.max(left.whole.length, right.whole.length)
  const places = Math.max(left.fraction.length, right.fraction.length)
  const digits = (p: DecParts) => p.whole.padStart(width, '0') + p.fraction.padEnd(places, '0')
  const x = digits(left)
  const y = digits(right)
  return x === y ? 0 : x < y ? -sign : sign
}

/** Thousands separators and a fixed number of places (the value is padded, or rounded half away from zero). */
export function decGroup(text: string, places?: number): string {
  const parts = decParse(text)
  if (!parts) return text
  const shown = places === undefined ? parts : rounded(parts, places)
  const whole = shown.whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  const negative = shown.negative && /[1-9]/.test(shown.whole + shown.fraction)
  return (negative ? '-' : '') + whole + (shown.fraction === '' ? '' : `.${shown.fraction}`)
}

function rounded(parts: DecParts, places: number): DecParts {
  const fraction = parts.fraction.padEnd(places, '0')
  if (fraction.length === places) return { ...parts, fraction }
  const up = fraction.charCodeAt(places) >= 53
  let digits = parts.whole + fraction.slice(0, places)
  if (up) digits = (BigInt(digits) + 1n).toString().padStart(digits.length, '0')
  const cut = digits.length - places
  return { negative: parts.negative, whole: digits.slice(0, cut), fraction: digits.slice(cut) }
}

export type AmountUnit = '' | 'wan' | 'yi'

/**
 * A short form of an amount, as people in Chinese banks say it: 12,345,678 is 1,234.57 万, 1,234,567,890 is 12.35 亿.
 * Below ten thousand the amount is given whole. The unit comes as a key: its word is the reader's language's business.
 */
export function decShort(text: string, places = 2): { text: string; unit: AmountUnit } {
  const parts = decParse(text)
  if (!parts) return { text, unit: '' }
  const unit: AmountUnit = parts.whole.length > 8 ? 'yi' : parts.whole.length > 4 ? 'wan' : ''
  const shift = unit === 'yi' ? 8 : unit === 'wan' ? 4 : 0
  const whole = parts.whole.slice(0, parts.whole.length - shift) || '0'
  const scaled = { negative: parts.negative, whole, fraction: parts.whole.slice(parts.whole.length - shift) + parts.fraction }
  return { text: trimmed(decGroup(decPrint(scaled), places)), unit }
}

function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

const SCALE = 12

/** Digits as one whole number of that many places. */
function whole(parts: DecParts, places: number): bigint {
  const digits = BigInt(parts.whole + parts.fraction.slice(0, places).padEnd(places, '0'))
  return parts.negative ? -digits : digits
}

function printed(digits: bigint, places: number): string {
  const negative = digits < 0n
  const text = String(negative ? -digits : digits).padStart(places + 1, '0')
  return decPrint({ negative, whole: text.slice(0, text.length - places), fraction: text.slice(text.length - places) })
}

/** The sum, exactly; null where one of them is no decimal. */
export function decAdd(a: string, b: string): string | null {
  const [x, y] = [decParse(a), decParse(b)]
  if (!x || !y) return null
  const places = Math.max(x.fraction.length, y.fraction.length, SCALE)
  return printed(whole(x, places) + whole(y, places), places)
}

/** By a whole number, rounded half away from zero. */
export function decDivide(text: string, by: number, places: number): string {
  const parts = decParse(text)
  if (!parts || by === 0) return text
  const digits = whole(parts, places + SCALE) * 2n
  const divisor = BigInt(by) * 10n ** BigInt(SCALE)
  const half = digits < 0n ? -divisor : divisor
  return printed((digits + half) / (divisor * 2n), places)
}
