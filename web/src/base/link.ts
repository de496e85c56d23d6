/**
 * The state of the connection, and how old what is shown may be. Requests report here; while the server can not be
 * reached, `/healthz` is asked now and then. The live socket will report to the same place.
 */
import { reactive, readonly } from 'vue'

export type LinkState = 'online' | 'offline' | 'unavailable'

const state = reactive({ link: 'online' as LinkState, lastAnswer: 0 })
const waiting = new Set<() => void>()
let timer: ReturnType<typeof setTimeout> | undefined
let pause = 0

const FIRST_PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 15000

export const link = readonly(state)

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
