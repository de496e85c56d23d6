/**
 * Keeps what one looks at where it is while rows come and go above it. At the very top, with neither mouse nor
 * keyboard in the list, new rows push the others down instead: there one waits for them.
 */
import { onActivated, onDeactivated, watch, type Ref } from 'vue'
import type { Rows } from '@/base/rows'
import { shiftOf, type Seen } from './anchor'

export interface Anchor {
  scrolled(): void
  toTop(): void
}

export function useAnchor(scroller: Ref<HTMLElement | null>, rows: Rows, height: () => number): Anchor {
  let seen: Seen = []
  let top = 0
  let left = 0
  let shown = true

  function remember(): void {
    const box = scroller.value
    if (!box || !shown) return
    const first = Math.floor(top / height())
    const last = Math.ceil((top + box.clientHeight) / height())
    const found: [string, number][] = []
    for (let rank = first; rank <= last; rank++) {
      const id = rows.idAt(rank)
      if (id !== undefined) found.push([id, rank])
    }
    seen = found
  }

  function scrolled(): void {
    top = scroller.value?.scrollTop ?? 0
    left = scroller.value?.scrollLeft ?? 0
    remember()
  }

  const busy = (box: HTMLElement) => box.matches(':hover') || box.contains(document.activeElement)

  function follow(): void {
    const box = scroller.value
    const shift = shiftOf(seen, rows.rankOf)
    const waiting = top < height() / 2 && (!box || !busy(box))
    if (shift !== 0 && !waiting) {
      top = Math.max(0, top + shift * height())
      if (box && shown) {
        box.scrollTop = top
        top = box.scrollTop
      }
    }
    if (shown) remember()
    else seen = seen.map(([id, rank]) => [id, rank + shift] as const)
  }

  watch(rows.version, follow, { flush: 'post' })
  // What stood there for another question says nothing about this one.
  watch(rows.question, () => (seen = []), { flush: 'sync' })

  // The browser forgets where a list was scrolled while its page was put aside.
  onActivated(() => {
    shown = true
    if (!scroller.value) return
    scroller.value.scrollTop = top
    scroller.value.scrollLeft = left
    remember()
  })
  onDeactivated(() => (shown = false))

  return {
    scrolled,
    toTop() {
      top = 0
      seen = []
      if (scroller.value) scroller.value.scrollTop = 0
    },
  }
}
