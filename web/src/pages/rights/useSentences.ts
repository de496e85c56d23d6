/** Rights said as sentences, in the reader's language: which rows, under which condition, what has changed. */
import type { ShallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Grant, Level, Matrix } from '@/base/admin'
import { useConditionWords } from '@/fields/conditions/useConditionWords'
import { REST, type Change, type Draft } from './matrix'

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

  const { conditionText, periodText } = useConditionWords(() => matrix.value?.fields ?? [])

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
