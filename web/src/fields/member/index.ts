import type { Kind } from '../kind'
import { refRequest, refTitle } from '../refs'
import Edit from './Edit.vue'

const kind: Kind = { type: 'member', align: 'start', width: 104, text: refTitle, request: refRequest, edit: Edit }
export default kind
