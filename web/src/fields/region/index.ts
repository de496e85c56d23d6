import { optionFromText, optionLabel, optionOf } from '../choice'
import type { Kind } from '../kind'
import Edit from './Edit.vue'

/** Administrative divisions: options whose keys are the codes of GB/T 2260. Many, so without colours, found by typing. */
const kind: Kind = {
  type: 'region',
  align: 'start',
  width: 136,
  text: (value, field) => optionLabel(field, value),
  check: (value, field) => (!field.options?.length || optionOf(field, value) ? null : { code: 'not_an_option' }),
  fromText: (text, field) => (field.options?.length ? optionFromText(text, field) : text),
  edit: Edit,
}
export default kind
