/** The keys of a record's page. Those without Ctrl or Alt count only where nothing is being typed. */
import { onBeforeUnmount, onMounted } from 'vue'

export interface RecordKeys {
  editing: () => boolean
  save: () => void
  cancel: () => void
  edit: () => void
  previous: () => void
  next: () => void
  remove: () => void
  panel: () => void
  help: () => void
}

const TYPING = 'input, textarea, select, [contenteditable=true]'

export function useRecordKeys(keys: RecordKeys): void {
  function held(event: KeyboardEvent): (() => void) | null {
    const name = event.key.toLowerCase()
    if (event.ctrlKey || event.metaKey) {
      // Ctrl+S never saves the page as a file, also where there is nothing to save.
      if (name === 's') return keys.editing() ? keys.save : () => {}
      return name === 'enter' && keys.editing() ? keys.save : null
    }
    if (name === 'arrowup' || name === 'pageup') return keys.previous
    return name === 'arrowdown' || name === 'pagedown' ? keys.next : null
  }

  function plain(event: KeyboardEvent): (() => void) | null {
    if (event.key === 'Escape') return keys.editing() ? keys.cancel : null
    if ((event.target as Element | null)?.closest?.(TYPING)) return null
    if (event.key === '?') return keys.help
    if (keys.editing()) return null
    if (event.key === 'Delete') return event.shiftKey ? keys.remove : null
    return { j: keys.next, k: keys.previous, e: keys.edit, h: keys.panel }[event.key] ?? null
  }

  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return
    const run = event.ctrlKey || event.metaKey || event.altKey ? held(event) : plain(event)
    if (!run) return
    event.preventDefault()
    run()
  }

  onMounted(() => window.addEventListener('keydown', onKey))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}
