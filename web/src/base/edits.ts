/**
 * Cells that are being changed in a list, apart from how they are shown. A cell is one's own from the moment it is
 * written until the server has answered; what it refused stays, marked with why. What was done can be undone, as far
 * as nobody else has changed the same cell since.
 */
import { ref, shallowReactive } from 'vue'
import type { Item, Value, Values } from './contract'
import { dropDraft, findDraft, keepDraft } from './drafts'
import type { ApiError } from './problem'
import { readRecord, writeRecords, type Outcome } from './changes'

export interface CellChange {
  id: string
  key: string
  value: Value
}

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

interface Done {
  id: string
  key: string
  before: Value
  after: Value
}

export interface Step {
  cells: Done[]
}

export interface EditsHost {
  form: string
  /** The newest state that the list holds of a record. */
  find(id: string): Item | undefined
  same(a: Value | undefined, b: Value | undefined): boolean
  request(key: string, value: Value): unknown
  /** A record was saved here: a list that no channel feeds shows it at once. */
  saved(item: Item): void
}

export interface Report {
  done: number
  failed: number
  /** Cells that an undo left alone, for somebody has changed them since. */
  skipped: number
}

const MOST_STEPS = 100
/** A channel tells of one's own change at once; longer than this nobody waits for it. */
const SETTLE_MS = 3000

