/** Records of a form, by what is typed: searched there, under the person's own rights. */
import { call, query } from '@/base/api'
import type { Item, Page } from '@/base/contract'
import { useForms } from '@/base/forms'
import type { Choice } from '@/ui/choice'
import { asText } from '../kind'

const MOST = 20

export async function findRecords(key: string, text: string, signal?: AbortSignal): Promise<Choice[]> {
  const form = await useForms().load(key)
  const number = form.fields.find((field) => field.type === 'auto_number')?.key
  const fields = [form.title_field, number].filter(Boolean).join(',')
  const page = await call<Page<Item>>(`/forms/${form.key}/records${query({ q: text, limit: MOST, fields })}`, { signal })
  return page.items.map((item) => ({
    key: item.id,
    label: asText(item.fields[form.title_field] ?? null) || `#${item.id}`,
    hint: number ? asText(item.fields[number] ?? null) : '',
  }))
}
