import type { Department } from '@/base/contract'
import { allDepartments } from '@/base/people'
import type { Choice } from '@/ui/choice'
import type { Kind } from '../kind'
import { refFromTitle, refRequest, refTitle } from '../refs'
import Edit from './Edit.vue'

/** The tree, flat, children behind their parent; one whose parent is not visible stands at the top. */
export function treeChoices(departments: Department[]): Choice[] {
  const known = new Set(departments.map((one) => one.id))
  const walk = (parent: string | null, depth: number): Choice[] =>
    departments
      .filter((one) => (one.parent !== null && known.has(one.parent) ? one.parent : null) === parent)
      .flatMap((one) => [{ key: one.id, label: one.title, depth }, ...walk(one.id, depth + 1)])
  return walk(null, 0)
}

const kind: Kind = {
  type: 'department',
  align: 'start',
  width: 136,
  text: refTitle,
  fromText: async (text) => refFromTitle(text, await allDepartments()),
  request: refRequest,
  edit: Edit,
}
export default kind
