/** Conditions said as sentences, in the reader's language. */
import { useI18n } from 'vue-i18n'
import type { Filter, Value } from '@/base/contract'
import { kindOf } from '..'
import { plainText } from '../plain'
import { fromFilter, isGroup, likeOf, shapeOf, type ConditionField, type Node, type Test } from './condition'
import { nameOf } from './names'

/** `personal`: the one who reads is the one who is meant by "me"; in rights it is whoever looks. */
export function useConditionWords(fields: () => readonly ConditionField[], personal = false) {
  const { t, te } = useI18n()

  const fieldOf = (key: string) => fields().find((field) => field.key === key)
  const meText = () => (personal ? t('condition.me') : t('condition.viewer'))
  const departmentText = () => (personal ? t('condition.mySubtree') : t('condition.viewersSubtree'))

  function valueText(test: Test, value: unknown): string {
    if (value === '@me') return meText()
    if (value === '@my_department') return departmentText()
    if (typeof value === 'boolean') return value ? t('field.yes') : t('field.no')
    const field = fieldOf(test.field)
    const option = field?.options?.find((one) => one.key === value)
    if (option) return option.label
    if (test.op === 'within' && typeof value === 'string') return periodText(value)
    if (!field || typeof value !== 'string') return plainText((value ?? null) as Value)
    if (likeOf(field.type) === 'member' || field.type === 'department' || field.type === 'reference') return nameOf(field, value) ?? '…'
    return kindOf(field).text(value, asField(field))
  }

  function periodText(period: string): string {
    const days = /^(last|next)_(\d+)_days$/.exec(period)
    if (days) return days[1] === 'last' ? t('period.lastDays', { n: days[2] ?? '' }) : t('period.nextDays', { n: days[2] ?? '' })
    return te(`period.${period}`) ? t(`period.${period}`) : period
  }

  function testText(test: Test): string {
    const given = Array.isArray(test.value) ? test.value.map((value) => valueText(test, value)).join(t('list.and')) : valueText(test, test.value)
    const said = [fieldOf(test.field)?.label ?? test.field, t(`op.${test.op}`)]
    return [...said, ...(shapeOf(test.op) === 'none' ? [] : [given || '…'])].join(' ')
  }

  function nodeText(node: Node, outer = false): string {
    if (!isGroup(node)) return testText(node)
    const parts = node.items.map((item) => nodeText(item))
    if (node.join === 'none') return t('condition.noneOf', { what: parts.join(` ${t('condition.or')} `) })
    const text = parts.join(node.join === 'and' ? ` ${t('condition.and')} ` : ` ${t('condition.or')} `)
    return outer || parts.length < 2 ? text : t('condition.bracket', { what: text })
  }

  const conditionText = (condition: Filter | null) => nodeText(fromFilter(condition), true)

  return { valueText, periodText, nodeText, conditionText, meText, departmentText }
}

/** A field as its own input knows it. */
export function asField(field: ConditionField) {
  return { required: false, unique: false, access: 'write' as const, group: null, sortable: false, searchable: false, ...field }
}
