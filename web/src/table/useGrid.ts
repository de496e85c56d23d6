/**
 * The active cell of the table: one cell is reachable by Tab (roving tabindex), the arrows move from there. Row -1 is
 * the header. The row of the active cell is always drawn, wherever the list is scrolled, so that the focus never falls
 * out of the table.
 */
import { nextTick, reactive, type Ref } from 'vue'

export interface GridSize {
  rows: () => number
  columns: () => number
  /** Rows that fit on the screen. */
  page: () => number
}

export interface Grid {
  active: { row: number; column: number }
  /** Makes a cell the active one without moving the focus (it is there already). */
  touch(row: number, column: number): void
  go(row: number, column: number): Promise<void>
  /** Gives the focus back to the active cell where its element was replaced. */
  refocus(): void
  /** Handles a key; true where it was one of ours. */
  key(event: KeyboardEvent): boolean
}

export function useGrid(scroller: Ref<HTMLElement | null>, size: GridSize, showRow: (row: number) => void): Grid {
  const active = reactive({ row: 0, column: 0 })

  function touch(row: number, column: number): void {
    active.row = row
    active.column = column
  }

  async function go(row: number, column: number): Promise<void> {
    active.row = Math.max(-1, Math.min(row, size.rows() - 1))
    active.column = Math.max(0, Math.min(column, size.columns() - 1))
    if (active.row >= 0) showRow(active.row)
    // A row far away is drawn a frame or two later.
    for (let tries = 0; tries < 5; tries++) {
      await (tries === 0 ? nextTick() : new Promise(requestAnimationFrame))
      const cell = find()
      if (!cell) continue
      cell.focus({ preventScroll: true })
      showColumn(cell)
      return
    }
  }

  function find(): HTMLElement | null {
    return scroller.value?.querySelector(`[data-cell="${active.row}:${active.column}"]`) ?? null
  }

  /** Sideways by hand: the sticky first column covers what scrollIntoView would call visible. */
  function showColumn(cell: HTMLElement): void {
    const box = scroller.value
    if (!box || active.column === 0) return
    const sticky = box.querySelector<HTMLElement>('[data-cell="-1:0"]')?.offsetWidth ?? 0
    const left = cell.offsetLeft
    if (left < box.scrollLeft + sticky) box.scrollLeft = left - sticky
    else if (left + cell.offsetWidth > box.scrollLeft + box.clientWidth) {
      box.scrollLeft = left + cell.offsetWidth - box.clientWidth
    }
  }

  function key(event: KeyboardEvent): boolean {
    const { row, column } = active
    const far = event.ctrlKey || event.metaKey
    const steps: Record<string, [number, number]> = {
      ArrowUp: [far ? 0 : row - 1, column],
      ArrowDown: [far ? size.rows() - 1 : row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageUp: [Math.max(0, row - size.page()), column],
      PageDown: [row + size.page(), column],
      Home: [far ? 0 : row, 0],
      End: [far ? size.rows() - 1 : row, size.columns() - 1],
    }
    const to = steps[event.key]
    if (!to || event.altKey || event.shiftKey) return false
    event.preventDefault()
    void go(to[0], to[1])
    return true
  }

  return { active, touch, go, refocus: () => find()?.focus({ preventScroll: true }), key }
}
