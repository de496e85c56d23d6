/** The records before and after this one in the list that it was opened from. */
import { computed, watchEffect } from 'vue'
import { decGroup } from '@/base/dec'
import { listOf } from '@/base/lists'

const NEAR = 5
const AHEAD = 20

export function useNeighbours(form: () => string, id: () => string | null) {
  const rows = computed(() => listOf(form())?.rows)
  const at = computed(() => {
    const wanted = id()
    return wanted === null ? -1 : (rows.value?.ids.value.indexOf(wanted) ?? -1)
  })
  const previous = computed(() => (at.value > 0 ? (rows.value?.ids.value[at.value - 1] ?? null) : null))
  const next = computed(() => (at.value >= 0 ? (rows.value?.ids.value[at.value + 1] ?? null) : null))
  // Near the end of what is known the list goes on fetching, as if somebody scrolled.
  watchEffect(() => {
    if (at.value >= 0 && at.value + NEAR > (rows.value?.ids.value.length ?? 0)) rows.value?.need(at.value + AHEAD)
  })
  const place = computed(() => {
    if (at.value < 0) return ''
    return `${decGroup(String(at.value + 1))} / ${decGroup(String(rows.value?.length.value ?? 0))}`
  })
  return { previous, next, place }
}
