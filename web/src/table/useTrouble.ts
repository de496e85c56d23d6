/** The input over a cell, and what is said about a cell whose change was refused. */
import { computed, h, nextTick, shallowRef, watch, type Ref, type VNode } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Value } from '@/base/contract'
import type { Edits } from '@/base/edits'
import type { Row, Rows } from '@/base/rows'
import { sameValue } from '@/fields'
import { useErrorText } from '@/ui/useErrorText'
import CellEditor from './CellEditor.vue'
import type { Cells } from './useCells'
import type { Column } from './useColumns'
import type { Grid } from './useGrid'

export interface TroubleHost {
  scroller: Ref<HTMLElement | null>
  grid: Grid
  cells: Cells
  edits: Edits
  opened: Ref<boolean>
  rows: Rows
  columns: () => Column[]
  shownValue(row: Row, column: Column): Value
  /** As it is drawn. */
  rowAt(rank: number): Row | undefined
  /** Its record is not in this list (any more). */
  away(id: string): void
}

export function useTrouble({ scroller, grid, cells, edits, opened, rows, columns, shownValue, rowAt, away }: TroubleHost) {
  const { t } = useI18n()
  const { faultText } = useErrorText()

  /** What somebody else has made of the cell in hand meanwhile. */
  function theirs(row: Row | undefined, column: Column): string {
    const now = cells.hand.value
    if (!now || !row || sameValue(row.fields[now.key], now.base)) return ''
    return t('cell.theirs', { text: column.kind.text(row.fields[now.key] ?? null, column.field) || t('field.empty') })
  }

  /** Called by the row that the cell is in. */
  function editor(): VNode | null {
    if (!cells.mounted.value) return null
    const { id, column } = cells.mounted.value
    const row = rows.find(id)
    const now = cells.hand.value
    const fault = cells.fault.value
    return h(CellEditor, {
      key: `${id}/${column.key}/${cells.round.value}`,
      field: column.field,
      value: now ? now.value : row ? shownValue(row, column) : null,
      inHand: now !== null,
      opened: opened.value,
      focus: cells.focused.value,
      fault: fault ? faultText({ field: column.key, ...fault }) : '',
      theirs: theirs(row, column),
      onBegin: () => void cells.begin(),
      onChange: (value: Value) => cells.set(value),
    })
  }

  const trouble = computed(() => {
    const row = grid.active.row < 0 || cells.hand.value || !cells.focused.value ? undefined : rowAt(grid.active.row)
    const column = columns()[grid.active.column]
    const mark = row && column ? edits.marks.get(row.id)?.[column.key] : undefined
    return row && column && mark && mark.state !== 'saving' ? { id: row.id, column, mark } : null
  })
  /** The element of that cell, as soon as it is drawn. */
  const troubled = shallowRef<HTMLElement | null>(null)
  watch(
    trouble,
    (now) => (troubled.value = now ? (scroller.value?.querySelector<HTMLElement>(`[data-cell="${grid.active.row}:${grid.active.column}"]`) ?? null) : null),
    { flush: 'post' },
  )

  const left = computed(() => edits.left())

  /** To the next cell that is not saved, wherever it stands. */
  function toNext(): void {
    const here = rows.idAt(grid.active.row)
    const at = left.value.findIndex(({ id, key }) => id === here && key === columns()[grid.active.column]?.key)
    const next = left.value[(at + 1) % left.value.length]
    const rank = next ? rows.rankOf(next.id) : -1
    const column = next ? columns().findIndex(({ key }) => key === next.key) : -1
    if (rank >= 0 && column >= 0) void grid.go(rank, column)
    else if (next) away(next.id)
  }

  function settle(work: () => void): void {
    work()
    void nextTick(() => grid.refocus())
  }

  return { editor, trouble, troubled, left, toNext, settle }
}
