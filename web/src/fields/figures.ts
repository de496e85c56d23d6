/** What all exact figures share: digits are never lost, bounds are compared digit by digit. */
import type { Field, Value } from '@/base/contract'
import { decCompare, decFromInput, decGroup, decParse, decScale } from '@/base/dec'
import { asText, type Fault } from './kind'

/** Places behind the point that the field has. */
export function scaleOf(field: Field): number {
  const scale = Number(field.scale ?? 2)
  return Number.isInteger(scale) && scale >= 0 ? scale : 2
}

/** With separators and the field's places; one that has more shows them all. */
export function figureText(value: Value, field: Field): string {
  const text = asText(value)
  return decParse(text) ? decGroup(text, Math.max(scaleOf(field), decScale(text))) : text
}

export function checkBounds(text: string, min: string | null | undefined, max: string | null | undefined): Fault | null {
  if (min && decCompare(text, min) < 0) return { code: 'too_small', limit: decGroup(min) }
  if (max && decCompare(text, max) > 0) return { code: 'too_large', limit: decGroup(max) }
  return null
}

export function checkFigure(value: Value, field: Field, scale = scaleOf(field)): Fault | null {
  const text = decFromInput(asText(value))
  if (text === null) return { code: 'not_a_number' }
  if (decScale(text) > scale) return { code: 'too_precise', limit: scale }
  return checkBounds(text, field.min, field.max)
}

export const figureFromText = (text: string): string => decFromInput(text) ?? text
export const figureRequest = (value: Value): unknown => decFromInput(asText(value)) ?? asText(value)
