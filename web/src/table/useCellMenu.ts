/** Which cell's menu is open: by the right button, Shift+F10 or the menu key. */
import { shallowRef, type Ref } from 'vue'
import type { Row, Rows } from '@/base/rows'
import type { Column } from './useColumns'
import type { Grid } from './useGrid'

export function useCellMenu(scroller: Ref<HTMLElement | null>, grid: Grid, rows: Rows, columns: () => Column[]) {
  const menu = shallowRef<{ anchor: HTMLElement; row: Row; column: Column } | null>(null)

  function show(at: { row: number; column: number }): boolean {
    const row = rows.row(at.row)
    const column = columns()[at.column]
    const anchor = scroller.value?.querySelector<HTMLElement>(`[data-cell="${at.row}:${at.column}"]`)
    if (!row || !column || !anchor) return false
    menu.value = { anchor, row, column }
    return true
  }

  return {
    menu,
    here: () => void show(grid.active),
    onMenu(event: MouseEvent): void {
      const target = event.target as HTMLElement
      const cell = target.closest<HTMLElement>('[data-row] [data-cell]')?.dataset.cell?.split(':')
      // A link under the mouse keeps the browser's own menu: it opens in a new tab from there. So does an input in hand.
      if (!cell || target.closest('.in-hand') || (event.button === 2 && target.closest('a'))) return
      if (show({ row: Number(cell[0]), column: Number(cell[1]) })) event.preventDefault()
    },
    leave(refocus: boolean): void {
      menu.value = null
      if (refocus) grid.refocus()
    },
  }
}
