/** Selecting by the mouse: drag over cells, Shift and a press, the handle at the corner that fills. */
import { ref, type Ref } from 'vue'
import type { Block, Rect } from './useBlock'
import type { Grid } from './useGrid'

/** How often a drag beyond the edge scrolls, and how far. */
const EDGE_MS = 50

export function usePointer(scroller: Ref<HTMLElement | null>, grid: Grid, block: Block, rowHeight: () => number, fill: (source: Rect, target: Rect) => void) {
  const dragging = ref(false)

  function cellUnder(x: number, y: number): { row: number; column: number } | null {
    const found = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-cell]')
    const at = scroller.value?.contains(found ?? null) ? found?.dataset.cell?.split(':') : undefined
    return at && Number(at[0]) >= 0 ? { row: Number(at[0]), column: Number(at[1]) } : null
  }

  /** Follows the pointer until it is let go; beyond the edge the table scrolls along. */
  function drag(event: PointerEvent, done: () => void): void {
    const box = scroller.value
    if (!box) return
    let last = event
    const extend = () => {
      const at = cellUnder(last.clientX, last.clientY)
      if (at) block.extendTo(at.row, at.column)
    }
    const timer = setInterval(() => {
      const edge = box.getBoundingClientRect()
      const by = last.clientY > edge.bottom - 8 ? rowHeight() : last.clientY < edge.top + 40 ? -rowHeight() : 0
      if (by === 0 || !dragging.value) return
      box.scrollTop += by
      const at = cellUnder(last.clientX, Math.min(edge.bottom - 24, Math.max(edge.top + 48, last.clientY)))
      if (at) block.extendTo(at.row, at.column)
    }, EDGE_MS)
    const move = (next: PointerEvent) => {
      last = next
      if (Math.abs(next.clientX - event.clientX) + Math.abs(next.clientY - event.clientY) > 4) dragging.value = true
      if (dragging.value) extend()
    }
    const end = () => {
      clearInterval(timer)
      document.removeEventListener('pointermove', move)
      document.removeEventListener('pointerup', end)
      document.removeEventListener('pointercancel', end)
      if (dragging.value) done()
      dragging.value = false
    }
    document.addEventListener('pointermove', move)
    document.addEventListener('pointerup', end)
    document.addEventListener('pointercancel', end)
  }

  function down(event: PointerEvent): void {
    const target = event.target as HTMLElement
    if (event.button !== 0 || event.pointerType === 'touch' || target.closest('.in-hand, [data-tick]')) return
    if (target.closest('.fill-handle')) {
      const source = block.rect.value
      if (!source) return
      // The upper left corner stays; what the block grows by is filled.
      drag(event, () => {
        const now = block.rect.value
        if (now && now.bottom > source.bottom) fill(source, { ...now, left: source.left, right: source.right })
        else if (now && now.top < source.top) fill(source, { ...now, bottom: source.bottom, left: source.left, right: source.right })
      })
      return
    }
    const at = cellUnder(event.clientX, event.clientY)
    if (!at) return
    if (event.shiftKey && grid.active.row >= 0) {
      block.extendTo(at.row, at.column)
      return
    }
    // A press on the block's own cell takes it up anew.
    if (at.row === grid.active.row && at.column === grid.active.column) block.collapse()
    drag(event, () => undefined)
  }

  /** The keyboard stays where it is: the block grows from there. */
  function press(event: MouseEvent): void {
    const target = event.target as HTMLElement
    if (target.closest('.fill-handle') || (event.shiftKey && target.closest('[data-row]') && !target.closest('.in-hand, [data-tick]'))) event.preventDefault()
  }

  return { dragging, down, press }
}
