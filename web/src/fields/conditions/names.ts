/** Names of people, departments and records that conditions speak of by id: remembered where they were picked, asked for once elsewhere. */
import { reactive } from 'vue'
import { call } from '@/base/api'
import type { Item } from '@/base/contract'
import { useForms } from '@/base/forms'
import { allDepartments, memberById } from '@/base/people'
import { asText } from '../kind'
import { likeOf, type ConditionField } from './condition'

const names = reactive(new Map<string, string>())
const asked = new Set<string>()

const keyOf = (field: ConditionField, id: string) => `${field.type}/${field.form ?? ''}/${id}`

async function learn(field: ConditionField, id: string): Promise<void> {
  const key = keyOf(field, id)
  if (asked.has(key)) return
  asked.add(key)
  try {
    if (likeOf(field.type) === 'member') names.set(key, (await memberById(id))?.title ?? `#${id}`)
    else if (field.type === 'department') for (const one of await allDepartments()) names.set(keyOf(field, one.id), one.title)
    else if (field.form) {
      const form = await useForms().load(field.form)
      const item = await call<Item>(`/forms/${encodeURIComponent(form.key)}/records/${encodeURIComponent(id)}`)
      names.set(key, asText(item.fields[form.title_field] ?? null) || `#${id}`)
    }
  } catch {
    // One that is not to be seen has no name here; the id stands for it.
    names.set(key, `#${id}`)
  }
}

const NAMED = new Set(['member', 'department', 'reference'])

export const rememberName = (field: ConditionField, id: string, name: string) => names.set(keyOf(field, id), name)

/** The name behind an id, as soon as it is known. */
export function nameOf(field: ConditionField | undefined, id: string): string | undefined {
  if (!field || !NAMED.has(likeOf(field.type)) || id.startsWith('@')) return undefined
  const found = names.get(keyOf(field, id))
  if (found === undefined) void learn(field, id)
  return found
}

export function forgetNames(): void {
  names.clear()
  asked.clear()
}
