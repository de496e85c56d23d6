/** Saving the matrix: first what it would change for how many, then saved, or put together with what somebody else has saved. */
import { ref, shallowRef } from 'vue'
import { admin, type Preview } from '@/base/admin'
import { asApiError, type ApiError } from '@/base/problem'
import { applyChange, mergeDrafts, type Merge } from './merge'
import { bodyOf, draftOf, type Change } from './matrix'
import type { MatrixState } from './useMatrix'

export function useSave(state: MatrixState) {
  const preview = shallowRef<Preview | null>(null)
  const merge = shallowRef<Merge | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const busy = ref(false)
  let serial = 0

  async function ask(): Promise<void> {
    if (!state.dirty.value || busy.value) return
    busy.value = true
    error.value = null
    try {
      const found = await admin.preview(state.matrix.value!.form, bodyOf(state.draft.value))
      // What it would change is counted from what is saved now: where that is not what one has seen, look first.
      if (found.version === state.matrix.value!.version) preview.value = found
      else await join()
    } catch (failure) {
      error.value = asApiError(failure)
    } finally {
      busy.value = false
    }
  }

  /** True where it is saved. */
  async function save(): Promise<boolean> {
    const matrix = state.matrix.value!
    busy.value = true
    error.value = null
    try {
      state.take(await admin.saveMatrix(matrix.form, matrix.version, bodyOf(state.draft.value)))
      preview.value = null
      merge.value = null
      return true
    } catch (failure) {
      error.value = asApiError(failure)
      if (error.value.status === 412) await join()
      return false
    } finally {
      busy.value = false
    }
  }

  /** Takes what is saved now as the base, one's own changes on top of it. */
  async function join(): Promise<void> {
    preview.value = null
    try {
      const matrix = state.matrix.value!
      const now = await admin.matrix(matrix.form)
      const merged = mergeDrafts(state.saved.value, state.draft.value, draftOf(now), now.fields, `s${++serial}`)
      state.rebase(now, merged.saved, merged.draft)
      merge.value = merged.theirs.length > 0 ? merged : null
      error.value = null
    } catch (failure) {
      error.value = asApiError(failure)
    }
  }

  /** Of what both changed: theirs after all. */
  function takeTheirs(change: Change): void {
    state.change(change.uid, (grant) => applyChange(grant, change))
    if (merge.value) merge.value = { ...merge.value, disputed: merge.value.disputed.filter((one) => one !== change) }
  }

  return { preview, merge, error, busy, ask, save, join, takeTheirs }
}
