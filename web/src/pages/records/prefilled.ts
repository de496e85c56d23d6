import type { Field, User, Values } from '@/base/contract'

/** A required member or department of a new record begins as one's own. */
export function prefilled(fields: Field[], user: User | null): Values {
  const given: Values = {}
  for (const field of fields) {
    if (!field.required || !user) continue
    if (field.type === 'member') given[field.key] = { id: user.id, title: user.name }
    if (field.type === 'department') given[field.key] = user.department
  }
  return given
}
