import member from '../member'
import type { Kind } from '../kind'

/** The server's own: shown as a member is, never typed. */
const kind: Kind = { ...member, type: 'changed_by' }
export default kind
