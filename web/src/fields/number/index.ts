import type { Value } from '@/base/contract'
import { decFromInput, decGroup, decParse } from '@/base/dec'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

/** What was typed as a number: as amounts are typed, or with an exponent. Null if it is none. */
export function numberOf(typed: string): number | null {
  const plain = typed.normalize('NFKC').trim()
  const text = /^[+-]?(\d+\.?\d*|\.\d+)e[+-]?\d+$/i.test(plain) ? plain : decFromInput(plain)
  const number = Number(text ?? NaN)
  return Number.isFinite(number) ? number + 0 : null
}

const asNumber = (value: Value): number | null => (typeof value === 'number' ? value : numberOf(asText(value)))

/** A measured value, JavaScript's own number; what has to be exact is an integer, a decimal or money. */
const kind: Kind = {
  type: 'number',
  align: 'end',
  width: 112,
  text: (value) => (decParse(asText(value)) ? decGroup(asText(value)) : asText(value)),
  check: (value, field) => {
    const number = asNumber(value)
    if (number === null) return { code: 'not_a_number' }
    const least = Number(field.min || Number.MIN_SAFE_INTEGER)
    const most = Number(field.max || Number.MAX_SAFE_INTEGER)
    if (number < least) return { code: 'too_small', limit: least }
    return number > most ? { code: 'too_large', limit: most } : null
  },
  request: (value) => asNumber(value) ?? asText(value),
  fromText: (text) => numberOf(text) ?? text,
  edit: Edit,
}
export default kind
