/**
 * Dragging the edge of a column. While it moves only a custom property of the table changes; the layout is kept, and
 * the columns are computed anew, when the pointer is let go.
 */
import { clampWidth } from '@/base/columns'
import { widthName, type Column, type Columns } from './useColumns'

export function useResize(columns: Columns, root: () => HTMLElement | null) {
  let running = false

  function start(event: PointerEvent, column: Column): void {
    if (event.button !== 0) return
    event.preventDefault()
    event.stopPropagation()
    const edge = event.currentTarget as HTMLElement
    const from = event.clientX
    let width = column.width
    running = true
    edge.setPointerCapture(event.pointerId)

    const move = (at: PointerEvent) => {
      width = clampWidth(column.width + at.clientX - from)
      root()?.style.setProperty(widthName(column.key), `${width}px`)
    }
    const end = () => {
      edge.removeEventListener('pointermove', move)
      edge.removeEventListener('pointerup', end)
      edge.removeEventListener('pointercancel', end)
      running = false
      columns.resize(column.key, width)
    }
    edge.addEventListener('pointermove', move)
    edge.addEventListener('pointerup', end)
    edge.addEventListener('pointercancel', end)
  }

  return { start, busy: () => running }
}
