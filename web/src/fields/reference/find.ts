/** Records of a form, by what is typed: searched there, under the person's own rights. */
import { call, query } from '@/base/api'
import type { Item, Page } from '@/base/contract'
import { useForms } from '@/base/forms'
import type { Choice } from '@/ui/choice'

const MOST = 20

export async function findRecords(key: string, text: string, signal?: AbortSignal): Promise<Choice[]> {
  const form = await useForms().load(key)
  const { kindOf, titleOf } = await import('..') // not at the top: this kind is one of them
  // Its number tells it from others of the same name, or else what it names itself.
  const aside = form.fields.find((field) => field.type === 'auto_number' && field.key !== form.title_field) ?? form.fields.find((field) => field.type === 'reference')
  const fields = [form.title_field, aside?.key].filter(Boolean).join(',')
  const page = await call<Page<Item>>(`/forms/${form.key}/records${query({ q: text, limit: MOST, fields })}`, { signal })
  return page.items.map((item) => ({
    key: item.id,
    label: titleOf(form.fields, form.title_field, item.fields) || `#${item.id}`,
    hint: aside ? kindOf(aside).text(item.fields[aside.key] ?? null, aside) : '',
  }))
}
