/** References (a member, a department): a title for people, an id for the server. */
import type { Ref, Value } from '@/base/contract'
import type { Choice } from '@/ui/choice'

export function isRef(value: Value): value is Ref {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

export function refTitle(value: Value): string {
  return isRef(value) ? (value.title ?? '') : ''
}

export function refRequest(value: Value): unknown {
  return isRef(value) ? value.id : value
}

export function refChoices(value: Value): Choice[] {
  return isRef(value) && value.id !== null ? [{ key: value.id, label: value.title ?? value.id }] : []
}

export function refOf(picked: Choice[]): Value {
  const one = picked[0]
  return one ? { id: one.key, title: one.label } : null
}
