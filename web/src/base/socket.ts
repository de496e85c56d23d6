/**
 * The one live socket of a page: opens it, says when it is good (the server's hello), and opens it again whenever it
 * is lost, each time a little later and never all browsers at once. What is said on it is the business of live.ts.
 */
import type { LiveState } from './link'
import { parseMessage, type ServerMessage } from './messages'

export interface SocketHooks {
  opened(): void
  message(message: ServerMessage): void
  /** It was good and is lost. */
  lost(): void
  state(state: LiveState): void
  /** The session has ended; true where the person has logged in again. */
  loginAgain(): Promise<boolean>
  /** Whether the server answers at all. */
  reachable(): Promise<boolean>
}

/** What is needed of a WebSocket: tests bring their own. */
export type Opener = (url: string, protocol: string) => WebSocket

export interface LiveSocket {
  start(): void
  stop(): void
  /** False where it is not good now: whoever says something says it again after `opened`. */
  send(message: object): boolean
  /** Somebody comes back to the page, or the network is there again: no need to wait any longer. */
  wake(): void
}

const PROTOCOL = 'tidemark.v1'
const HELLO_MS = 8000
/** Marks come every 5 s: after two of them have failed to come there is nobody at the other end. */
const SILENCE_MS = 13000
const FIRST_MS = 300
const LONGEST_MS = 10000
/** Told to be too slow, or to hold too many sockets: the same again soon would end the same way. */
const SLOW_FIRST_MS = 5000
const SLOW_LONGEST_MS = 60000
/** Where sockets do not get through at all, one is tried now and then. */
const NONE_MS = 30000
const RESTART_SPREAD_MS = 500
/** Losses in a row, without a hello, after which a socket that once was good counts as not to be had. */
const MISSES = 4

const CLOSE_LOG_IN = 4401
const CLOSE_REFUSED = 4403
const CLOSE_TOO_SLOW = 4408
const CLOSE_RESTART = 4409

export function createSocket(url: () => string, hooks: SocketHooks, open: Opener = (to, protocol) => new WebSocket(to, protocol)): LiveSocket {
  let socket: WebSocket | null = null
  let running = false
  let good = false
  let everGood = false
  let misses = 0
  let slow = 0
  let heard = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let watch: ReturnType<typeof setTimeout> | undefined
  let opensAt = 0

  function connect(): void {
    clearTimeout(retry)
    retry = undefined
    if (!running || socket) return
    heard = Date.now()
    let mine: WebSocket
    try {
      mine = socket = open(url(), PROTOCOL)
    } catch {
      void missed()
      return
    }
    mine.onmessage = (event) => mine === socket && hear(String(event.data))
    mine.onclose = (event) => mine === socket && closed(event.code)
    mine.onerror = null
    clearTimeout(watch)
    watch = setTimeout(look, HELLO_MS)
  }

  function hear(text: string): void {
    heard = Date.now()
    const message = parseMessage(text)
    if (message === null) return
    if (message.op !== 'hello') {
      if (good) hooks.message(message)
      return
    }
    good = everGood = true
    misses = 0
    hooks.state('live')
    hooks.opened()
    hooks.message(message)
  }

  /** A cable that was pulled tells nobody: silence does. */
  function look(): void {
    clearTimeout(watch)
    if (!socket) return
    const quiet = Date.now() - heard
    const patience = good ? SILENCE_MS : HELLO_MS
    if (quiet >= patience) {
      drop()
      closed(0)
      return
    }
    watch = setTimeout(look, patience - quiet + 50)
  }

  function drop(): void {
    const old = socket
    socket = null
    clearTimeout(watch)
    if (!old) return
    old.onmessage = old.onclose = null
    old.close()
  }

  function closed(code: number): void {
    const wasGood = good
    socket = null
    good = false
    clearTimeout(watch)
    if (wasGood) hooks.lost()
    if (!running) return
    if (code === CLOSE_LOG_IN) void logInAgain()
    else if (code === CLOSE_REFUSED) giveUp()
    else if (code === CLOSE_RESTART) {
      hooks.state('broken')
      later(Math.random() * RESTART_SPREAD_MS)
    } else if (code === CLOSE_TOO_SLOW) {
      hooks.state('broken')
      later(Math.min(SLOW_FIRST_MS * 2 ** slow++, SLOW_LONGEST_MS) * spread())
    } else {
      if (wasGood) slow = 0
      void missed()
    }
  }

  async function missed(): Promise<void> {
    misses++
    const tries = misses
    if (everGood && misses < MISSES) {
      hooks.state('broken')
      later(FIRST_MS * 2 ** (misses - 1) * spread())
      return
    }
    later(Math.min(FIRST_MS * 2 ** (misses - 1), LONGEST_MS) * spread())
    const answers = await hooks.reachable()
    if (!running || good || misses !== tries) return
    if (answers) giveUp()
    else hooks.state('broken')
  }

  async function logInAgain(): Promise<void> {
    hooks.state('broken')
    if ((await hooks.loginAgain()) && running) connect()
  }

  function giveUp(): void {
    hooks.state('none')
    later(NONE_MS * spread())
  }

  const spread = () => 0.5 + Math.random() / 2

  function later(ms: number): void {
    clearTimeout(retry)
    opensAt = Date.now() + ms
    if (!socket) retry = setTimeout(connect, ms)
  }

  return {
    start() {
      if (running) return
      running = true
      everGood = false
      misses = slow = 0
      hooks.state('connecting')
      connect()
    },
    stop() {
      running = false
      good = false
      clearTimeout(retry)
      retry = undefined
      drop()
      hooks.state('off')
    },
    send(message) {
      if (!good || !socket) return false
      socket.send(JSON.stringify(message))
      return true
    },
    wake() {
      if (!running) return
      if (socket) look()
      else if (retry !== undefined && opensAt - Date.now() > FIRST_MS) later(Math.random() * FIRST_MS)
    },
  }
}
