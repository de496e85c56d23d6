import type { Kind } from '../kind'
import Edit from './Edit.vue'

/** Yes and no as marks, which both languages have; in words where there is room for them. */
const kind: Kind = {
  type: 'yes_no',
  align: 'start',
  width: 104,
  text: (value) => (value === true ? '✓' : value === false ? '✗' : ''),
  read: (value, _field, t) => t(value === true ? 'field.yes' : 'field.no'),
  check: (value) => (typeof value === 'boolean' ? null : { code: 'bad_value' }),
  edit: Edit,
}
export default kind
