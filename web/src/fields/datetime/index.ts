import { instantFromInput, instantText } from '@/base/dates'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/

const kind: Kind = {
  type: 'datetime',
  align: 'start',
  width: 152,
  text: (value) => (value === null ? '' : instantText(asText(value))),
  check: (value) => (INSTANT.test(asText(value)) ? null : { code: 'not_an_instant' }),
  fromText: (text) => instantFromInput(text) ?? text,
  edit: Edit,
}
export default kind
