import datetime from '../datetime'
import type { Kind } from '../kind'

/** The server's own: shown as a datetime is, never typed. */
const kind: Kind = { ...datetime, type: 'created_at' }
export default kind
