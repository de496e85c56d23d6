import { serverNow } from '@/base/clock'
import type { Field, User, Values } from '@/base/contract'

/** A required member or department of a new record begins as one's own, a required time as now. */
export function prefilled(fields: Field[], user: User | null): Values {
  const given: Values = {}
  for (const field of fields) {
    if (!field.required || !user) continue
    if (field.type === 'member') given[field.key] = { id: user.id, title: user.name }
    if (field.type === 'department') given[field.key] = user.department
    if (field.type === 'datetime') given[field.key] = new Date(Math.floor(serverNow() / 60000) * 60000).toISOString()
  }
  return given
}
