import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'auto_number',
  align: 'start',
  width: 128,
  copies: true,
  text: asText,
  cell: (value) => h('span', { class: 'mono' }, asText(value)),
  edit: Edit,
}
export default kind
