/** Several of a field's options: the keys of a value, and what a kind of them needs. */
import { h } from 'vue'
import type { Field, Value } from '@/base/contract'
import { optionFromText, optionLabel, optionOf } from './choice'
import type { Kind } from './kind'

export const keysOf = (value: Value): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

/** `ordered`: in the definition's order, whatever the order that they are stored in. */
export function severalKind(type: string, ordered: boolean, edit: Kind['edit']): Kind {
  const rank = (field: Field, key: string) => {
    const at = field.options?.findIndex((option) => option.key === key) ?? -1
    return at < 0 ? Infinity : at
  }
  const shown = (value: Value, field: Field) => {
    const keys = keysOf(value)
    return ordered ? [...keys].sort((a, b) => rank(field, a) - rank(field, b) || 0) : keys
  }
  const onePill = (field: Field, key: string) =>
    h('span', { class: ['pill', `pill-${optionOf(field, key)?.color ?? 'gray'}`] }, [h('span', { class: 'pill-text' }, optionLabel(field, key))])
  return {
    type,
    align: 'start',
    width: 168,
    text: (value, field) => shown(value, field).map((key) => optionLabel(field, key)).join('、'),
    cell: (value, field) => h('span', { class: 'pills' }, shown(value, field).map((key) => onePill(field, key))),
    check: (value, field) => (keysOf(value).every((key) => optionOf(field, key)) ? null : { code: 'not_an_option' }),
    fromText(text, field) {
      const found = text.split(/[、,，;；\n]/).map((one) => one.trim()).filter((one) => one !== '').map((one) => optionFromText(one, field))
      return found.every((key) => typeof key === 'string') ? [...new Set(found as string[])] : undefined
    },
    edit,
  }
}
