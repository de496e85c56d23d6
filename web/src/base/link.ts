/**
 * The state of the connection, and how old what is shown may be. Requests and the live socket report here; while the
 * server can not be reached, `/healthz` is asked now and then.
 */
import { reactive, readonly } from 'vue'

export type LinkState = 'online' | 'offline' | 'unavailable'

/**
 * off: nobody is logged in, or nobody has tried yet; connecting: for the first time; live: changes come by themselves;
 * broken: they did, and will again; none: the server answers, but no socket can be had (a proxy without WebSocket).
 */
export type LiveState = 'off' | 'connecting' | 'live' | 'broken' | 'none'

const state = reactive({
  link: 'online' as LinkState,
  lastAnswer: 0,
  live: 'off' as LiveState,
  /** When `live` became what it is, in ms. */
  liveSince: 0,
  /** When the server last said that everything up to now has been sent. */
  lastMark: 0,
  /** How often what is shown was found to differ from what the server holds: each is a defect. */
  defects: 0,
})
const waiting = new Set<() => void>()
let timer: ReturnType<typeof setTimeout> | undefined
let pause = 0

const FIRST_PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 15000
const PATIENCE_MS = 1200

export const link = readonly(state)

export function reportLive(live: LiveState): void {
  if (state.live === live) return
  state.live = live
  state.liveSince = Date.now()
}

/** Whether changes come by themselves now; waits a little where the socket is only being opened. */
export function whenLive(): Promise<boolean> {
  const until = Date.now() + PATIENCE_MS
  return new Promise((resolve) => {
    const look = () => {
      if (state.live === 'live') resolve(true)
      else if (state.live !== 'connecting' || Date.now() > until) resolve(false)
      else setTimeout(look, 20)
    }
    look()
  })
}

export function reportMark(): void {
  state.lastMark = Date.now()
}

export function reportDefect(what: string): void {
  state.defects++
  console.warn(`live: ${what} (${state.defects} so far)`)
}

export function reportAnswer(): void {
  state.lastAnswer = Date.now()
  if (state.link === 'online') return
  state.link = 'online'
  stopAsking()
  for (const wake of [...waiting]) wake()
  waiting.clear()
}

export function reportLoss(kind: 'offline' | 'unavailable'): void {
  state.link = kind
  if (timer === undefined) {
    pause = FIRST_PAUSE_MS
    timer = setTimeout(ask, pause)
  }
}

/** Calls back once when the server answers again; the returned function forgets the wish. */
export function whenBack(wake: () => void): () => void {
  waiting.add(wake)
  return () => waiting.delete(wake)
}

/** Asks whether the server can be reached at all, and reports what was found. */
export async function probe(): Promise<boolean> {
  try {
    const answer = await fetch('/healthz', { cache: 'no-store' })
    if (answer.ok) reportAnswer()
    else reportLoss('unavailable')
    return answer.ok
  } catch {
    reportLoss('offline')
    return false
  }
}

function stopAsking(): void {
  clearTimeout(timer)
  timer = undefined
}

async function ask(): Promise<void> {
  let good = false
  try {
    good = (await fetch('/healthz', { cache: 'no-store' })).ok
  } catch {
    good = false
  }
  if (timer === undefined) return
  if (good) {
    reportAnswer()
    return
  }
  pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)
  timer = setTimeout(ask, pause)
}

if (typeof window !== 'undefined') {
  window.addEventListener('online', () => {
    if (timer !== undefined) {
      clearTimeout(timer)
      timer = setTimeout(ask, 0)
    }
  })
  window.addEventListener('offline', () => reportLoss('offline'))
}
