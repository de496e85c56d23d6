import { findMembers } from '@/base/people'
import type { Kind } from '../kind'
import { refFromTitle, refRequest, refTitle } from '../refs'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'member',
  align: 'start',
  width: 104,
  text: refTitle,
  fromText: async (text) => refFromTitle(text, await findMembers(text.trim())),
  request: refRequest,
  edit: Edit,
}
export default kind