export function createEdits(host: EditsHost) {
  const marks = shallowReactive(new Map<string, Marks>())
  const busy = ref(0)
  const past = shallowReactive<Step[]>([])
  const future = shallowReactive<Step[]>([])

  // ---- marks

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
    const draft = findDraft(host.form, id)
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
    if (Object.keys(values).length > 0) keepDraft({ form: host.form, id, values, base })
    else dropDraft(host.form, id)
  }
  const kept = new Map<string, string[]>()

  /** What was written is shown until the row itself has come so far. */
  function settle(id: string, keys: string[], item: Item): void {
    host.saved(item)
    const written = keys.map((key) => [key, marks.get(id)?.[key]] as const).filter(([, mark]) => mark?.state === 'saving')
    const clear = () => {
      for (const [key, mark] of written) if (marks.get(id)?.[key] === mark) setMark(id, key, null)
    }
    if (written.some(([, mark]) => mark && host.find(id)?.version === mark.from)) setTimeout(clear, SETTLE_MS)
    else clear()
  }

  // ---- writing

  interface Work {
    id: string
    version: string
    values: Values
    base: Values
  }

  function split(error: ApiError, work: Work): { clashes: Map<string, { base: Value; theirs: Value }>; faults: Set<string> } {
    const clashes = new Map(error.conflicts.map(({ field, base, theirs }) => [field, { base, theirs }]))
    const faults = new Set(error.faults.map((fault) => fault.field.replace(/^fields\./, '').replace(/[.[].*$/, '')).filter((key) => key in work.values))
    return { clashes, faults }
  }

  function fail(work: Work, key: string, mark: Partial<Mark>): void {
    setMark(work.id, key, { value: work.values[key] ?? null, base: work.base[key] ?? null, state: 'failed', ...mark })
    delete work.values[key]
  }

  /** What is left of a record's change after the server has refused a part of it; null: nothing, or nothing to try again. */
  async function rest(work: Work, error: ApiError): Promise<Work | null> {
    const { clashes, faults } = split(error, work)
    for (const [key, { base, theirs }] of clashes) if (key in work.values) fail(work, key, { state: 'clash', base, theirs })
    for (const key of faults) fail(work, key, { error })
    let newest: Item | undefined
    if (error.status === 412) {
      try {
        newest = await readRecord(host.form, work.id)
      } catch {
        // It is told below, with what the server said first.
      }
    }
    if (newest && clashes.size === 0) {
      for (const key of Object.keys(work.values)) {
        const theirs = newest.fields[key] ?? null
        if (!host.same(theirs, work.base[key])) fail(work, key, { state: 'clash', theirs })
      }
    }
    const again = newest !== undefined || faults.size > 0
    if (!again) for (const key of Object.keys(work.values)) fail(work, key, { error })
    if (Object.keys(work.values).length === 0) return null
    return { ...work, version: newest?.version ?? work.version }
  }

  /** Writes each record, and what is left of it where a part was refused: twice, then it is told. */
  async function send(works: Work[]): Promise<Done[]> {
    const done: Done[] = []
    let open = works
    for (let tries = 0; open.length > 0 && tries < 3; tries++) {
      const outcomes: Outcome[] = await writeRecords(
        host.form,
        open.map(({ id, version, values }) => ({ id, version, fields: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, host.request(key, value)])) })),
      )
      const left: Work[] = []
      for (const [at, outcome] of outcomes.entries()) {
        const work = open[at]!
        if (outcome.item) {
          const { item } = outcome
          const keys = Object.keys(work.values)
          for (const key of keys) done.push({ id: work.id, key, before: work.base[key] ?? null, after: item.fields[key] ?? null })
          settle(work.id, keys, item)
        } else if (outcome.error) {
          const more = await rest(work, outcome.error)
          if (more && tries < 2) left.push(more)
          else if (more) for (const key of Object.keys(more.values)) fail(more, key, { error: outcome.error })
        }
      }
      open = left
    }
    return done
  }

  function remember(list: Step[], step: Step): void {
    if (step.cells.length === 0) return
    list.push(step)
    if (list.length > MOST_STEPS) list.shift()
  }

  /** `bases`: what stood in a cell, and in its record, when one began to type; else what stands there now. */
  async function run(changes: CellChange[], bases: Map<string, { base: Value; version: string }>): Promise<{ done: Done[]; failed: number }> {
    const byId = new Map<string, Work>()
    const clashes: [Work, string, Value][] = []
    for (const { id, key, value } of changes) {
      const row = host.find(id)
      const known = bases.get(`${id}/${key}`)
      if (!row && !known) continue
      const now = row?.fields[key] ?? null
      const base = known ? known.base : now
      if (host.same(value, now) && !marks.get(id)?.[key]) continue
      const work = byId.get(id) ?? { id, version: known?.version ?? row!.version, values: {}, base: {} }
      byId.set(id, work)
      work.values[key] = value
      work.base[key] = base
      // Somebody has changed this very cell meanwhile: known already, no need to ask the server first.
      if (row && !host.same(now, base) && !host.same(now, value)) clashes.push([work, key, now])
      else setMark(id, key, { value, base, state: 'saving', ...(row && { from: row.version }) })
    }
    for (const [work, key, theirs] of clashes) fail(work, key, { state: 'clash', theirs })
    const works = [...byId.values()].filter((work) => Object.keys(work.values).length > 0)
    const asked = works.reduce((sum, work) => sum + Object.keys(work.values).length, 0)
    busy.value++
    try {
      const done = await send(works)
      return { done, failed: asked - done.length + clashes.length }
    } finally {
      busy.value--
    }
  }

  async function apply(changes: CellChange[], bases = new Map<string, { base: Value; version: string }>()): Promise<Report> {
    const { done, failed } = await run(changes, bases)
    remember(past, { cells: done })
    if (done.length > 0) future.splice(0)
    return { done: done.length, failed, skipped: 0 }
  }

  /** One step back or forth: a cell that does not say any more what was written there is left alone. */
  async function turn(from: Step[], to: Step[], side: (cell: Done) => [now: Value, then: Value]): Promise<Report | null> {
    const step = from.pop()
    if (!step) return null
    const bases = new Map<string, { base: Value; version: string }>()
    const changes: CellChange[] = []
    const newest = new Map<string, Item | null>()
    for (const cell of step.cells) {
      if (!newest.has(cell.id)) newest.set(cell.id, host.find(cell.id) ?? (await readRecord(host.form, cell.id).catch(() => null)))
      const item = newest.get(cell.id)
      const [now, then] = side(cell)
      if (!item || !host.same(item.fields[cell.key], now)) continue
      changes.push({ id: cell.id, key: cell.key, value: then })
      bases.set(`${cell.id}/${cell.key}`, { base: now, version: item.version })
    }
    const { done } = await run(changes, bases)
    // A clash that came between is no fault of the person's: it is left alone like those that were known.
    for (const { id, key } of changes) if (marks.get(id)?.[key]?.state === 'clash') setMark(id, key, null)
    const reached = new Set(done.map(({ id, key }) => `${id}/${key}`))
    remember(to, { cells: step.cells.filter(({ id, key }) => reached.has(`${id}/${key}`)) })
    const failed = changes.filter(({ id, key }) => marks.get(id)?.[key]?.state === 'failed').length
    return { done: done.length, failed, skipped: step.cells.length - done.length - failed }
  }

  return {
    marks,
    busy,
    past,
    future,
    apply,
    undo: () => turn(past, future, ({ before, after }) => [after, before]),
    redo: () => turn(future, past, ({ before, after }) => [before, after]),
    /** What was typed can not be sent as it is: it stays, marked. */
    hold: (id: string, key: string, value: Value, base: Value, fault: NonNullable<Mark['fault']>) => setMark(id, key, { value, base, state: 'failed', fault }),
    /** What was typed is given up. */
    discard: (id: string, key: string) => setMark(id, key, null),
    /** Once more: after a failure as it was, over theirs where one keeps one's own. */
    async retry(id: string, key: string): Promise<Report> {
      const mark = marks.get(id)?.[key]
      if (!mark) return { done: 0, failed: 0, skipped: 0 }
      const row = host.find(id) ?? (await readRecord(host.form, id).catch(() => undefined))
      if (!row) return { done: 0, failed: 1, skipped: 0 }
      const base = mark.state === 'clash' ? (row.fields[key] ?? null) : mark.base
      return apply([{ id, key, value: mark.value }], new Map([[`${id}/${key}`, { base, version: row.version }]]))
    },
    /** The list is looked at again: what was saved or given up on a record's page is no mark any more. */
    reconcile(): void {
      for (const [id, keys] of [...kept]) {
        const draft = findDraft(host.form, id)
        for (const key of keys) if (!draft || !(key in draft.values)) setMark(id, key, null)
      }
    },
    /** Marks by what became of them. */
    left: () => [...marks].flatMap(([id, cells]) => Object.entries(cells).filter(([, mark]) => mark.state !== 'saving').map(([key, mark]) => ({ id, key, mark }))),
    clear(): void {
      marks.clear()
      past.splice(0)
      future.splice(0)
    },
  }
}

export type Edits = ReturnType<typeof createEdits>
