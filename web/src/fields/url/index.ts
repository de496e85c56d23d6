import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const ADDRESS = /^(https?):\/\/([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*)(?::(\d{1,5}))?([/?#][^\s<>"\\^`{|}]*)?$/i

/**
 * The address of a page as it is stored; one typed without `https://` gets it. Null where the server would not take it:
 * another scheme, a name or password before the host (which is how a link shows one bank and leads to another).
 */
export function urlOf(typed: string): string | null {
  const text = typed.trim()
  const schemed = /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
  const found = ADDRESS.exec(schemed ? text : `https://${text}`)
  if (!found) return null
  const [, scheme = '', host = '', port = '', tail = ''] = found
  // A word alone is a word; a host of one's own network is typed with its scheme.
  const good = (schemed || host.includes('.')) && host.split('.').every((label) => !/^-|-$/.test(label)) && (port === '' || (Number(port) > 0 && Number(port) <= 65535))
  return good ? `${scheme.toLowerCase()}://${host.toLowerCase()}${port && `:${port}`}${tail}` : null
}

const kind: Kind = {
  type: 'url',
  align: 'start',
  width: 220,
  copies: true,
  text: asText,
  read: (value) => {
    const text = asText(value)
    const address = /^https?:\/\//.test(text) ? urlOf(text) : null
    return address ? h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, text) : text
  },
  check: (value) => (urlOf(asText(value)) === null ? { code: 'not_a_url' } : null),
  request: (value) => urlOf(asText(value)) ?? asText(value),
  fromText: (text) => urlOf(text) ?? text.trim(),
  edit: Edit,
}
export default kind
