import { dateFromInput, isDate } from '@/base/dates'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'date',
  align: 'start',
  width: 112,
  text: asText,
  check: (value) => (isDate(asText(value)) ? null : { code: 'not_a_date' }),
  fromText: (text) => dateFromInput(text) ?? text,
  edit: Edit,
}
export default kind
