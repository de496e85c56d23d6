import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const NAME = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i

/** The addresses that the server takes: one @, a plain name, a domain with a dot in it. */
export function isEmail(text: string): boolean {
  const [name = '', domain = '', ...more] = text.trim().split('@')
  const labels = domain.split('.')
  return more.length === 0 && name.length <= 64 && NAME.test(name) && labels.length > 1 && labels.every((label) => LABEL.test(label))
}

const kind: Kind = {
  type: 'email',
  align: 'start',
  width: 200,
  copies: true,
  text: asText,
  read: (value) => {
    const text = asText(value)
    return isEmail(text) ? h('a', { href: `mailto:${text}` }, text) : text
  },
  check: (value) => (isEmail(asText(value)) ? null : { code: 'not_an_email' }),
  edit: Edit,
}
export default kind
