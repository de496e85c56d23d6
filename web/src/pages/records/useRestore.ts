/** Puts an earlier value of a field back: an edit like any other, with an undo. */
import { ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { call } from '@/base/api'
import type { Field, Item, Value } from '@/base/contract'
import { recordSaved } from '@/base/lists'
import { ownWrite } from '@/base/own'
import { asApiError } from '@/base/problem'
import { isEmpty, requestValue, sameValue } from '@/fields'
import { isRef } from '@/fields/refs'
import { showToast } from '@/ui/toast'
import { useErrorText } from '@/ui/useErrorText'
import type { RecordState } from './useRecord'

/** Whether the value can be what stands there: it is another one, is known in clear, and the field may hold it. */
export function isRestorable(item: Item, field: Field, value: Value): boolean {
  if (item.masked.includes(field.key) || item.locked.includes(field.key)) return false
  if (isEmpty(value) ? field.required : isRef(value) && value.id === null) return false
  return !sameValue(value, item.fields[field.key])
}

export function useRestore(record: RecordState) {
  const { t } = useI18n()
  const { errorTitle, faultText } = useErrorText()
  const busy = ref(false)

  /** Where the person may write the field on this record, and reads the old value in clear. */
  function allowed(field: Field, value: Value): boolean {
    const item = record.item.value
    if (!item || record.editing.value || !record.mayEdit.value || !record.writable(field)) return false
    return isRestorable(item, field, value)
  }

  async function put(field: Field, value: Value, version: string): Promise<Item> {
    const form = record.form.value!.key
    const { id } = record.item.value!
    const saved = await ownWrite(form, id, () =>
      call<Item>(`/forms/${encodeURIComponent(form)}/records/${encodeURIComponent(id)}`, { method: 'PATCH', body: { fields: { [field.key]: requestValue(field, value) } }, headers: { 'If-Match': version } }),
    )
    if (record.item.value?.id === id && record.feed.isNewer(saved)) record.item.value = saved
    recordSaved(form, saved)
    return saved
  }

  function refused(failure: unknown): void {
    const error = asApiError(failure)
    const fault = error.faults[0]
    showToast(fault ? faultText(fault) : error.status === 412 ? t('restore.stale') : errorTitle(error), { kind: 'bad' })
  }

  async function run(field: Field, value: Value): Promise<void> {
    const item = record.item.value
    if (busy.value || !item || !allowed(field, value)) return
    busy.value = true
    const before = item.fields[field.key] ?? null
    try {
      const saved = await put(field, value, item.version)
      // Only what stands there by this very edit is taken back.
      const undo = () => void put(field, before, saved.version).catch(refused)
      showToast(t('restore.done', { field: field.label }), { kind: 'good', action: { label: t('common.undo'), run: undo } })
    } catch (failure) {
      refused(failure)
    } finally {
      busy.value = false
    }
  }

  return { allowed, run, busy }
}

export type Restore = ReturnType<typeof useRestore>
