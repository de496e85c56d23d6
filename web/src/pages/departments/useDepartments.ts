/** The organisation, and the steps that change it; each has its way back where there is one. */
import { ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { admin, type Place } from '@/base/admin'
import { forgetPeople } from '@/base/people'
import { asApiError, type ApiError } from '@/base/problem'
import { showToast } from '@/ui/toast'
import { useErrorText } from '@/ui/useErrorText'

type Wanted = Parameters<typeof admin.changeDepartment>[2]

export function useDepartments() {
  const { t } = useI18n()
  const { errorTitle, faultText } = useErrorText()
  const places = shallowRef<Place[] | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const busy = ref(false)

  async function load(): Promise<void> {
    error.value = null
    try {
      places.value = (await admin.organisation()).items
      forgetPeople() // what pickers keep of it is old
    } catch (failure) {
      error.value = asApiError(failure)
    }
  }

  async function send(place: Place, wanted: Wanted, said: string, back: Wanted | null): Promise<void> {
    if (busy.value) return
    busy.value = true
    try {
      const now = await admin.changeDepartment(place.id, place.version, wanted)
      await load()
      showToast(said, { kind: 'good', ...(back ? { action: { label: t('common.undo'), run: () => void send(now, back, t('departments.undone'), null) } } : {}) })
    } catch (failure) {
      const why = asApiError(failure)
      const words = why.status === 412 ? t('people.stale') : why.faults.length ? why.faults.map(faultText).join(t('list.and')) : errorTitle(why)
      showToast(t('departments.refused', { name: place.title, why: words }), { kind: 'bad' })
      if (why.status === 412 || why.status === 404) await load()
    } finally {
      busy.value = false
    }
  }

  const order = (place: Place, at: number) => send(place, { place: at }, t('departments.ordered', { name: place.title }), { place: place.place })
  const retire = (place: Place) => send(place, { retired: !place.retired }, place.retired ? t('departments.back', { name: place.title }) : t('departments.retiredDone', { name: place.title }), { retired: place.retired })

  /** After the dialog: a name or a place that was given can be taken back. */
  async function saved(now: Place, before: Place | null): Promise<void> {
    await load()
    const said = before ? t('departments.saved', { name: now.title }) : t('departments.made', { name: now.title })
    const back: Wanted | null = before ? { title: before.title, ...(before.parent !== now.parent ? { parent: before.parent, place: before.place } : {}) } : null
    showToast(said, { kind: 'good', ...(back ? { action: { label: t('common.undo'), run: () => void send(now, back, t('departments.undone'), null) } } : {}) })
  }

  return { places, error, busy, load, order, retire, saved }
}
