import { h } from 'vue'
import type { Field, Option, Value } from '@/base/contract'
import type { Choice } from '@/ui/choice'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

export function optionOf(field: Field, key: Value): Option | undefined {
  return field.options?.find((option) => option.key === key)
}

export function optionLabel(field: Field, key: Value): string {
  return optionOf(field, key)?.label ?? asText(key)
}

const folded = (text: string) => text.normalize('NFKC').trim().toLowerCase()

/** The key of the option that these words are: its label, or the key itself. */
export function optionFromText(text: string, field: Field): Value | undefined {
  const wanted = folded(text)
  return (field.options?.find((option) => option.key === text.trim()) ?? field.options?.find((option) => folded(option.label) === wanted))?.key
}

/** What may be chosen, in the definition's order: retired options only where they are chosen already. */
export function choicesOf(field: Field, chosen: Value): Choice[] {
  const has = (key: string) => (Array.isArray(chosen) ? (chosen as unknown[]).includes(key) : chosen === key)
  return (field.options ?? [])
    .filter((option) => !option.retired || has(option.key))
    .map((option) => ({ key: option.key, label: option.label, color: hasColours(field) ? option.color : null }))
}

const colourful = new WeakMap<Field, boolean>()

/** Colours of which there is only one say nothing: the words stand alone then. */
function hasColours(field: Field): boolean {
  let has = colourful.get(field)
  if (has === undefined) {
    has = new Set(field.options?.map((option) => option.color).filter(Boolean)).size > 1
    colourful.set(field, has)
  }
  return has
}

export function pill(field: Field, key: Value) {
  const color = hasColours(field) ? optionOf(field, key)?.color : null
  const label = optionLabel(field, key)
  return color ? h('span', { class: ['pill', `pill-${color}`] }, [h('span', { class: 'pill-text' }, label)]) : label
}

const kind: Kind = {
  type: 'choice',
  align: 'start',
  width: 112,
  state: true,
  text: (value, field) => optionLabel(field, value),
  cell: (value, field) => pill(field, value),
  check: (value, field) => (optionOf(field, value) ? null : { code: 'not_an_option' }),
  fromText: optionFromText,
  edit: Edit,
}
export default kind
