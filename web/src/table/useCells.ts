/**
 * Editing in place: the cell in hand. The active cell is armed as soon as it may be written: its input has the keyboard
 * already, unseen, so that the first letter (and the first key of an input method) lands in it. It is in hand from the
 * first letter, Enter or F2 on; then nothing that others do overwrites it.
 */
import { computed, onBeforeUnmount, onDeactivated, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { Value } from '@/base/contract'
import type { Edits, Report } from '@/base/edits'
import type { Marks } from '@/base/marks'
import type { Row, Rows } from '@/base/rows'
import { checkField, sameValue, type Fault } from '@/fields'
import type { Column } from './useColumns'
import type { Grid } from './useGrid'

/** Why a cell can not be written; '': it can. */
export type Why = '' | 'auto' | 'readOnly' | 'masked' | 'lockedHere' | 'noUpdate' | 'notHere'

export function whyNot(column: Column, row: Row | undefined): Why {
  if (!row) return 'notHere'
  const { field } = column
  if (field.type === 'auto_number') return 'auto'
  if (row.masked.includes(field.key)) return 'masked'
  if (!row.can.includes('update')) return 'noUpdate'
  if (field.access !== 'write') return 'readOnly'
  return row.locked.includes(field.key) ? 'lockedHere' : ''
}

export interface Hand {
  id: string
  key: string
  value: Value
  base: Value
  version: string
}

export interface Cells {
  hand: ShallowRef<Hand | null>
  fault: ShallowRef<Fault | null>
  /** The cell whose input is mounted: armed, or in hand. */
  mounted: ComputedRef<{ id: string; column: Column } | null>
  focused: Ref<boolean>
  begin(typed?: Value): boolean
  set(value: Value): void
  /** Saves what is in hand; false: it is wrong and stays in hand. */
  commit(): boolean
  cancel(): void
  /** The list has changed: a cell whose record has gone from it is left. */
  look(): void
  /** Grows with each cell that was let go: its input begins anew. */
  round: Ref<number>
  marksOf(id: string | undefined): Marks | undefined
}

export interface CellsHost {
  grid: Grid
  rows: Rows
  columns: () => Column[]
  edits: Edits
  /** Nobody types into an unseen input on a screen that is touched: its keyboard would come up. */
  arms: () => boolean
  report(changes: Promise<Report>): void
}

export function useCells({ grid, rows, columns, edits, arms, report }: CellsHost): Cells {
  const hand = shallowRef<Hand | null>(null)
  const fault = shallowRef<Fault | null>(null)
  const focused = ref(false)
  const round = ref(0)

  const columnOf = (key: string) => columns().find((column) => column.key === key)
  const activeRow = () => rows.row(grid.active.row)

  const mounted = computed(() => {
    void rows.version.value
    if (hand.value) {
      const column = columnOf(hand.value.key)
      return column ? { id: hand.value.id, column } : null
    }
    const row = grid.active.row < 0 ? undefined : activeRow()
    const column = columns()[grid.active.column]
    if (!focused.value || !arms() || !row || !column || whyNot(column, row) !== '') return null
    return { id: row.id, column }
  })

  function begin(typed?: Value): boolean {
    if (hand.value) return true
    const row = activeRow()
    const column = columns()[grid.active.column]
    if (!row || !column || whyNot(column, row) !== '') return false
    const mark = edits.marks.get(row.id)?.[column.key]
    const base = row.fields[column.key] ?? null
    const shown = mark && mark.state === 'failed' ? mark.value : base
    hand.value = { id: row.id, key: column.key, value: typed === undefined ? shown : typed, base: mark?.state === 'failed' ? mark.base : base, version: row.version }
    fault.value = null
    return true
  }

  function set(value: Value): void {
    if (!begin() || !hand.value) return
    hand.value = { ...hand.value, value }
    fault.value = null
  }

  function send(given: Hand): void {
    const { id, key, value, base, version } = given
    const mark = edits.marks.get(id)?.[key]
    if (sameValue(value, base) && !mark) return
    if (sameValue(value, base) && mark?.state === 'failed') edits.discard(id, key)
    else report(edits.apply([{ id, key, value }], new Map([[`${id}/${key}`, { base, version }]])))
  }

  function commit(): boolean {
    const now = hand.value
    if (!now) return true
    const column = columnOf(now.key)
    const wrong = column && !sameValue(now.value, now.base) ? checkField(column.field, now.value) : null
    if (wrong) {
      fault.value = wrong
      return false
    }
    hand.value = null
    fault.value = null
    send(now)
    return true
  }

  function cancel(): void {
    hand.value = null
    fault.value = null
  }

  /** The cell was left by another way: what was typed is saved, or stays marked where it can not be. */
  function leave(): void {
    const now = hand.value
    if (!now || commit()) return
    const wrong = fault.value
    cancel()
    if (wrong) edits.hold(now.id, now.key, now.value, now.base, wrong)
  }

  watch(
    () => `${rows.idAt(grid.active.row) ?? ''}/${columns()[grid.active.column]?.key ?? ''}`,
    (cell) => {
      if (hand.value && cell !== `${hand.value.id}/${hand.value.key}`) leave()
    },
    { flush: 'sync' },
  )
  watch(focused, (has) => !has && leave())
  // What is in hand is not lost with the page.
  onDeactivated(leave)
  onBeforeUnmount(leave)
  watch(hand, (now) => !now && round.value++, { flush: 'sync' })

  return { hand, fault, mounted, focused, begin, set, commit, cancel, look: () => void (hand.value && !rows.find(hand.value.id) && leave()), round, marksOf: (id) => (id === undefined ? undefined : edits.marks.get(id)) }
}
