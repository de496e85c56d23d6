/**
 * Cells that are being changed in a list, apart from how they are shown. A cell is one's own from the moment it is
 * written until the server has answered; what it refused stays, marked with why. What was done can be undone, as far
 * as nobody else has changed the same cell since.
 */
import { ref, shallowReactive } from 'vue'
import type { Item, Value, Values } from './contract'
import type { ApiError } from './problem'
import { readRecord, writeRecords, type Outcome } from './changes'
import { createMarks, type Mark } from './marks'

export interface CellChange {
  id: string
  key: string
  value: Value
}

/** By `id/key`: what stood in a cell, and in its record, when one began to change it. */
export type Bases = Map<string, { base: Value; version: string }>

interface Done {
  id: string
  key: string
  before: Value
  after: Value
}

type Side = (cell: Done) => [now: Value, then: Value]

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
  /** What was done, as it can be undone. */
  step?: Step
}

const MOST_STEPS = 100
/** A channel tells of one's own change at once; longer than this nobody waits for it. */
const SETTLE_MS = 3000
const LOOK_MS = 25

export function createEdits(host: EditsHost) {
  const { marks, setMark, reconcile, left } = createMarks(host.form)
  const busy = ref(0)
  const past = shallowReactive<Step[]>([])
  const future = shallowReactive<Step[]>([])

  /** One's own newest write of a record: upon which state, of what, and what the server answered. */
  const answered = new Map<string, { from: string; keys: Set<string>; item: Item }>()
  /** What is on its way, by record: the next change of it is made upon its answer. */
  const flights = new Map<string, Promise<unknown>>()

  /** The newest state that is known here: one's own write is known before its row has come. */
  function newest(id: string): Item | undefined {
    const row = host.find(id)
    const own = answered.get(id)
    return own && row?.version === own.from ? own.item : row
  }

  /** What was seen before one's own write has come is that write, not somebody else's. */
  function rebased(id: string, key: string, known: { base: Value; version: string } | undefined): typeof known {
    const own = answered.get(id)
    return known && own && known.version === own.from && own.keys.has(key) ? { base: own.item.fields[key] ?? null, version: own.item.version } : known
  }

  /** What was written is shown until the row itself has come so far. */
  function settle(id: string, keys: string[], item: Item): void {
    host.saved(item)
    const written = keys.map((key) => [key, marks.get(id)?.[key]] as const).filter(([, mark]) => mark?.state === 'saving')
    const clear = () => {
      for (const [key, mark] of written) if (marks.get(id)?.[key] === mark) setMark(id, key, null)
    }
    const [from, before] = [written.find(([, mark]) => mark?.from !== undefined)?.[1]?.from, answered.get(id)]
    if (from !== undefined) answered.set(id, { from, keys: new Set([...(before?.from === from ? before.keys : []), ...keys]), item })
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
    // What clashed is out of it already; the rest goes upon the newest state only as far as that says what one saw.
    if (newest) {
      for (const key of Object.keys(work.values)) {
        const theirs = newest.fields[key] ?? null
        if (!host.same(theirs, work.base[key]) && !host.same(theirs, work.values[key])) fail(work, key, { state: 'clash', theirs })
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

  /** What `bases` does not name is changed from what stands there now. */
  async function run(changes: CellChange[], bases: Bases): Promise<{ done: Done[]; failed: number }> {
    const before = changes.flatMap(({ id }) => flights.get(id) ?? [])
    if (before.length > 0) await Promise.all(before)
    const byId = new Map<string, Work>()
    const clashes: [Work, string, Value][] = []
    for (const { id, key, value } of changes) {
      const row = newest(id)
      const known = rebased(id, key, bases.get(`${id}/${key}`))
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
      else setMark(id, key, { value, base, state: 'saving', ...(row && { from: host.find(id)?.version ?? row.version }) })
    }
    for (const [work, key, theirs] of clashes) fail(work, key, { state: 'clash', theirs })
    const works = [...byId.values()].filter((work) => Object.keys(work.values).length > 0)
    const asked = works.reduce((sum, work) => sum + Object.keys(work.values).length, 0)
    busy.value++
    const flight = send(works)
    for (const { id } of works) flights.set(id, flight.catch(() => undefined))
    try {
      const done = await flight
      return { done, failed: asked - done.length + clashes.length }
    } finally {
      busy.value--
      if (busy.value === 0) flights.clear()
    }
  }

  async function apply(changes: CellChange[], bases: Bases = new Map()): Promise<Report> {
    const { done, failed } = await run(changes, bases)
    const step = { cells: done }
    remember(past, step)
    if (done.length > 0) future.splice(0)
    return { done: done.length, failed, skipped: 0, ...(done.length > 0 && { step }) }
  }

  /** What was just written comes back in its row first: until then the row says what stood there before. */
  async function settled(cells: Done[], side: Side): Promise<void> {
    const open = (cell: Done) => {
      const mark = marks.get(cell.id)?.[cell.key]
      const row = host.find(cell.id)
      return mark?.state === 'saving' && row !== undefined && mark.from === row.version && !host.same(row.fields[cell.key], side(cell)[0])
    }
    for (let waited = 0; waited < SETTLE_MS && cells.some(open); waited += LOOK_MS) await new Promise((done) => setTimeout(done, LOOK_MS))
  }

  /** One step back or forth: a cell that does not say any more what was written there is left alone. */
  async function turn(from: Step[], to: Step[], side: Side, wanted = from.at(-1)): Promise<Report | null> {
    const at = wanted ? from.lastIndexOf(wanted) : -1
    const step = at < 0 ? undefined : from.splice(at, 1)[0]
    if (!step) return null
    await settled(step.cells, side)
    const bases: Bases = new Map()
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

  /** Steps go one at a time: each looks at what the one before has left. */
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }

  return {
    marks,
    busy,
    past,
    future,
    apply,
    /** The newest step, or one that `apply` told of; null: there is none (any more). */
    undo: (step?: Step) => inTurn(() => turn(past, future, ({ before, after }) => [after, before], step)),
    redo: () => inTurn(() => turn(future, past, ({ before, after }) => [before, after])),
    /** What was typed can not be sent as it is: it stays, marked. */
    hold: (id: string, key: string, value: Value, base: Value, fault: NonNullable<Mark['fault']>) => setMark(id, key, { value, base, state: 'failed', fault }),
    /** What was typed is given up. */
    discard: (id: string, key: string) => setMark(id, key, null),
    /** It was not meant so: it is marked as before, and nothing is sent. What was typed there since stays. */
    restore(id: string, key: string, mark: Mark): void {
      if (!marks.get(id)?.[key]) setMark(id, key, mark)
    },
    /** Once more: after a failure as it was, over theirs where one keeps one's own. */
    async retry(id: string, key: string): Promise<Report> {
      const mark = marks.get(id)?.[key]
      if (!mark) return { done: 0, failed: 0, skipped: 0 }
      const row = host.find(id) ?? (await readRecord(host.form, id).catch(() => undefined))
      if (!row) return { done: 0, failed: 1, skipped: 0 }
      const base = mark.state === 'clash' ? (row.fields[key] ?? null) : mark.base
      return apply([{ id, key, value: mark.value }], new Map([[`${id}/${key}`, { base, version: row.version }]]))
    },
    reconcile,
    left,
    clear(): void {
      marks.clear()
      answered.clear()
      past.splice(0)
      future.splice(0)
    },
  }
}

export type Edits = ReturnType<typeof createEdits>
