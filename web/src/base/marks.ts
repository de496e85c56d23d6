/** What is said about cells that are being changed: that they are under way, or why they could not be saved. */
import { shallowReactive } from 'vue'
import type { Item, Value, Values } from './contract'
import { dropDraft, findDraft, keepDraft } from './drafts'
import type { ApiError } from './problem'

export interface Mark {
  /** What was typed, and what stood there when it was begun. */
  value: Value
  base: Value
  state: 'saving' | 'failed' | 'clash'
  theirs?: Value
  error?: ApiError
  /** It was never sent: this is wrong with it. */
  fault?: { code: string; limit?: string | number }
  /** The version that its row had when it was sent: as soon as the row has another one, the row itself is shown. */
  from?: string
}

export type Marks = Record<string, Mark>

/** Whether the mark has the say, or the row is newer already. */
export const holds = (mark: Mark, row: Item | undefined): boolean => mark.state !== 'saving' || mark.from === row?.version

/** What a cell shows. */
export const shownOf = (mark: Mark | undefined, row: Item, key: string): Value => (mark && holds(mark, row) ? mark.value : (row.fields[key] ?? null))

export function createMarks(form: string) {
  const marks = shallowReactive(new Map<string, Marks>())
  /** Which fields of which records are drafts because of their marks. */
  const kept = new Map<string, string[]>()

  function setMark(id: string, key: string, mark: Mark | null): void {
    const { [key]: _gone, ...rest } = marks.get(id) ?? {}
    const next = mark ? { ...rest, [key]: mark } : rest
    if (Object.keys(next).length === 0) marks.delete(id)
    else marks.set(id, next)
    keepFailed(id)
  }

  /** What failed is kept like anything else that was typed and not saved: the record's page goes on with it. */
  function keepFailed(id: string): void {
    const failed = Object.entries(marks.get(id) ?? {}).filter(([, mark]) => mark.state !== 'saving')
    const draft = findDraft(form, id)
    if (failed.length === 0 && !kept.has(id)) return
    const values: Values = { ...draft?.values }
    const base: Values = { ...draft?.base }
    for (const key of kept.get(id) ?? []) {
      delete values[key]
      delete base[key]
    }
    for (const [key, mark] of failed) {
      values[key] = mark.value
      base[key] = mark.base
    }
    if (failed.length > 0) kept.set(id, failed.map(([key]) => key))
    else kept.delete(id)
    if (Object.keys(values).length > 0) keepDraft({ form, id, values, base })
    else dropDraft(form, id)
  }

  return {
    marks,
    setMark,
    /** The list is looked at again: what was saved or given up on a record's page is no mark any more. */
    reconcile(): void {
      for (const [id, keys] of [...kept]) {
        const draft = findDraft(form, id)
        for (const key of keys) if (!draft || !(key in draft.values)) setMark(id, key, null)
      }
    },
    /** Marks by what became of them. */
    left: () => [...marks].flatMap(([id, cells]) => Object.entries(cells).filter(([, mark]) => mark.state !== 'saving').map(([key, mark]) => ({ id, key, mark }))),
  }
}
