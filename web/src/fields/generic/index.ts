import type { Kind } from '../kind'
import { plainText } from '../plain'
import Edit from './Edit.vue'

/** A kind that this browser's program does not know yet (the server is newer): shown, and not editable. */
const kind: Kind = { type: '', align: 'start', width: 144, text: plainText, edit: Edit }
export default kind
