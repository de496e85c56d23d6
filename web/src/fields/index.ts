/** The kinds of fields, by type. Nothing else in the product asks what type a field has. */
import type { Field, Value, Values } from '@/base/contract'
import autoNumber from './auto_number'
import changedAt from './changed_at'
import changedBy from './changed_by'
import choice from './choice'
import choices from './choices'
import createdAt from './created_at'
import createdBy from './created_by'
import creditCode from './credit_code'
import date from './date'
import datetime from './datetime'
import decimal from './decimal'
import department from './department'
import email from './email'
import generic from './generic'
import idNo from './id_no'
import integer from './integer'
import { asText, isEmpty, letters, type Fault, type Kind } from './kind'
import longText from './long_text'
import member from './member'
import money from './money'
import number from './number'
import percent from './percent'
import phone from './phone'
import reference from './reference'
import region from './region'
import tags from './tags'
import text from './text'
import url from './url'
import yesNo from './yes_no'

export type { Fault, Kind } from './kind'
export { isEmpty } from './kind'

const KINDS = new Map<string, Kind>(
  [
    text, longText, autoNumber, choice, choices, tags, region, yesNo, phone, email, url, creditCode, idNo,
    money, decimal, percent, integer, number, date, datetime, member, department, reference, createdAt, createdBy, changedAt, changedBy,
  ].map((kind) => [kind.type, kind]),
)

export function kindOf(field: Pick<Field, 'type'>): Kind {
  return KINDS.get(field.type) ?? generic
}

/** The first thing that is wrong with what was typed; null where there is nothing to say. */
export function checkField(field: Field, value: Value | undefined): Fault | null {
  const given = value ?? null
  if (isEmpty(given)) return field.required ? { code: 'required' } : null
  const kind = kindOf(field)
  if (field.max_length && typeof given === 'string' && letters(given) > field.max_length) {
    return { code: 'too_long', limit: field.max_length }
  }
  return kind.check?.(given, field) ?? null
}

/** Whether two values say the same; an empty text is no value. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b)
  return JSON.stringify(comparable(a as Value)) === JSON.stringify(comparable(b as Value))
}

function comparable(value: Value): unknown {
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'object' ? one.id : one)).sort()
  return value !== null && typeof value === 'object' ? value.id : value
}

/** What was pasted, as a value; undefined: it names nothing that is known. */
export async function valueFromText(field: Field, text: string): Promise<Value | undefined> {
  if (text.trim() === '') return null
  const kind = kindOf(field)
  return kind.fromText ? await kind.fromText(text, field) : text.trim()
}

/** A value as the server takes it. */
export function requestValue(field: Field, value: Value | undefined): unknown {
  const given = value ?? null
  if (isEmpty(given)) return null
  return kindOf(field).request?.(given) ?? given
}

/** The words by which a record is known. */
export function titleOf(fields: Field[], titleField: string, values: Values): string {
  const field = fields.find((f) => f.key === titleField)
  return field ? kindOf(field).text(values[titleField] ?? null, field) : asText(values[titleField] ?? null)
}
