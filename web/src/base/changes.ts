/**
 * Changes of several records at once. The one place that knows how they are sent: whoever changes cells hands over what
 * is to be written and hears, record by record, what became of it. A batch is all or nothing: what is wrong in it is
 * taken out, told, and the rest is sent again.
 */
import { call } from './api'
import type { Item, Values } from './contract'
import { ownWrite } from './own'
import { ApiError, asApiError } from './problem'
import { BATCH_MOST, writeBatch } from './writes'

export interface RecordChange {
  id: string
  /** The state that the change was made upon. */
  version: string
  /** As the server takes them. */
  fields: Record<string, unknown>
}

export interface Outcome {
  id: string
  item?: Item
  error?: ApiError
}

/** How often what is wrong is taken out of a batch before the rest stands or falls together. */
const ROUNDS = 4

const path = (form: string) => `/forms/${encodeURIComponent(form)}/records`
const ITEM = /^(?:create|update|delete|restore)\[(\d+)\](?:\.(?:fields\.)?)?/

/** What an error of a batch says of its items, as if each had been sent alone; empty: it is the whole's. */
export function errorsOf(error: ApiError): Map<number, ApiError> {
  const found = new Map<number, Pick<ApiError, 'faults' | 'conflicts'>>()
  const of = (path: string) => {
    const at = Number(ITEM.exec(path)![1])
    if (!found.has(at)) found.set(at, { faults: [], conflicts: [] })
    return found.get(at)!
  }
  for (const fault of error.faults) if (ITEM.test(fault.field)) of(fault.field).faults.push({ ...fault, field: fault.field.replace(ITEM, '') })
  for (const clash of error.conflicts) if (clash.item !== undefined && ITEM.test(clash.item)) of(clash.item).conflicts.push(clash)
  return new Map(
    [...found].map(([at, { faults, conflicts }]) => {
      const status = conflicts.length > 0 ? 412 : error.status === 412 ? 422 : error.status
      return [at, new ApiError({ type: conflicts.length > 0 ? 'stale' : error.key, title: error.title, status, errors: faults, conflicts })]
    }),
  )
}

/** Sends all; takes out what is wrong and sends the rest, as long as something is left that can go. */
async function rounds<T, R>(list: readonly T[], send: (part: readonly T[]) => Promise<R[]>, told: (one: T, at: number, result: { value?: R; error?: ApiError }) => void): Promise<void> {
  let open = list.map((one, at) => ({ one, at }))
  for (let round = 0; open.length > 0; round++) {
    try {
      const results = await send(open.map(({ one }) => one))
      open.forEach(({ one, at }, place) => told(one, at, { value: results[place]! }))
      return
    } catch (failure) {
      const error = asApiError(failure)
      const wrong = errorsOf(error)
      const whole = wrong.size === 0 || round + 1 >= ROUNDS
      open = open.filter(({ one, at }, place) => {
        const own = wrong.get(place) ?? (whole ? error : undefined)
        if (own) told(one, at, { error: own })
        return own === undefined
      })
    }
  }
}

function parts<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / BATCH_MOST) }, (_one, at) => list.slice(at * BATCH_MOST, (at + 1) * BATCH_MOST))
}

export async function writeRecords(form: string, changes: readonly RecordChange[]): Promise<Outcome[]> {
  const out = new Array<Outcome>(changes.length)
  if (changes.length === 1) {
    const { id, version, fields } = changes[0]!
    try {
      const options = { method: 'PATCH', body: { fields }, headers: { 'If-Match': version } } as const
      return [{ id, item: await ownWrite(form, id, () => call<Item>(`${path(form)}/${encodeURIComponent(id)}`, options)) }]
    } catch (error) {
      return [{ id, error: asApiError(error) }]
    }
  }
  let before = 0
  for (const part of parts(changes)) {
    const start = before
    await rounds(
      part,
      async (some) => (await writeBatch(form, { update: some.map(({ id, version, fields }) => ({ id, version, fields })) })).update,
      ({ id }, at, { value, error }) => (out[start + at] = { id, ...(value && { item: value }), ...(error && { error }) }),
    )
    before += part.length
  }
  return out
}

/** New records; one that is wrong does not hold up the others. */
export async function createRecords(form: string, news: readonly Record<string, unknown>[]): Promise<{ item?: Item; error?: ApiError }[]> {
  const out = new Array<{ item?: Item; error?: ApiError }>(news.length)
  let before = 0
  for (const part of parts(news)) {
    const start = before
    await rounds(
      part,
      async (some) => (await writeBatch(form, { create: some.map((fields) => ({ fields: fields as Values })) })).create,
      (_fields, at, { value, error }) => (out[start + at] = { ...(value && { item: value }), ...(error && { error }) }),
    )
    before += part.length
  }
  return out
}

/** Into the recycle bin, or back; what is refused stays where it is. */
export async function moveRecords(form: string, where: 'delete' | 'restore', ids: readonly string[]): Promise<{ id: string; error?: ApiError }[]> {
  const out = new Array<{ id: string; error?: ApiError }>(ids.length)
  let before = 0
  for (const part of parts(ids)) {
    const start = before
    await rounds(
      part,
      async (some) => (await writeBatch(form, where === 'delete' ? { delete: [...some] } : { restore: [...some] }), [...some]),
      (id, at, { error }) => (out[start + at] = { id, ...(error && { error }) }),
    )
    before += part.length
  }
  return out
}

export const readRecord = (form: string, id: string) => call<Item>(`${path(form)}/${encodeURIComponent(id)}`)
