/** A new record that belongs to another one begins with it, and leads back to it when it is saved or given up. */
import { useRoute } from 'vue-router'
import { call } from '@/base/api'
import type { Item, Values } from '@/base/contract'
import { useForms } from '@/base/forms'
import { asText } from '@/fields/kind'

export function useParent(form: () => string, isNew: () => boolean) {
  const route = useRoute()
  const forms = useForms()

  function named(): { form: string; field: string; id: string } | null {
    const parent = forms.list.find((one) => one.key === form())?.parent
    const id = parent && isNew() ? route.query[parent.field] : null
    return parent && typeof id === 'string' && /^\d+$/.test(id) ? { ...parent, id } : null
  }

  /** The values that the address gives: the record it is to belong to, by its title. */
  async function start(): Promise<Values> {
    if (!isNew()) return {}
    if (!forms.loaded) await forms.loadList().catch(() => {})
    const parent = named()
    if (!parent) return {}
    try {
      const { title_field: title } = await forms.load(parent.form)
      const item = await call<Item>(`/forms/${parent.form}/records/${parent.id}`)
      return { [parent.field]: { id: parent.id, title: asText(item.fields[title] ?? null) || `#${parent.id}` } }
    } catch {
      return {} // it is not to be seen, or nobody answers: then it is to be picked
    }
  }

  function back(): string | null {
    const parent = named()
    return parent ? `/forms/${parent.form}/records/${parent.id}` : null
  }

  return { start, back }
}
