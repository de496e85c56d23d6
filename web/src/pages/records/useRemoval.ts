/** Deleting a record from its page: at once, with an undo instead of "are you sure". */
import { ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRouter } from 'vue-router'
import type { Form, Item } from '@/base/contract'
import { listOf } from '@/base/lists'
import { asApiError } from '@/base/problem'
import { deleteRecord, restoreRecord } from '@/base/writes'
import { titleOf } from '@/fields'
import { showToast } from '@/ui/toast'
import { useErrorText } from '@/ui/useErrorText'

/** Lists that are not live are read again when they are next shown. */
export function listChanged(form: string): void {
  const list = listOf(form)
  if (list && !list.rows.following.value) list.stale = true
}

export function useRemoval(form: Ref<Form | null>, item: Ref<Item | null>, listAddress: () => string) {
  const { t } = useI18n()
  const { errorTitle } = useErrorText()
  const router = useRouter()
  const busy = ref(false)

  async function undo(key: string, id: string): Promise<void> {
    try {
      await restoreRecord(key, id)
      listChanged(key)
      await router.push(`/forms/${key}/records/${id}`)
    } catch (error) {
      showToast(errorTitle(asApiError(error)), { kind: 'bad', action: { label: t('bin.title'), run: () => void router.push(`/forms/${key}/bin`) } })
    }
  }

  async function remove(): Promise<void> {
    const [definition, record] = [form.value, item.value]
    if (!definition || !record || busy.value) return
    busy.value = true
    try {
      const name = titleOf(definition.fields, definition.title_field, record.fields) || t('record.untitled')
      await deleteRecord(definition.key, record.id)
      listChanged(definition.key)
      const action = record.can.includes('restore') ? { action: { label: t('common.undo'), run: () => void undo(definition.key, record.id) } } : {}
      showToast(t('record.removed', { name }), { kind: 'good', ...action })
      await router.push(listAddress())
    } catch (error) {
      const failure = asApiError(error)
      showToast(failure.faults.some((fault) => fault.field === 'related') ? t('record.tooManyRelated', { n: failure.faults[0]?.limit }) : errorTitle(failure), { kind: 'bad' })
    } finally {
      busy.value = false
    }
  }

  return { busy, remove }
}
