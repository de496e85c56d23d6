/**
 * What was typed and not yet saved, by record, in memory only: customers' data is never written to the browser's
 * disk. A page that is left with unsaved changes leaves its draft here, and finds it when it is opened again.
 */
import { ref, shallowReactive } from 'vue'
import type { Item, Values } from './contract'

export interface Draft {
  form: string
  /** Null for a record that does not exist yet. */
  id: string | null
  title: string
  /** The record as it was when the person began to edit. */
  base: Item | null
  values: Values
}

const drafts = shallowReactive(new Map<string, Draft>())

/** The page on the screen holds something that was typed and not saved. */
export const unsaved = ref(false)

const keyOf = (form: string, id: string | null) => `${form}/${id ?? ''}`

export function keepDraft(draft: Draft): void {
  drafts.set(keyOf(draft.form, draft.id), draft)
}

export function takeDraft(form: string, id: string | null): Draft | undefined {
  const draft = drafts.get(keyOf(form, id))
  drafts.delete(keyOf(form, id))
  return draft
}

/** Something would be lost if this tab were closed now. */
export function wouldLose(): boolean {
  return unsaved.value || drafts.size > 0
}

export function forgetDrafts(): void {
  unsaved.value = false
  drafts.clear()
}
