/**
 * Live subscriptions: one socket for everything on the page. What comes is kept until the next frame is painted and
 * applied all at once; a hidden tab applies nothing, and catches up when it is looked at again. After a loss each
 * subscription goes on from its position where the server still can, else it begins anew. The server's hash of what
 * one holds is compared with one's own: a difference is a defect, is counted, and heals by a new snapshot.
 */
import type { Range } from './contract'
import { createFrames } from './frames'
import { probe, reportDefect, reportLive, reportMark } from './link'
import type { DeltaMessage, Entry, Person, ServerMessage } from './messages'
import { isBefore } from './position'
import { problemOf, type ApiError } from './problem'
import { createSocket, type Opener } from './socket'

export type Query =
  | { kind: 'records'; form: string; sort?: string; filter?: unknown; count?: boolean; range: Range }
  | { kind: 'record'; form: string; record: string }
  | { kind: 'audit' }
  | { kind: 'notice' }

/** Who listens. Everything is called at most once a painted frame, in the order of the channel. */
export interface Sink {
  /** The whole state; of a list the window that it belongs to. */
  snapshot(items: Entry[], total: string | undefined, range: Range | null): void
  delta(delta: DeltaMessage): void
  /** The hash of what is held, where the server tells its own. */
  hash?(): string
  presence?(users: Person[]): void
  /** Refused, or ended. It is tried again by itself where `error.passing`. */
  failed?(error: ApiError): void
  /** Concerns the person even while the tab is hidden. */
  always?: boolean
}

export interface Subscription {
  /** Another window of the list; the newest wish counts. */
  move(range: Range): void
  /** Begins anew, from nothing. */
  renew(): void
  /** Nobody looks: nothing is sent until `wake`, which goes on from where it rested. */
  rest(): void
  wake(): void
  close(): void
}

interface Sub {
  query: Query
  sink: Sink
  /** Our name for this try of it; each try has a new one. */
  id: string
  chan: string | null
  /** Where the sink's state stands; null: it has none. */
  at: { pos: string; state: string } | null
  range: Range | null
  asked: Range | null
  wish: Range | null
  moving: boolean
  /** Something was dropped while nobody looked. */
  stale: boolean
  resting: boolean
  tries: number
  retry?: ReturnType<typeof setTimeout>
}

export interface LiveHooks {
  loginAgain: () => Promise<boolean>
  /** The definition of a form, or one's rights on it, have changed. */
  schema: (form: string) => void
}

const RETRY_MS = 1000
const LONGEST_RETRY_MS = 30000

const same = (a: Range | null, b: Range | null) => a?.[0] === b?.[0] && a?.[1] === b?.[1]

