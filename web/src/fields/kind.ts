/** What the screens know of a kind of field. A new kind is one folder with one of these, and one line in index.ts. */
import type { Component, VNodeChild } from 'vue'
import type { Field, Value } from '@/base/contract'

export interface Fault {
  code: string
  limit?: string | number
}

export type Translate = (key: string, values?: Record<string, unknown>) => string

export interface Kind {
  type: string
  /** Figures stand at the end of their column. */
  align: 'start' | 'end'
  /** Width of a column, in px, where the definition names none. */
  width: number
  /** Takes a whole line of the record page. */
  wide?: boolean
  /** Not among the columns until somebody asks for it. */
  asideInLists?: boolean
  /** One of a few states that the record is in: shown where there is room for one thing only. */
  state?: boolean
  /** Worth a button that copies it. */
  copies?: boolean
  /** Plain text: for copying, titles, narrow screens. Empty for an empty value. */
  text(value: Value, field: Field): string
  /** In a table; the text where it is absent. */
  cell?(value: Value, field: Field): VNodeChild
  /** On the record page; as in a table where it is absent. */
  read?(value: Value, field: Field, t: Translate): VNodeChild
  /** What is wrong with a value that is not empty; cheap checks, the server has the last word. */
  check?(value: Value, field: Field): Fault | null
  /** From words, as they are pasted: undefined where they name nothing that is known here. As they are where it is absent. */
  fromText?(text: string, field: Field): Value | undefined | Promise<Value | undefined>
  /** As it is sent; references are sent as their id. */
  request?(value: Value): unknown
  edit: Component
}

/** Props of every Edit.vue. What can not be read as a value stays text, and `check` names it. */
export interface EditProps {
  modelValue: Value
  field: Field
  inputId: string
  invalid: boolean
  describedBy?: string
}

export function isEmpty(value: Value | undefined): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

export function asText(value: Value): string {
  return value === null ? '' : typeof value === 'object' ? '' : String(value)
}

/** Text with its letters counted as people (and the server) count them. */
export function letters(text: string): number {
  return [...text].length
}
