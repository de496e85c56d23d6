/** Records into the recycle bin and out of it, and many at once; each known as one's own change, so that it is no news here. */
import { call, query } from './api'
import type { DeletedItem, Item, Page, Values } from './contract'
import { ownWrite } from './own'
import { ApiError } from './problem'

const recordsOf = (form: string) => `/forms/${encodeURIComponent(form)}/records`
const recordOf = (form: string, id: string) => `${recordsOf(form)}/${encodeURIComponent(id)}`

/** With `version` only if it is still that one (412). */
export function deleteRecord(form: string, id: string, version?: string): Promise<{ id: string; pos: string }> {
  const headers: Record<string, string> = version === undefined ? {} : { 'If-Match': version }
  return ownWrite(form, id, () => call<{ id: string; pos: string }>(recordOf(form, id), { method: 'DELETE', headers }))
}

export function restoreRecord(form: string, id: string): Promise<Item> {
  return ownWrite(form, id, () => call<Item>(`${recordOf(form, id)}/restore`, { method: 'POST' }))
}

/** What one may bring back, the newest first. */
export function readBin(form: string, asked: { q?: string; after?: string | null; limit?: number }, signal?: AbortSignal): Promise<Page<DeletedItem>> {
  const params = { deleted: 1, q: asked.q, after: asked.after, limit: asked.limit, count: asked.after ? null : 1 }
  return call<Page<DeletedItem>>(`${recordsOf(form)}${query(params)}`, signal ? { signal } : {})
}

export interface Batch {
  create?: { fields: Values }[]
  /** A version of "*" overwrites on purpose; any other merges with what others changed, or is 412 with `conflicts`. */
  update?: { id: string; version: string; fields: Record<string, unknown> }[]
  delete?: string[]
  restore?: string[]
}

export interface BatchDone {
  create: Item[]
  update: Item[]
  delete: string[]
  restore: Item[]
  pos: string
}

/** As many as one batch takes. */
export const BATCH_MOST = 1000

/**
 * All or nothing. Faults are named by item, `update[3].fields.phone`; conflicts carry `item`. Sent again by itself where the answer
 * was lost: the key keeps it from being done twice.
 */
export async function writeBatch(form: string, batch: Batch): Promise<BatchDone> {
  const key = crypto.randomUUID()
  const send = () => call<BatchDone>(`${recordsOf(form)}:batch`, { method: 'POST', body: batch, headers: { 'Idempotency-Key': key } })
  const ids = [...(batch.update ?? []).map((one) => one.id), ...(batch.delete ?? []), ...(batch.restore ?? [])]
  const write = () =>
    send().catch((error: unknown) => {
      if (error instanceof ApiError && (error.key === 'offline' || error.key === 'timeout')) return send()
      throw error
    })
  return ids.reduce<() => Promise<BatchDone>>((inner, id) => () => ownWrite(form, id, inner), batch.create?.length ? () => ownWrite(form, null, write) : write)()
}
