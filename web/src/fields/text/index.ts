import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = { type: 'text', align: 'start', width: 180, text: asText, edit: Edit }
export default kind
