/** The records before and after this one in the list that it was opened from. */
import { computed, watchEffect } from 'vue'
import { decGroup } from '@/base/dec'
import { listOf } from '@/base/lists'

const NEAR = 5

export function useNeighbours(form: () => string, id: () => string | null) {
  const rows = computed(() => listOf(form())?.rows)
  const at = computed(() => {
    const wanted = id()
    void rows.value?.version.value
    return wanted === null ? -1 : (rows.value?.rankOf(wanted) ?? -1)
  })
  const idAt = (rank: number) => (void rows.value?.version.value, rows.value?.idAt(rank) ?? null)
  const previous = computed(() => (at.value > 0 ? idAt(at.value - 1) : null))
  const next = computed(() => (at.value >= 0 ? idAt(at.value + 1) : null))
  // The list goes along, as if somebody scrolled through it.
  watchEffect(() => {
    if (at.value >= 0) rows.value?.need(Math.max(0, at.value - NEAR), at.value + NEAR)
  })
  // As long as the record has a place in the list, the list is looked at.
  const placed = computed(() => at.value >= 0)
  watchEffect((done) => {
    if (placed.value && rows.value) done(rows.value.hold())
  })
  const place = computed(() => {
    if (at.value < 0) return ''
    return `${decGroup(String(at.value + 1))} / ${decGroup(String(rows.value?.length.value ?? 0))}`
  })
  return { previous, next, place }
}

export type Neighbours = ReturnType<typeof useNeighbours>
