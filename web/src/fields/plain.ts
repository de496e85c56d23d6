/** A value as words where its field is not at hand (the log has values that were made for showing already). */
import type { Value } from '@/base/contract'
import { asText, isEmpty } from './kind'
import { isRef } from './refs'

export function plainText(value: Value | undefined): string {
  if (value === undefined || isEmpty(value)) return ''
  if (Array.isArray(value)) return (value as Value[]).map(plainText).join('、')
  if (!isRef(value)) return asText(value)
  if ('id' in value || 'title' in value) return value.title ?? value.id ?? ''
  // Settings in the log: named values, such as the level of each field of a grant.
  return Object.entries(value as Record<string, Value>).map(([key, one]) => `${key}: ${plainText(one)}`).join('、')
}
