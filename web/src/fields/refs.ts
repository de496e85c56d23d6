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

/** The one that is called so; undefined where nobody is, or more than one. */
export function refFromTitle(text: string, known: readonly { id: string; title: string }[]): Value | undefined {
  const found = known.filter((one) => one.title === text.trim())
  return found.length === 1 ? { id: found[0]!.id, title: found[0]!.title } : undefined
}

export function refChoices(value: Value): Choice[] {
  return isRef(value) && value.id !== null ? [{ key: value.id, label: value.title ?? value.id }] : []
}

export function refOf(picked: Choice[]): Value {
  const one = picked[0]
  return one ? { id: one.key, title: one.label } : null
}
