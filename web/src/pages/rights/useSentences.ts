/** Rights said as sentences, in the reader's language: which rows, under which condition, what has changed. */
import { reactive, type ShallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { admin, type Filter, type Grant, type Level, type Matrix } from '@/base/admin'
import { allDepartments } from '@/base/people'
import { plainText } from '@/fields/plain'
import type { Value } from '@/base/contract'
import { fromFilter, isGroup, shapeOf, type Node, type Test } from './condition'
import { REST, type Change, type Draft } from './matrix'

/** Names of people and departments that conditions speak of, by id; asked for once. */
const names = reactive(new Map<string, string>())
const asked = new Set<string>()

async function learn(kind: 'member' | 'department', id: string): Promise<void> {
  if (asked.has(id)) return
  asked.add(id)
  try {
    if (kind === 'member') names.set(id, (await admin.person(id)).name)
    else for (const one of await allDepartments()) names.set(one.id, one.title)
  } catch {
    asked.delete(id)
  }
}

export const rememberName = (id: string, name: string) => names.set(id, name)

/** The name behind an id, as soon as it is known. */
export function nameOf(type: string | undefined, id: string): string | undefined {
  if ((type === 'member' || type === 'department') && !id.startsWith('@') && !names.has(id)) void learn(type, id)
  return names.get(id)
}

export function useSentences(matrix: Readonly<ShallowRef<Matrix | null>>) {
  const { t, te } = useI18n()

  const levelText = (level: Level) => t(`level.${level}`)
  const actionText = (action: string) => (te(`action.${action}`) ? t(`action.${action}`) : action)
  const fieldText = (key: string) => (key === REST ? t('rights.rest') : (matrix.value?.fields.find((field) => field.key === key)?.label ?? key))

  function maskText(mask: string): string {
    const kept = /^(\d+)\+(\d+)$/.exec(mask)
    if (kept) return t('rights.maskKept', { first: kept[1] ?? '', last: kept[2] ?? '' })
    return te(`mask.${mask}`) ? t(`mask.${mask}`) : mask
  }

  function valueText(test: Test, value: unknown): string {
    if (value === '@me') return t('rights.me')
    if (value === '@my_department') return t('rights.mySubtree')
    const field = matrix.value?.fields.find((one) => one.key === test.field)
    const option = field?.options.find((one) => one.key === value)
    if (option) return option.label
    if ((field?.type === 'member' || field?.type === 'department') && typeof value === 'string') return nameOf(field.type, value) ?? '…'
    if (test.op === 'within' && typeof value === 'string') return periodText(value)
    return plainText((value ?? null) as Value)
  }

  function periodText(period: string): string {
    const days = /^(last|next)_(\d+)_days$/.exec(period)
    if (days) return days[1] === 'last' ? t('period.lastDays', { n: days[2] ?? '' }) : t('period.nextDays', { n: days[2] ?? '' })
    return te(`period.${period}`) ? t(`period.${period}`) : period
  }

  function testText(test: Test): string {
    const given = Array.isArray(test.value) ? test.value.map((value) => valueText(test, value)).join(t('list.and')) : valueText(test, test.value)
    const said = [fieldText(test.field), t(`op.${test.op}`)]
    return [...said, ...(shapeOf(test.op) === 'none' ? [] : [given || '…'])].join(' ')
  }

  function nodeText(node: Node, outer = false): string {
    if (!isGroup(node)) return testText(node)
    const parts = node.items.map((item) => nodeText(item))
    if (node.join === 'none') return t('rights.noneOf', { what: parts.join(` ${t('rights.or')} `) })
    const text = parts.join(node.join === 'and' ? ` ${t('rights.and')} ` : ` ${t('rights.or')} `)
    return outer || parts.length < 2 ? text : t('rights.bracket', { what: text })
  }

  const conditionText = (condition: Filter | null) => nodeText(fromFilter(condition), true)

  /** Which rows: "全部记录", "本人的记录", or the condition itself. */
  const ruleText = (grant: Pick<Grant, 'rule' | 'condition'>) => (grant.rule === 'condition' ? conditionText(grant.condition) || t('rule.condition') : t(`rule.${grant.rule}`))

  /** What has become of a grant whose condition does not fit the form any more. */
  function brokenText(role: string, grant: Grant): string {
    const told = { role, rule: ruleText(grant), why: grant.broken?.message || t('fault.bad_value') }
    return grant.deny ? t('rights.brokenDeny', told) : t('rights.brokenGive', told)
  }

  const roleTitle = (draft: Draft, id: string) => draft.find((role) => role.id === id)?.title ?? id

  /** "客户经理 · 本部门的记录" */
  function placeText(draft: Draft, change: { role: string; uid: string }, grant?: Grant): string {
    const role = draft.find((one) => one.id === change.role)
    const found = grant ?? role?.columns.find((column) => column.uid === change.uid)?.grant
    return [roleTitle(draft, change.role), found ? ruleText(found) : '', found?.deny ? t('rights.deny') : ''].filter(Boolean).join(' · ')
  }

  function changeText(change: Change): string {
    switch (change.kind) {
      case 'added':
        return t('rights.changeAdded')
      case 'removed':
        return t('rights.changeRemoved')
      case 'rule':
        return t('rights.changeRule', { before: sideText(change.before), after: sideText(change.after) })
      case 'action':
        return change.on ? t('rights.changeActionOn', { action: actionText(change.action) }) : t('rights.changeActionOff', { action: actionText(change.action) })
      case 'field':
        return t('rights.changeLevel', { field: fieldText(change.field), before: levelText(change.before), after: levelText(change.after) })
      case 'mask':
        return t('rights.changeMask', { field: fieldText(change.field), mask: change.after === null ? t('rights.maskOwn') : maskText(change.after) })
    }
  }
  const sideText = (grant: Grant) => (grant.deny ? `${ruleText(grant)} · ${t('rights.deny')}` : ruleText(grant))

  return { levelText, actionText, fieldText, maskText, ruleText, conditionText, periodText, roleTitle, placeText, changeText, brokenText }
}

export type Sentences = ReturnType<typeof useSentences>