export function createLive(open?: Opener) {
  const subs = new Set<Sub>()
  const byId = new Map<string, Sub>()
  const byChan = new Map<string, Set<Sub>>()
  const abandoned = new Set<string>()
  const frames = createFrames(take)
  let names = 0
  let hooks: LiveHooks = { loginAgain: () => Promise.resolve(false), schema: () => undefined }

  const url = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`
  const hidden = () => document.hidden

  const socket = createSocket(
    url,
    {
      opened() {
        for (const sub of subs) ask(sub)
      },
      message: frames.push,
      lost() {
        frames.drain()
        byId.clear()
        byChan.clear()
        abandoned.clear()
        for (const sub of subs) {
          sub.chan = null
          sub.moving = false
          clearTimeout(sub.retry)
        }
      },
      state: reportLive,
      loginAgain: () => hooks.loginAgain(),
      reachable: probe,
    },
    open,
  )

  // ---- what is said

  function ask(sub: Sub): void {
    clearTimeout(sub.retry)
    if (sub.resting) return
    sub.id = `s${++names}`
    sub.chan = null
    sub.asked = sub.wish
    sub.moving = false
    sub.stale = false
    const { range: _range, ...query } = { range: null, ...sub.query }
    const resume = sub.at && same(sub.range, sub.wish) ? sub.at : {}
    if (socket.send({ op: 'sub', id: sub.id, ...query, ...(sub.wish && { range: sub.wish }), ...resume })) byId.set(sub.id, sub)
  }

  function forget(sub: Sub): void {
    clearTimeout(sub.retry)
    const { chan } = sub
    if (chan !== null) {
      byChan.get(chan)?.delete(sub)
      if (byChan.get(chan)?.size === 0) byChan.delete(chan)
      // While it moves, the channel that it will have has no name yet.
      if (sub.moving) abandoned.add(sub.id)
      else socket.send({ op: 'unsub', chan })
    } else if (byId.has(sub.id)) abandoned.add(sub.id)
    byId.delete(sub.id)
    sub.chan = null
  }

  function again(sub: Sub, resume: boolean): void {
    if (!resume) sub.at = null
    forget(sub)
    ask(sub)
  }

  function sendMove(sub: Sub): void {
    if (sub.chan === null || sub.moving || same(sub.wish, sub.range)) return
    sub.moving = socket.send({ op: 'move', chan: sub.chan, range: sub.wish })
    sub.asked = sub.wish
  }

  // ---- what is heard

  function take(message: ServerMessage): void {
    if (message.op === 'subscribed') subscribed(message.id, message.chan)
    else if (message.op === 'snapshot' || message.op === 'delta') for (const sub of byChan.get(message.chan) ?? []) change(sub, message)
    else if (message.op === 'mark') mark(message.hash ?? {})
    else if (message.op === 'hello') reportMark()
    else if (message.op === 'schema') hooks.schema(message.form)
    else if (message.op === 'error') failed(message)
    else if (message.op === 'presence') present(message.form, message.record, message.users)
  }

  function subscribed(id: string, chan: string): void {
    if (abandoned.delete(id)) {
      socket.send({ op: 'unsub', chan })
      return
    }
    const sub = byId.get(id)
    if (!sub) return
    if (sub.chan !== null) byChan.get(sub.chan)?.delete(sub)
    sub.chan = chan
    sub.moving = false
    if (!same(sub.range, sub.asked)) sub.at = null
    sub.range = sub.asked
    byChan.set(chan, (byChan.get(chan) ?? new Set()).add(sub))
    sendMove(sub)
  }

  function change(sub: Sub, message: Extract<ServerMessage, { op: 'snapshot' | 'delta' }>): void {
    if (hidden() && !sub.sink.always) {
      sub.stale = true
      return
    }
    if (message.op === 'snapshot') {
      sub.at = { pos: message.pos, state: message.state }
      sub.stale = false
      sub.tries = 0
      sub.sink.snapshot(message.items, message.total, sub.range)
    } else if (sub.at && !sub.stale && !isBefore(message.pos, sub.at.pos)) {
      sub.at = { ...sub.at, pos: message.pos }
      sub.sink.delta(message)
    }
  }

  function mark(hashes: Record<string, string>): void {
    reportMark()
    for (const [chan, hash] of Object.entries(hashes)) {
      for (const sub of [...(byChan.get(chan) ?? [])]) {
        if (!sub.at || sub.stale || sub.moving || !sub.sink.hash || sub.sink.hash() === hash) continue
        reportDefect(`what is shown of ${sub.query.kind} differs from what the server holds`)
        again(sub, false)
      }
    }
  }

  function failed(message: Extract<ServerMessage, { op: 'error' }>): void {
    if (message.id !== undefined && abandoned.delete(message.id)) return
    const found = message.id !== undefined ? [byId.get(message.id)] : [...(byChan.get(message.chan ?? '') ?? [])]
    for (const sub of found) {
      if (!sub) continue
      if (message.id === undefined && sub.moving) {
        // Its channel was replaced while it moved.
        again(sub, false)
        continue
      }
      const error = problemOf(message.problem.status, message.problem, null)
      if (sub.chan !== null) byChan.get(sub.chan)?.delete(sub)
      byId.delete(sub.id)
      sub.chan = null
      sub.moving = false
      sub.sink.failed?.(error)
      if (error.passing || error.status === 500) {
        sub.retry = setTimeout(() => subs.has(sub) && ask(sub), Math.min(RETRY_MS * 2 ** sub.tries++, LONGEST_RETRY_MS))
      }
    }
  }

  function present(form: string, record: string, users: Person[]): void {
    for (const { query, sink } of subs) {
      if (query.kind === 'record' && query.form === form && query.record === record) sink.presence?.(users)
    }
  }

  function shown(): void {
    if (hidden()) return
    socket.wake()
    for (const sub of subs) if (sub.stale && !sub.resting) again(sub, true)
  }

  if (typeof document !== 'undefined') {
    document.addEventListener('visibilitychange', shown)
    window.addEventListener('online', () => socket.wake())
  }

  return {
    start(given: LiveHooks): void {
      hooks = given
      socket.start()
    },
    stop(): void {
      socket.stop()
      frames.drop()
      for (const sub of subs) clearTimeout(sub.retry)
      subs.clear()
      byId.clear()
      byChan.clear()
    },
    wake: () => socket.wake(),
    subscribe(query: Query, sink: Sink): Subscription {
      const range = query.kind === 'records' ? query.range : null
      const sub: Sub = { query, sink, id: '', chan: null, at: null, range: null, asked: null, wish: range, moving: false, stale: false, resting: false, tries: 0 }
      subs.add(sub)
      ask(sub)
      return {
        move(wanted) {
          sub.wish = wanted
          sendMove(sub)
        },
        renew: () => again(sub, false),
        rest() {
          if (sub.resting) return
          sub.resting = true
          forget(sub)
        },
        wake() {
          if (!sub.resting) return
          sub.resting = false
          ask(sub)
        },
        close() {
          if (subs.delete(sub)) forget(sub)
        },
      }
    },
    /** "I am at this record, in this field", so that others see it. */
    edit(form: string, record: string, field: string | null): void {
      socket.send({ op: 'edit', form, record, ...(field !== null && { field }) })
    },
  }
}

export type Live = ReturnType<typeof createLive>

export const live: Live = createLive()
