/** The cursor of the matrix and what is marked from it: arrows, Home and End, Shift for more than one cell. */
import { computed, nextTick, ref, type Ref } from 'vue'

export interface Spot {
  row: number
  col: number
}

export function useGrid(size: () => { rows: number; cols: number }, host: Ref<HTMLElement | null>) {
  const at = ref<Spot>({ row: 0, col: 0 })
  const from = ref<Spot | null>(null)

  const box = computed(() => {
    const other = from.value ?? at.value
    return {
      top: Math.min(at.value.row, other.row),
      bottom: Math.max(at.value.row, other.row),
      left: Math.min(at.value.col, other.col),
      right: Math.max(at.value.col, other.col),
    }
  })
  const marked = (row: number, col: number) => row >= box.value.top && row <= box.value.bottom && col >= box.value.left && col <= box.value.right
  const many = computed(() => from.value !== null && (from.value.row !== at.value.row || from.value.col !== at.value.col))
  const spots = computed<Spot[]>(() => {
    const out: Spot[] = []
    for (let row = box.value.top; row <= box.value.bottom; row++) for (let col = box.value.left; col <= box.value.right; col++) out.push({ row, col })
    return out
  })

  const cellAt = (spot: Spot) => host.value?.querySelector<HTMLElement>(`[data-cell="${spot.row}:${spot.col}"]`) ?? null

  async function go(spot: Spot, extend = false): Promise<void> {
    const { rows, cols } = size()
    if (rows === 0 || cols === 0) return
    if (extend) from.value ??= at.value
    else from.value = null
    at.value = { row: Math.max(0, Math.min(rows - 1, spot.row)), col: Math.max(0, Math.min(cols - 1, spot.col)) }
    await nextTick()
    const cell = cellAt(at.value)
    cell?.focus({ preventScroll: true })
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }

  /** Whether the key was one of the cursor's. */
  function moves(event: KeyboardEvent): boolean {
    const { row, col } = at.value
    const last = size()
    const to: Record<string, Spot> = {
      ArrowUp: { row: row - 1, col },
      ArrowDown: { row: row + 1, col },
      ArrowLeft: { row, col: col - 1 },
      ArrowRight: { row, col: col + 1 },
      Home: { row: event.ctrlKey ? 0 : row, col: 0 },
      End: { row: event.ctrlKey ? last.rows - 1 : row, col: last.cols - 1 },
      PageUp: { row: row - 10, col },
      PageDown: { row: row + 10, col },
    }
    const spot = to[event.key]
    if (!spot || event.altKey || event.metaKey) return false
    event.preventDefault()
    void go(spot, event.shiftKey)
    return true
  }

  /** However the focus has come to a cell: the cursor is where it is. */
  function entered(event: FocusEvent): void {
    const found = /^(\d+):(\d+)$/.exec((event.target as HTMLElement).dataset.cell ?? '')
    if (!found) return
    const [row, col] = [Number(found[1]), Number(found[2])]
    if (row === at.value.row && col === at.value.col) return
    at.value = { row, col }
    from.value = null
  }

  const collapse = () => (from.value = null)

  return { at, many, spots, marked, go, moves, entered, collapse, cellAt }
}
