/** The keyboard's cursor stays with its record; where that has gone, with its place. */
import { watch, type Ref } from 'vue'
import type { Rows } from '@/base/rows'
import type { Block } from './useBlock'
import type { Grid } from './useGrid'

export function useCursor(scroller: Ref<HTMLElement | null>, grid: Grid, rows: Rows, block: Block, moved: () => void): void {
  let cursor: string | undefined
  let hadFocus = false
  watch(() => grid.active.row, (row) => (cursor = rows.idAt(row)))
  watch(rows.question, () => (cursor = undefined))
  watch(rows.version, () => {
    hadFocus = scroller.value?.contains(document.activeElement) ?? false
    const rank = hadFocus && cursor !== undefined ? rows.rankOf(cursor) : -1
    block.follow(() => {
      if (rank >= 0) grid.touch(rank, grid.active.column)
      else if (grid.active.row >= rows.length.value) grid.touch(Math.max(0, rows.length.value - 1), grid.active.column)
    })
    cursor = rows.idAt(grid.active.row)
    moved()
  })
  watch(
    rows.version,
    () => {
      if (hadFocus && !scroller.value?.contains(document.activeElement)) grid.refocus()
    },
    { flush: 'post' },
  )
}
