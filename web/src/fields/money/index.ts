import { h } from 'vue'
import type { Field, Value } from '@/base/contract'
import { decCompare, decFromInput, decGroup, decParse, decScale, decShort } from '@/base/dec'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

export function scaleOf(field: Field): number {
  const scale = Number(field.scale ?? 2)
  return Number.isInteger(scale) && scale >= 0 ? scale : 2
}

const shown = (value: Value, field: Field) => {
  const text = asText(value)
  return decParse(text) ? decGroup(text, Math.max(scaleOf(field), decScale(text))) : text
}

const kind: Kind = {
  type: 'money',
  align: 'end',
  width: 148,
  text: shown,
  read: (value, field, t) => {
    const short = decShort(asText(value))
    if (short.unit === '') return shown(value, field)
    return [shown(value, field), h('span', { class: 'quiet', style: 'margin-left: 8px' }, t(`unit.${short.unit}`, { n: short.text }))]
  },
  check: (value, field) => {
    const text = decFromInput(asText(value))
    if (text === null) return { code: 'not_a_number' }
    if (decScale(text) > scaleOf(field)) return { code: 'too_precise', limit: scaleOf(field) }
    if (field.min && decCompare(text, field.min) < 0) return { code: 'too_small', limit: decGroup(field.min) }
    if (field.max && decCompare(text, field.max) > 0) return { code: 'too_large', limit: decGroup(field.max) }
    return null
  },
  request: (value) => decFromInput(asText(value)) ?? asText(value),
  fromText: (text) => decFromInput(text) ?? text,
  edit: Edit,
}
export default kind
