/** What the hands do in the table: keys, clipboard, undo; and what is said about it. */
import { ref, shallowRef, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { serverNow } from '@/base/clock'
import { today } from '@/base/dates'
import type { Report, Step } from '@/base/edits'
import { showToast } from '@/ui/toast'
import type { Block, Rect } from './useBlock'
import { whyNot, type Cells, type CellsHost, type Hand } from './useCells'
import { MOST_ROWS, type Clip, type Plan } from './useClip'
import { parseBlock } from './clip'

export interface EditingHost extends Pick<CellsHost, 'grid' | 'rows' | 'columns' | 'edits'> {
  block: Block
  cells: Cells
  clip: Clip
  mayCreate: () => boolean
  open(row: number, newTab: boolean): void
  menu(): void
  search(): void
  /** Ticks the rows of the block. */
  tick(): void
  /** The table is on the screen still. */
  here: () => boolean
  /** The keyboard goes to what is said about the active cell. */
  settle(): void
}

export function useEditing(host: EditingHost) {
  const { grid, rows, columns, edits, block, cells, clip } = host
  const { t } = useI18n()
  /** A paste that is asked about before it is done. */
  const asking = shallowRef<Plan | null>(null)
  /** The cell was opened by Enter or F2. */
  const opened = ref(false)
  /** Esc with nothing to cancel: the next Tab leaves the table. */
  let leaving = false
  /** What was in hand before the cell's input had its turn. */
  let held: Hand | null = null

  // An input method begins without a key that is heard here.
  watch(cells.hand, (now) => !now && (opened.value = false))

  const column = () => columns()[grid.active.column]
  const row = () => rows.row(grid.active.row)

  function tell(report: Report, plan?: Plan): void {
    const left = [
      report.failed > 0 ? t('cell.failed', report.failed) : '',
      report.skipped > 0 ? t('cell.skipped', report.skipped) : '',
      plan && plan.closed > 0 ? t('cell.closed', plan.closed) : '',
      plan && plan.absent > 0 ? t('cell.absent', plan.absent) : '',
      ...(plan?.wrong.length ? [t('cell.wrong', plan.wrong.length)] : []),
    ].filter((text) => text !== '')
    const many = report.done > 1 ? [t('cell.done', report.done)] : []
    if (many.length + left.length === 0) return
    showToast([...many, ...left].join(t('cell.and')), { kind: left.length > 0 ? 'bad' : 'good', ...(report.done > 1 && { action: { label: t('common.undo'), run: () => void undo(report.step) } }) })
  }

  async function apply(plan: Plan): Promise<void> {
    tell(await clip.apply(plan), plan)
  }

  function begin(byKey: boolean): void {
    const here = column()
    const why = here ? whyNot(here, row()) : 'notHere'
    if (why !== '') {
      if (why !== 'notHere') showToast(t(`cell.why.${why}`))
      return
    }
    opened.value = byKey
    cells.begin()
  }

  async function undo(step?: Step): Promise<void> {
    const report = await edits.undo(step)
    if (!report) showToast(t('cell.nothingToUndo'))
    else showToast([report.done > 0 ? t('cell.undone', report.done) : '', report.skipped > 0 ? t('cell.skipped', report.skipped) : '', report.failed > 0 ? t('cell.failed', report.failed) : ''].filter(Boolean).join(t('cell.and')), { kind: report.skipped + report.failed > 0 ? 'bad' : 'plain' })
  }

  async function redo(): Promise<void> {
    const report = await edits.redo()
    if (!report) showToast(t('cell.nothingToRedo'))
    else showToast([report.done > 0 ? t('cell.redone', report.done) : '', report.skipped > 0 ? t('cell.skipped', report.skipped) : '', report.failed > 0 ? t('cell.failed', report.failed) : ''].filter(Boolean).join(t('cell.and')), { kind: report.skipped + report.failed > 0 ? 'bad' : 'plain' })
  }

  /** From one cell to the next, over the ends of lines; false at the very end. */
  function step(by: 1 | -1): boolean {
    const width = columns().length
    const at = grid.active.row * width + grid.active.column + by
    if (at < 0 || at >= rows.length.value * width) return false
    void grid.go(Math.floor(at / width), at % width)
    return true
  }

  function now(): void {
    const day = today(serverNow())
    const minute = new Date(Math.floor(serverNow() / 60000) * 60000).toISOString()
    void apply(clip.planValue(({ field }) => (field.type === 'date' ? day : field.type === 'datetime' ? minute : undefined)))
  }

  function escape(): void {
    const here = row()
    const key = column()?.key ?? ''
    const mark = here && edits.marks.get(here.id)?.[key]
    if (block.many.value) block.collapse()
    else if (here && mark && mark.state !== 'saving') {
      edits.discard(here.id, key)
      showToast(t('cell.givenUp'), { action: { label: t('common.undo'), run: () => edits.restore(here.id, key, mark) } })
    } else leaving = true
  }

  const COMMANDS: Record<string, () => void> = {
    a: () => block.all(),
    d: () => void apply(clip.fillDown()),
    ';': now,
    z: () => void undo(),
    y: () => void redo(),
  }

  /** Keys while no cell is in hand. True: it was one of ours. */
  function command(event: KeyboardEvent): boolean {
    const control = event.ctrlKey || event.metaKey
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    const left = leaving
    leaving = false
    if (control && !event.altKey && key in COMMANDS && edits) {
      if (key === 'z' && event.shiftKey) void redo()
      else COMMANDS[key]!()
      return true
    }
    if (event.altKey) return false
    if (event.shiftKey && /^(Arrow|Page|Home|End)/.test(key)) return block.extendBy(event)
    switch (key) {
      case 'Tab':
        return !left && step(event.shiftKey ? -1 : 1)
      case 'Enter':
        if (control) host.open(grid.active.row, true)
        else if (event.shiftKey) void grid.go(grid.active.row - 1, grid.active.column)
        else if (clashHere()) host.settle()
        else if (column()?.first && !failedHere()) host.open(grid.active.row, false)
        else begin(true)
        return true
      case 'F2':
        if (clashHere()) host.settle()
        else begin(true)
        return true
      case 'F10':
      case 'ContextMenu':
        if (key === 'F10' && !event.shiftKey) return false
        host.menu()
        return true
      case ' ':
        if (event.shiftKey) host.tick()
        else host.open(grid.active.row, control)
        return true
      case 'Delete':
      case 'Backspace':
        void apply(clip.planValue(({ field }) => (field.type === 'auto_number' ? undefined : null)))
        return true
      case 'Escape':
        escape()
        return true
      case '/':
        if (control) return false
        host.search()
        return true
    }
    return false
  }

  const markHere = () => edits.marks.get(row()?.id ?? '')?.[column()?.key ?? '']
  const clashHere = () => markHere()?.state === 'clash'
  const failedHere = () => markHere()?.state === 'failed'

  /** Before anything in the cell hears it: while nothing is in hand the keys belong to the table. */
  function capture(event: KeyboardEvent): void {
    held = cells.hand.value
    if (cells.hand.value || event.isComposing || event.keyCode === 229 || grid.active.row < 0 || !inBody(event)) return
    const ours = grid.key(event) || command(event)
    if (ours) {
      event.preventDefault()
      event.stopPropagation()
    } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) letter(event)
  }

  /** A letter begins the cell. Its input has the keyboard already; where it has not (yet), the letter is handed over. */
  function letter(event: KeyboardEvent): void {
    opened.value = false
    if ((event.target as HTMLElement).closest('.cell-edit')) return
    event.preventDefault()
    const here = column()
    const why = here ? whyNot(here, row()) : 'notHere'
    if (why === '') cells.begin(here!.kind.fromText ? undefined : event.key)
    else if (why !== 'notHere') showToast(t(`cell.why.${why}`))
  }

  const inBody = (event: Event) => (event.target as HTMLElement).closest('[data-row]') !== null

  /** After the cell's own input has had its turn: what leads out of the cell in hand. */
  function bubble(event: KeyboardEvent): void {
    if (!cells.hand.value || event.isComposing || event.keyCode === 229) return
    const taken = event.defaultPrevented
    if (event.key === 'Escape' && !taken) {
      event.preventDefault()
      event.stopPropagation()
      cells.cancel()
      grid.refocus()
    } else if (event.key === 'Tab') {
      event.preventDefault()
      if (finish() && !step(event.shiftKey ? -1 : 1)) grid.refocus()
    } else if (event.key === 'Enter' && event.altKey && (event.target as HTMLElement).tagName === 'TEXTAREA') {
      event.preventDefault()
      document.execCommand('insertText', false, '\n')
    } else if (event.key === 'Enter' && !(taken && (several() || cells.hand.value === held))) {
      event.preventDefault()
      // What was just chosen from a list is told in the same turn, after this one.
      queueMicrotask(() => {
        if (finish()) void grid.go(grid.active.row + (event.shiftKey ? -1 : 1), grid.active.column)
      })
    }
  }

  const several = () => Array.isArray(cells.hand.value?.value) || columns().find((one) => one.key === cells.hand.value?.key)?.field.type === 'tags'

  /** Inputs that put right what was typed when they are left do so first. */
  function finish(): boolean {
    const active = document.activeElement
    active?.dispatchEvent(new FocusEvent('blur'))
    return cells.commit()
  }

  function onCopy(event: ClipboardEvent): boolean {
    if (cells.hand.value || grid.active.row < 0 || !event.clipboardData || !inBody(event)) return false
    const done = clip.copy(event.clipboardData)
    if (!done) return false
    event.preventDefault()
    if (done.absent > 0) showToast(t('cell.copiedPart', { n: done.cells, m: done.absent }), { kind: 'bad' })
    else showToast(done.cells > 1 ? t('cell.copied', done.cells) : t('table.copied', { text: done.text }))
    return true
  }

  function onCut(event: ClipboardEvent): void {
    if (onCopy(event)) void apply(clip.planValue(({ field }) => (field.type === 'auto_number' ? undefined : null)))
  }

  async function paste(text: string): Promise<void> {
    const texts = parseBlock(text)
    if (texts.length > MOST_ROWS) {
      showToast(t('cell.tooMany', { n: MOST_ROWS }), { kind: 'bad' })
      return
    }
    const plan = await clip.planPaste(texts, host.mayCreate())
    if (!plan || !host.here()) return
    if (plan.wrong.length > 0 || plan.news.length > 0) asking.value = plan
    else await apply(plan)
  }

  function onPaste(event: ClipboardEvent): void {
    if (cells.hand.value || grid.active.row < 0 || !inBody(event)) return
    event.preventDefault()
    void paste(event.clipboardData?.getData('text/plain') ?? '')
  }

  function fill(source: Rect, target: Rect): void {
    void apply(clip.planFill(source, target))
  }

  return { asking, opened, begin, apply, tell, undo, redo, capture, bubble, onCopy, onCut, onPaste, fill }
}
