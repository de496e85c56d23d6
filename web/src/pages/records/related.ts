/** Which columns a related list has, and in which order its records stand. */
import type { Field, Form } from '@/base/contract'
import { kindOf } from '@/fields'

const COLUMNS = 5

/** The first ones, without the field that is the same in all; the state that a record is in is always among them. */
export function columnsOf(form: Form, field: string): Field[] {
  const all = form.fields.filter((one) => one.key !== field && (one.key === form.title_field || !kindOf(one).asideInLists))
  const first = all.slice(0, COLUMNS)
  const state = all.find((one) => kindOf(one).state)
  if (!state || first.includes(state)) return first
  return [...first.slice(0, COLUMNS - 1), state]
}

/** A plan of dates in its order; what happens at a time with the newest first; else by number, newest first, or by name. */
export function sortOf(form: Form): string {
  const title = form.fields.find((one) => one.key === form.title_field)
  if (title?.sortable && title.type === 'date') return title.key
  const time = form.fields.find((one) => one.sortable && one.required && (one.type === 'datetime' || one.type === 'date'))
  if (time) return `-${time.key}`
  if (!title?.sortable) return ''
  return title.type === 'auto_number' ? `-${title.key}` : title.key
}
