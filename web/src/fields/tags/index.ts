import { h } from 'vue'
import type { Value } from '@/base/contract'
import { optionFromText, optionLabel, optionOf } from '../choice'
import type { Kind } from '../kind'
import Edit from './Edit.vue'

const keys = (value: Value): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

const kind: Kind = {
  type: 'tags',
  align: 'start',
  width: 168,
  text: (value, field) => keys(value).map((key) => optionLabel(field, key)).join('、'),
  cell: (value, field) =>
    h('span', { class: 'pills' }, keys(value).map((key) => h('span', { class: ['pill', `pill-${optionOf(field, key)?.color ?? 'gray'}`] }, [h('span', { class: 'pill-text' }, optionLabel(field, key))]))),
  check: (value, field) => (keys(value).every((key) => optionOf(field, key)) ? null : { code: 'not_an_option' }),
  fromText(text, field) {
    const found = text.split(/[、,，;；\n]/).map((one) => one.trim()).filter((one) => one !== '').map((one) => optionFromText(one, field))
    return found.every((key) => typeof key === 'string') ? [...new Set(found as string[])] : undefined
  },
  edit: Edit,
}
export default kind
