/**
 * What a working day asks of the customers' list: what is due, what is late, what has moved, what is new. It goes by the
 * fields that the definition shows; a list whose field is hidden from the person is not there.
 */
import type { Field, Form } from '@/base/contract'
import type { ListQuestion } from '@/base/useLiveList'
import { query } from '@/base/api'
import { stateField } from '@/table/useColumns'

export type Scope = 'mine' | 'all'
type Condition = { field: string; op: string; value?: unknown } | { and: Condition[] }

export const BLOCKS = ['due', 'overdue', 'moved', 'fresh'] as const
export type BlockKey = (typeof BLOCKS)[number]

export interface Block {
  key: BlockKey
  /** The date that the list goes by, shown in its rows. */
  field: string
  question: ListQuestion
}

const DATES: Record<BlockKey, string> = { due: 'next_follow_up_on', overdue: 'next_follow_up_on', moved: 'last_follow_up_at', fresh: 'first_contact_on' }

/** Masked on some rows is clear on others; hidden is not here at all. */
const known = (form: Form, key: string): Field | undefined => form.fields.find((field) => field.key === key && field.access !== 'masked')

/** Customers that were lost need no visit. */
function open(form: Form): Condition[] {
  const state = stateField(form.fields)
  return state?.options?.some((option) => option.key === 'lost') ? [{ field: state.key, op: 'ne', value: 'lost' }] : []
}

function dated(key: BlockKey, form: Form, today: string): Condition[] {
  const field = DATES[key]
  if (key === 'due') return [{ field, op: 'within', value: 'today' }, ...open(form)]
  if (key === 'overdue') return [{ field, op: 'lt', value: today }, ...open(form)]
  return [{ field, op: 'within', value: key === 'moved' ? 'last_2_days' : 'last_7_days' }]
}

const whole = (conditions: Condition[]): Condition => (conditions.length === 1 ? conditions[0]! : { and: conditions })

function scoped(form: Form, scope: Scope, departments: string[] | null): Condition[] {
  if (departments) return known(form, 'department') ? [{ field: 'department', op: 'in', value: departments }] : []
  return scope === 'mine' && known(form, 'owner') ? [{ field: 'owner', op: 'eq', value: '@me' }] : []
}

/** The lists of the day; `departments`: of these alone. */
export function dayBlocks(form: Form, scope: Scope, today: string, departments: string[] | null = null): Block[] {
  return BLOCKS.filter((key) => known(form, DATES[key])).map((key) => {
    const field = DATES[key]
    const down = key === 'moved' || key === 'fresh'
    const filter = whole([...scoped(form, scope, departments), ...dated(key, form, today)])
    return { key, field, question: { form: form.key, filter, sort: known(form, field)?.sortable ? `${down ? '-' : ''}${field}` : '' } }
  })
}

/** How many stand in each state. */
export function stageQuestions(form: Form, scope: Scope): { key: string; question: ListQuestion }[] {
  const state = stateField(form.fields)
  if (!state || state.access === 'masked') return []
  return (state.options ?? [])
    .filter((option) => option.retired !== true)
    .map((option) => ({ key: option.key, question: { form: form.key, filter: whole([...scoped(form, scope, null), { field: state.key, op: 'eq', value: option.key }]) } }))
}

/** The list with that question in its address. */
export const addressOf = ({ form, filter, sort }: ListQuestion): string => `/forms/${form}${query({ filter: JSON.stringify(filter), sort })}`

/** The form that a day goes by: the one with the most of its dates, at least one that is to come. */
export function dayForm(forms: Form[]): Form | undefined {
  const score = (form: Form) => (known(form, DATES.due) ? BLOCKS.filter((key) => known(form, DATES[key])).length : 0)
  return [...forms].sort((a, b) => score(b) - score(a)).find((form) => score(form) > 0)
}
