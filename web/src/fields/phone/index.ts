import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

/**
 * A phone number as it is stored: `13800138000`, `0571-88888888`, `0571-88888888-801`, `4008001234`. People write the
 * same number in many ways; an area code is told from the number behind it (010 and 02x have three digits, others
 * four). Null where it is no number that the server takes.
 */
export function phoneOf(typed: string): string | null {
  const text = typed.normalize('NFKC').replace(/\s/g, '').replace(/^(?:\+|00)86-?/, '')
  const digits = text.replace(/[()-]/g, '')
  if (/^1[3-9]\d{9}$/.test(digits) || /^[48]00\d{7}$/.test(digits)) return digits
  const found = /^\(?(0(?:10|2\d|[3-9]\d{2}))\)?-?([1-9]\d{6,7})(?:(?:-|转|x|#|ext\.?)(\d{1,6}))?$/i.exec(text)
  if (!found) return null
  return [found[1], found[2], found[3]].filter(Boolean).join('-')
}

const kind: Kind = {
  type: 'phone',
  align: 'start',
  width: 136,
  copies: true,
  text: asText,
  read: (value) => {
    const text = asText(value)
    const number = phoneOf(text)
    return number ? h('a', { href: `tel:${number.replace(/-/g, '')}` }, text) : text
  },
  check: (value) => (phoneOf(asText(value)) === null ? { code: 'not_a_phone' } : null),
  request: (value) => phoneOf(asText(value)) ?? asText(value),
  edit: Edit,
}
export default kind
