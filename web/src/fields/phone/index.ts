import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

/** Mobile numbers, land lines with or without area code and extension, 400/800 service numbers, and +country numbers. */
export function isPhone(text: string): boolean {
  const bare = text.normalize('NFKC').replace(/[\s()-]/g, '')
  if (/^(?:\+?86)?1[3-9]\d{9}$/.test(bare)) return true
  if (/^(?:0\d{2,3})?[2-9]\d{6,7}(?:(?:转|x|#|ext\.?)\d{1,6})?$/i.test(bare)) return true
  return /^[48]00\d{7}$/.test(bare) || /^\+(?!86)\d{7,15}$/.test(bare)
}

/** Masked numbers can not be called. */
const callable = (text: string) => isPhone(text)

const kind: Kind = {
  type: 'phone',
  align: 'start',
  width: 136,
  copies: true,
  text: asText,
  read: (value) => {
    const text = asText(value)
    return callable(text) ? h('a', { href: `tel:${text.replace(/[\s()-]/g, '')}` }, text) : text
  },
  check: (value) => (isPhone(asText(value)) ? null : { code: 'not_a_phone' }),
  edit: Edit,
}
export default kind
