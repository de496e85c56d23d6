import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const LETTERS = '0123456789ABCDEFGHJKLMNPQRTUWXY'
const WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]

/** Unified social credit code, GB 32100-2015: 18 characters, the last one a check modulo 31. */
export function isCreditCode(text: string): boolean {
  const code = text.normalize('NFKC').trim().toUpperCase()
  if (!/^[0-9A-HJ-NP-RTUWXY]{2}\d{6}[0-9A-HJ-NP-RTUWXY]{10}$/.test(code)) return false
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * LETTERS.indexOf(code.charAt(at)), 0)
  return LETTERS.charAt((31 - (sum % 31)) % 31) === code.charAt(17)
}

const kind: Kind = {
  type: 'credit_code',
  align: 'start',
  width: 184,
  copies: true,
  text: asText,
  cell: (value) => h('span', { class: 'mono' }, asText(value)),
  check: (value) => (isCreditCode(asText(value)) ? null : { code: 'not_a_credit_code' }),
  edit: Edit,
}
export default kind
