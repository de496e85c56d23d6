/** What can be asked of a list by pointing at one of its cells: like this one, unlike it, from it on, nothing there. */
import type { Field, Value } from '@/base/contract'
import { isEmpty } from '@/fields'
import { opsOf, shapeOf, type Test } from '@/fields/conditions/condition'
import { isRef } from '@/fields/refs'

/** In this order, as far as the kind of field knows them. */
const ASKED = ['eq', 'in', 'any', 'ne', 'nin', 'none', 'ge', 'le', 'lt']

/** A value as a condition names it; undefined where it can not be asked for. */
function operand(value: Value): unknown {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string') ? value : undefined
  return isRef(value) ? (value.id ?? undefined) : value
}

export function quickTests(field: Field, value: Value, masked: boolean): Test[] {
  // A masked value is unknown to every condition, and a hidden reference has no id to ask for.
  if (masked || field.access === 'masked') return []
  const ops = opsOf(field.type)
  const there = isEmpty(value)
  const ends: Test[] = [
    { field: field.key, op: 'empty', value: null },
    { field: field.key, op: 'filled', value: null },
  ]
  if (there) return ends
  const given = operand(value)
  if (given === undefined) return ends
  // Long texts are not looked for as a whole.
  const asked = field.type === 'long_text' ? [] : ASKED.filter((op) => ops.includes(op) && !(op === 'lt' && ops.includes('le')))
  return [...asked.map((op) => ({ field: field.key, op, value: shapeOf(op) === 'many' && !Array.isArray(given) ? [given] : given })), ends[0]!]
}
