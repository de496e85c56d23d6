/**
 * What is done to a block of cells at once: copied, pasted, filled, emptied. A change is worked out as a plan first:
 * what will be written, what is left out and why, what stands past the end; whoever pastes is asked where it matters.
 */
import type { Value } from '@/base/contract'
import type { Bases, CellChange, Edits } from '@/base/edits'
import type { Row, Rows } from '@/base/rows'
import { checkField, kindOf, requestValue, valueFromText, type Fault } from '@/fields'
import { printBlock, printTable } from './clip'
import type { Block, Rect } from './useBlock'
import { whyNot } from './useCells'
import type { Column } from './useColumns'

export interface Wrong {
  field: string
  text: string
  /** Null: it names nothing that is known. */
  fault: Fault | null
}

export interface Plan {
  cells: CellChange[]
  /** What stood there when it was worked out: what others change until it is done is a clash. */
  bases: Bases
  wrong: Wrong[]
  /** Cells that may not be written, or stand on records that are not loaded. */
  closed: number
  absent: number
  /** Lines past the end, each a record that could be made. */
  news: { values: Record<string, Value>; texts: string[] }[]
}

/** More records than this at once are a matter for an import. */
export const MOST_ROWS = 1000

export interface ClipHost {
  rows: Rows
  block: Block
  edits: Edits
  columns: () => Column[]
  shownValue(row: Row, column: Column): Value
}

export function useClip({ rows, block, edits, columns, shownValue }: ClipHost) {
  const columnsOf = (rect: Rect) => columns().slice(rect.left, rect.right + 1)

  /** Loaded rows of a block, by rank. */
  function rowsOf(rect: Rect): { row: Row; rank: number }[] {
    const found: { row: Row; rank: number }[] = []
    for (let rank = rect.top; rank <= rect.bottom; rank++) {
      const row = rows.row(rank)
      if (row) found.push({ row, rank })
    }
    return found
  }

  function copy(data: DataTransfer): { cells: number; absent: number; text: string } | null {
    const rect = block.rect.value
    if (!rect) return null
    const picked = columnsOf(rect)
    const found = rowsOf(rect)
    const texts = found.map(({ row }) => picked.map((column) => column.kind.text(shownValue(row, column), column.field)))
    const text = printBlock(texts)
    data.setData('text/plain', text)
    data.setData('text/html', printTable(texts, picked.map((column) => column.kind.align !== 'end')))
    return { cells: found.length * picked.length, absent: rect.bottom - rect.top + 1 - found.length, text: texts.length === 1 && picked.length === 1 ? (texts[0]?.[0] ?? '') : '' }
  }

  const emptyPlan = (): Plan => ({ cells: [], bases: new Map(), wrong: [], closed: 0, absent: 0, news: [] })

  function put(plan: Plan, row: Row | undefined, column: Column, value: Value): void {
    if (!row) plan.absent++
    else if (whyNot(column, row) !== '') plan.closed++
    else {
      plan.cells.push({ id: row.id, key: column.key, value })
      plan.bases.set(`${row.id}/${column.key}`, { base: row.fields[column.key] ?? null, version: row.version })
    }
  }

  /** One value goes into the whole block; a block goes as often as it fits, else from the upper left corner on. */
  async function planPaste(texts: string[][], mayAdd: boolean): Promise<Plan | null> {
    const rect = block.rect.value
    const width = Math.max(0, ...texts.map((line) => line.length))
    if (!rect || width === 0) return null
    const high = rect.bottom - rect.top + 1
    const wide = rect.right - rect.left + 1
    const tall = high % texts.length === 0 ? high : texts.length
    const broad = wide % width === 0 ? wide : width
    const plan = emptyPlan()
    const known = new Map<string, Promise<Value | undefined>>()
    const told = new Set<string>()
    const targets = columns().slice(rect.left, rect.left + broad)
    // Looking up what is named takes time. Meant are the records that stand here now, as they are now: a row is changed in place.
    const end = rows.length.value
    const items = Array.from({ length: tall }, (_one, r) => rows.row(rect.top + r)).map((row) => row && { ...row })
    for (let r = 0; r < tall; r++) {
      const line = texts[r % texts.length]!
      const past = rect.top + r >= end
      const values: Record<string, Value> = {}
      for (const [c, column] of targets.entries()) {
        const text = line[c % width] ?? ''
        if (past ? column.field.access !== 'write' || column.field.type === 'auto_number' : whyNot(column, items[r]) !== '') {
          if (!past && items[r]) plan.closed++
          else if (!past) plan.absent++
          continue
        }
        const name = `${column.key}\t${text}`
        if (!known.has(name)) known.set(name, valueFromText(column.field, text).catch(() => undefined))
        const value = await known.get(name)!
        const fault = value === undefined ? null : checkField(column.field, value)
        if (value === undefined || (fault && !(past && fault.code === 'required'))) {
          if (!told.has(name)) plan.wrong.push({ field: column.label, text, fault })
          told.add(name)
        } else if (past) values[column.key] = value
        else put(plan, items[r], column, value)
      }
      if (past && mayAdd && Object.values(values).some((value) => value !== null)) plan.news.push({ values, texts: line })
    }
    return plan
  }

  /** The top line, or with one line only the line above it, goes down. */
  function planFill(source: Rect, target: Rect): Plan {
    const plan = emptyPlan()
    const high = source.bottom - source.top + 1
    for (let rank = target.top; rank <= target.bottom; rank++) {
      if (rank >= source.top && rank <= source.bottom) continue
      const step = (rank - source.top) % high
      const from = rows.row(source.top + (step < 0 ? step + high : step))
      for (const column of columnsOf(source)) {
        // What is masked there is no value that could go elsewhere.
        if (!from || from.masked.includes(column.key)) plan.absent++
        else put(plan, rows.row(rank), column, shownValue(from, column))
      }
    }
    return plan
  }

  function planValue(of: (column: Column) => Value | undefined): Plan {
    const plan = emptyPlan()
    const rect = block.rect.value
    if (!rect) return plan
    for (let rank = rect.top; rank <= rect.bottom; rank++) {
      for (const column of columnsOf(rect)) {
        const value = of(column)
        if (value === undefined) continue
        const fault = checkField(column.field, value)
        if (fault) plan.wrong.push({ field: column.label, text: kindOf(column.field).text(value, column.field), fault })
        else put(plan, rows.row(rank), column, value)
      }
    }
    const seen = new Set<string>()
    plan.wrong = plan.wrong.filter(({ field }) => !seen.has(field) && seen.add(field))
    return plan
  }

  function fillDown(): Plan {
    const rect = block.rect.value
    if (!rect) return emptyPlan()
    if (rect.top === rect.bottom) return rect.top === 0 ? emptyPlan() : planFill({ ...rect, top: rect.top - 1, bottom: rect.top - 1 }, rect)
    return planFill({ ...rect, bottom: rect.top }, rect)
  }

  const bodyOf = (values: Record<string, Value>) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null).map(([key, value]) => [key, requestValue(columns().find((column) => column.key === key)!.field, value)]))

  return {
    copy,
    planPaste,
    planFill,
    fillDown,
    planValue,
    apply: (plan: Plan) => edits.apply(plan.cells, plan.bases),
    bodies: (plan: Plan) => plan.news.map(({ values }) => bodyOf(values)),
  }
}

export type Clip = ReturnType<typeof useClip>
