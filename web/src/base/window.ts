/**
 * Where a live window stands: around what somebody looks at, with room on either side, so that small movements need
 * no other one. Windows begin at round ranks: viewers who look at the same place then share a channel.
 */
import type { Range } from './contract'

const STEP = 25
const SMALL = 100
/** What the server allows. */
const LARGE = 200
/** Rows of the window that must remain on either side of what is looked at. */
const MARGIN = 10
const PAUSE_MS = 80
/** Somebody who scrolls without a pause is followed all the same. */
const LATEST_MS = 250

export interface ListWindow {
  look(first: number, last: number): void
  /** The window that what is looked at asks for. */
  wish(): Range
  /** The window that is there now. */
  has(range: Range): void
  /** A new subscription: there is no window yet. */
  begin(): void
  reset(): void
}

export function windowFor(first: number, last: number, total: number | null): Range {
  const seen = last - first + 1
  const size = seen + 2 * MARGIN + STEP > SMALL ? LARGE : SMALL
  const middle = first - Math.floor((size - seen) / 2)
  const most = total === null ? Infinity : Math.max(0, total - size + STEP - 1)
  const start = Math.max(0, Math.min(middle, most))
  return [Math.floor(start / STEP) * STEP, size]
}

export function createWindow(move: (range: Range) => void, total: () => number | null): ListWindow {
  let seen: Range = [0, 0]
  let now: Range | null = null
  let sent: Range | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let since = 0

  const wish = () => windowFor(seen[0], seen[1], total())

  function fits(range: Range): boolean {
    const end = range[0] + range[1]
    const above = range[0] === 0 || seen[0] >= range[0] + MARGIN
    return above && (seen[1] <= end - MARGIN || (total() !== null && end >= total()!))
  }

  function send(): void {
    clearTimeout(timer)
    since = 0
    const there = sent ?? now
    if (there && fits(there)) return
    sent = wish()
    move(sent)
  }

  return {
    look(first, last) {
      seen = [Math.max(0, first), Math.max(first, last)]
      const there = sent ?? now
      if (!there || fits(there)) return
      if (since === 0) since = Date.now()
      clearTimeout(timer)
      timer = setTimeout(send, Math.max(0, Math.min(PAUSE_MS, since + LATEST_MS - Date.now())))
    },
    wish,
    has(range) {
      now = range
      if (sent && sent[0] === range[0] && sent[1] === range[1]) sent = null
      if (!fits(range)) this.look(seen[0], seen[1])
    },
    begin() {
      clearTimeout(timer)
      now = sent = null
      since = 0
    },
    reset() {
      this.begin()
      seen = [0, 0]
    },
  }
}
