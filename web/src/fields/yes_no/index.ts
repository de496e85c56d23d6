import type { Kind } from '../kind'
import Edit from './Edit.vue'

const SAID = new Map<string, boolean>([
  ...['✓', '√', '是', '有', 'yes', 'y', 'true', '1'].map((word) => [word, true] as const),
  ...['✗', '×', '否', '无', 'no', 'n', 'false', '0'].map((word) => [word, false] as const),
])

/** Yes and no as marks, which both languages have; in words where there is room for them. */
const kind: Kind = {
  type: 'yes_no',
  align: 'start',
  width: 104,
  text: (value) => (value === true ? '✓' : value === false ? '✗' : ''),
  read: (value, _field, t) => t(value === true ? 'field.yes' : 'field.no'),
  check: (value) => (typeof value === 'boolean' ? null : { code: 'bad_value' }),
  fromText: (text) => SAID.get(text.normalize('NFKC').trim().toLowerCase()),
  edit: Edit,
}
export default kind
