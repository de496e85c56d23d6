/** The records before and after this one in the list that it was opened from. */
import { computed } from 'vue'
import { decGroup } from '@/base/dec'
import { listOf } from '@/base/lists'

export function useNeighbours(form: () => string, id: () => string | null) {
  const rows = computed(() => listOf(form())?.rows)
  const at = computed(() => {
    const wanted = id()
    return wanted === null ? -1 : (rows.value?.ids.value.indexOf(wanted) ?? -1)
  })
  const previous = computed(() => (at.value > 0 ? (rows.value?.ids.value[at.value - 1] ?? null) : null))
  const next = computed(() => {
    if (at.value < 0) return null
    const ids = rows.value?.ids.value ?? []
    // Near the end of what is known the list goes on fetching, as if somebody scrolled.
    if (at.value + 5 > ids.length) rows.value?.need(at.value + 20)
    return ids[at.value + 1] ?? null
  })
  const place = computed(() => {
    if (at.value < 0) return ''
    return `${decGroup(String(at.value + 1))} / ${decGroup(String(rows.value?.length.value ?? 0))}`
  })
  return { previous, next, place }
}
