/**
 * What was typed and not yet saved, by record. It survives leaving the page, a lost connection, the end of the session
 * and a reload: it is kept in this tab's own storage, which the browser drops with the tab, and goes from there as soon
 * as it is saved, given up, or its writer logs out. Nothing is kept but what was typed and what stood there before.
 */
import { ref, shallowReactive } from 'vue'
import type { Values } from './contract'

export interface Draft {
  form: string
  /** Null for a record that does not exist yet. */
  id: string | null
  values: Values
  /** Of the same fields: what stood there when the person began to type. */
  base: Values
}

const PREFIX = 'tidemark.draft.'
const drafts = shallowReactive(new Map<string, Draft>())
let writer = ''

/** The page on the screen holds something that was typed and not saved. */
export const unsaved = ref(false)

const keyOf = (form: string, id: string | null) => `${form}/${id ?? ''}`

/** Storage may be full or forbidden: then a draft lives as long as the page does. */
function stored(work: (storage: Storage) => void): void {
  try {
    work(sessionStorage)
  } catch {
    // See above.
  }
}

/** Finds what this person left in this tab; what somebody else left is removed. */
export function openDrafts(person: string): void {
  writer = person
  stored((storage) => {
    for (const key of Object.keys(storage).filter((one) => one.startsWith(PREFIX))) {
      const found = parse(storage.getItem(key))
      if (found?.writer === person) drafts.set(keyOf(found.draft.form, found.draft.id), found.draft)
      else storage.removeItem(key)
    }
  })
}

function parse(text: string | null): { writer: string; draft: Draft } | null {
  try {
    const found = JSON.parse(text ?? '') as { writer: string; draft: Draft }
    const isShape = (value: unknown) => typeof value === 'object' && value !== null
    return typeof found.draft.form === 'string' && isShape(found.draft.values) && isShape(found.draft.base) ? found : null
  } catch {
    return null
  }
}

export function keepDraft(draft: Draft): void {
  const key = keyOf(draft.form, draft.id)
  drafts.set(key, draft)
  stored((storage) => storage.setItem(PREFIX + key, JSON.stringify({ writer, draft })))
}

export function findDraft(form: string, id: string | null): Draft | undefined {
  return drafts.get(keyOf(form, id))
}

export function dropDraft(form: string, id: string | null): void {
  const key = keyOf(form, id)
  drafts.delete(key)
  stored((storage) => storage.removeItem(PREFIX + key))
}

/** Something would be lost if this tab were closed now. */
export function wouldLose(): boolean {
  return unsaved.value || drafts.size > 0
}

export function forgetDrafts(): void {
  unsaved.value = false
  for (const { form, id } of [...drafts.values()]) dropDraft(form, id)
}
