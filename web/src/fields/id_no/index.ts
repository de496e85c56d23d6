import { h } from 'vue'
import { isDate } from '@/base/dates'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]

/** Citizen's ID number, GB 11643-1999: a birthday within, the last character a check modulo 11. */
export function isIdNo(text: string): boolean {
  const id = text.normalize('NFKC').trim().toUpperCase()
  if (!/^[1-9]\d{16}[\dX]$/.test(id)) return false
  if (!isDate(`${id.slice(6, 10)}-${id.slice(10, 12)}-${id.slice(12, 14)}`)) return false
  const sum = WEIGHTS.reduce((total, weight, at) => total + weight * Number(id.charAt(at)), 0)
  return '10X98765432'.charAt(sum % 11) === id.charAt(17)
}

const kind: Kind = {
  type: 'id_no',
  align: 'start',
  width: 184,
  copies: true,
  text: asText,
  cell: (value) => h('span', { class: 'mono' }, asText(value)),
  check: (value) => (isIdNo(asText(value)) ? null : { code: 'not_an_id_no' }),
  edit: Edit,
}
export default kind
