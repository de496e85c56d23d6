import { h } from 'vue'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'long_text',
  align: 'start',
  width: 280,
  wide: true,
  asideInLists: true,
  text: asText,
  cell: (value) => asText(value).replace(/\s+/g, ' '),
  read: (value) => h('span', { style: 'white-space: pre-wrap' }, asText(value)),
  edit: Edit,
}
export default kind
