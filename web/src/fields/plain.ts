/** A value as words where its field is not at hand (the log has values that were made for showing already). */
import type { Value } from '@/base/contract'
import { asText, isEmpty } from './kind'
import { isRef } from './reference'

export function plainText(value: Value | undefined): string {
  if (value === undefined || isEmpty(value)) return ''
  if (Array.isArray(value)) return (value as Value[]).map(plainText).join('、')
  return isRef(value) ? (value.title ?? value.id ?? '') : asText(value)
}
