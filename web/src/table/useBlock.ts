/**
 * The block of cells that is selected: two corners, of which rows are known by their record, so that a block stays on
 * its records while others come and go around it. Without corners it is the active cell alone.
 */
import { computed, shallowRef, watch, type ComputedRef } from 'vue'
import type { Rows } from '@/base/rows'
import type { Grid } from './useGrid'

export interface Rect {
  top: number
  bottom: number
  left: number
  right: number
}

export interface Block {
  rect: ComputedRef<Rect | null>
  /** More than one cell. */
  many: ComputedRef<boolean>
  /** The other corner goes there; the active cell stays. */
  extendTo(row: number, column: number): void
  extendBy(event: KeyboardEvent): boolean
  all(): void
  collapse(): void
  /** Runs what moves the active cell along with its record: the block goes along, too. */
  follow(move: () => void): void
}

interface Corner {
  row: number
  column: number
  id: string | undefined
}

export function useBlock(grid: Grid, rows: Rows, columns: () => number, page: () => number, show: (row: number) => void): Block {
  const corners = shallowRef<[Corner, Corner] | null>(null)
  let following = false

  const at = (row: number, column: number): Corner => ({ row, column, id: rows.idAt(row) })
  watch(
    () => [grid.active.row, grid.active.column],
    () => {
      if (!following) corners.value = null
    },
    { flush: 'sync' },
  )

  const rect = computed<Rect | null>(() => {
    const { row, column } = grid.active
    if (row < 0 || row >= rows.length.value) return null
    const [a, b] = corners.value ?? [{ row, column }, { row, column }]
    return {
      top: Math.min(a.row, b.row),
      bottom: Math.min(Math.max(a.row, b.row), rows.length.value - 1),
      left: Math.min(a.column, b.column),
      right: Math.min(Math.max(a.column, b.column), columns() - 1),
    }
  })

  function extendTo(row: number, column: number): void {
    if (grid.active.row < 0) return
    const to = at(Math.max(0, Math.min(row, rows.length.value - 1)), Math.max(0, Math.min(column, columns() - 1)))
    const from = at(grid.active.row, grid.active.column)
    corners.value = to.row === from.row && to.column === from.column ? null : [from, to]
  }

  function extendBy(event: KeyboardEvent): boolean {
    const end = corners.value?.[1] ?? grid.active
    const far = event.ctrlKey || event.metaKey
    const to: Record<string, [number, number]> = {
      ArrowUp: [far ? 0 : end.row - 1, end.column],
      ArrowDown: [far ? rows.length.value - 1 : end.row + 1, end.column],
      ArrowLeft: [end.row, far ? 0 : end.column - 1],
      ArrowRight: [end.row, far ? columns() - 1 : end.column + 1],
      PageUp: [end.row - page(), end.column],
      PageDown: [end.row + page(), end.column],
      Home: [far ? 0 : end.row, 0],
      End: [far ? rows.length.value - 1 : end.row, columns() - 1],
    }
    const found = to[event.key]
    if (!found || grid.active.row < 0) return false
    extendTo(found[0], found[1])
    show(Math.max(0, Math.min(found[0], rows.length.value - 1)))
    return true
  }

  return {
    rect,
    many: computed(() => corners.value !== null),
    extendTo,
    extendBy,
    all: () => (corners.value = [at(0, 0), at(rows.length.value - 1, columns() - 1)]),
    collapse: () => (corners.value = null),
    follow(move) {
      following = true
      move()
      following = false
      const now = corners.value
      if (!now) return
      const moved = now.map((corner) => ({ ...corner, row: corner.id === undefined ? corner.row : rows.rankOf(corner.id) }))
      corners.value = moved.every((corner) => corner.row >= 0) ? (moved as [Corner, Corner]) : null
    },
  }
}
