/**
 * What was typed and not yet saved, by record, in memory only: customers' data is never written to the browser's
 * disk. A page that is left with unsaved changes leaves its draft here, and finds it when it is opened again.
 */
import { shallowReactive } from 'vue'
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

const keyOf = (form: string, id: string | null) => `${form}/${id ?? ''}`

export function keepDraft(draft: Draft): void {
  drafts.set(keyOf(draft.form, draft.id), draft)
}

export function takeDraft(form: string, id: string | null): Draft | undefined {
  const draft = drafts.get(keyOf(form, id))
  drafts.delete(keyOf(form, id))
  return draft
}

export function hasDrafts(): boolean {
  return drafts.size > 0
}

export function forgetDrafts(): void {
  drafts.clear()
}
