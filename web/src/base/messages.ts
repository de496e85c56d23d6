/** What the server says on the live socket, looked at lightly: what has not the right shape is not a message. */
import type { AuditEvent, Item, Problem } from './contract'
import type { Put } from './delta'

export interface Person {
  id: string
  title: string
  /** The field that the person is in; null: none, or one that the reader may not see. */
  field: string | null
}

/** Lists and records hold items, the log its events. */
export type Entry = Item | AuditEvent

export type ServerMessage =
  | { op: 'hello'; pos: string; heartbeat: number }
  | { op: 'subscribed'; id: string; chan: string }
  | { op: 'schema'; form: string; version: string }
  | { op: 'snapshot'; chan: string; pos: string; state: string; items: Entry[]; total?: string }
  | { op: 'delta'; chan: string; pos: string; put?: (Put | AuditEvent)[]; del?: string[]; order?: Record<string, number>; total?: string }
  | { op: 'mark'; pos: string; hash?: Record<string, string> }
  | { op: 'presence'; form: string; record: string; users: Person[] }
  | { op: 'error'; id?: string; chan?: string; problem: Problem }

export type Snapshot = Extract<ServerMessage, { op: 'snapshot' }>
export type DeltaMessage = Extract<ServerMessage, { op: 'delta' }>

type Shape = Record<string, unknown>

const isText = (value: unknown): value is string => typeof value === 'string'
const isShape = (value: unknown): value is Shape => typeof value === 'object' && value !== null && !Array.isArray(value)
const isEntries = (value: unknown) => Array.isArray(value) && value.every((entry) => isShape(entry) && isText(entry.id))
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const isPlaces = (value: unknown) => isShape(value) && Object.values(value).every((place) => Number.isInteger(place) && (place as number) >= 0)
const absent = (value: unknown, check: (value: unknown) => boolean) => value === undefined || value === null || check(value)

const CHECKS: Record<string, (m: Shape) => boolean> = {
  hello: (m) => isText(m.pos),
  subscribed: (m) => isText(m.id) && isText(m.chan),
  schema: (m) => isText(m.form),
  snapshot: (m) => isText(m.chan) && isText(m.pos) && isText(m.state) && isEntries(m.items) && absent(m.total, isText),
  delta: (m) =>
    isText(m.chan) && isText(m.pos) && absent(m.put, isEntries) && absent(m.del, isTexts) && absent(m.order, isPlaces) && absent(m.total, isText),
  mark: (m) => isText(m.pos) && absent(m.hash, isShape),
  presence: (m) => isText(m.form) && isText(m.record) && isEntries(m.users),
  error: (m) => (isText(m.id) || isText(m.chan)) && isShape(m.problem),
}

/** The message, or null: not one of ours. An op that is not known yet is let pass by (a newer server). */
export function parseMessage(text: string): ServerMessage | null {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return null
  }
  if (!isShape(message) || !isText(message.op)) return null
  return CHECKS[message.op]?.(message) ? (message as unknown as ServerMessage) : null
}
