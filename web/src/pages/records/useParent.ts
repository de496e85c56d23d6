/** A new record that names another one begins with it, and leads back to it when it is saved or given up. */
import { useRoute } from 'vue-router'
import { call } from '@/base/api'
import type { Form, Item, Value, Values } from '@/base/contract'
import { useForms } from '@/base/forms'
import { titleOf } from '@/fields'
import { isRef } from '@/fields/refs'

export interface Named {
  form: string
  field: string
  id: string
}

/** What a record of that form says of other records that the new one names as well: a contract's customer is its opportunity's. */
export function shared(references: { form: string; field: string }[], from: Named, of: Pick<Form, 'fields'>, item: Item): Values {
  const given: Values = {}
  for (const reference of references) {
    if (reference.field === from.field) continue
    const same = of.fields.filter((field) => field.form === reference.form)
    const value: Value = same.length === 1 ? (item.fields[same[0]!.key] ?? null) : null
    if (isRef(value) && value.id !== null) given[reference.field] = value
  }
  return given
}

export function useParent(form: () => string, isNew: () => boolean) {
  const route = useRoute()
  const forms = useForms()

  const references = () => forms.list.find((one) => one.key === form())?.references ?? []

  function named(): Named | null {
    if (!isNew()) return null
    for (const reference of references()) {
      const id = route.query[reference.field]
      if (typeof id === 'string' && /^\d+$/.test(id)) return { ...reference, id }
    }
    return null
  }

  /** The values that the address gives: the record it is to name, by its title. */
  async function start(): Promise<Values> {
    if (!isNew()) return {}
    if (!forms.loaded) await forms.loadList().catch(() => {})
    const from = named()
    if (!from) return {}
    try {
      const definition = await forms.load(from.form)
      const item = await call<Item>(`/forms/${from.form}/records/${from.id}`)
      const title = titleOf(definition.fields, definition.title_field, item.fields) || `#${from.id}`
      return { ...shared(references(), from, definition, item), [from.field]: { id: from.id, title } }
    } catch {
      return {} // it is not to be seen, or nobody answers: then it is to be picked
    }
  }

  function back(): string | null {
    const from = named()
    return from ? `/forms/${from.form}/records/${from.id}` : null
  }

  return { start, back }
}
