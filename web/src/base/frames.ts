/**
 * Puts what comes aside until the browser paints, then hands it over all at once and in order. While the tab is hidden
 * nothing is painted, so it is handed over at once: the receiver knows what to do with it then.
 */

/** Where the browser paints nothing although the tab is not hidden (covered windows). */
const LATEST_MS = 300

export function createFrames<T>(take: (message: T) => void) {
  let queue: T[] = []
  let frame = 0
  let latest: ReturnType<typeof setTimeout> | undefined

  function drain(): void {
    cancelAnimationFrame(frame)
    clearTimeout(latest)
    frame = 0
    const messages = queue
    queue = []
    for (const message of messages) {
      try {
        take(message)
      } catch (error) {
        // One bad frame must not take the others with it; the state's hash will tell.
        console.error(error)
      }
    }
  }

  return {
    push(message: T): void {
      queue.push(message)
      if (document.hidden) drain()
      else if (frame === 0) {
        frame = requestAnimationFrame(drain)
        latest = setTimeout(drain, LATEST_MS)
      }
    },
    drain,
    drop(): void {
      queue = []
    },
  }
}
