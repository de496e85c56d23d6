/** The list that a record was opened from, by form: for previous/next, and so that a saved record shows in its row. */
import type { Item } from './contract'
import type { Rows } from './rows'

interface OpenList {
  rows: Rows
  /** Address of the list with its search and order. */
  address: () => string
  /** Something in it is out of date (a new record may belong anywhere): read it again when it is next shown. */
  stale: boolean
}

const lists = new Map<string, OpenList>()

export function registerList(form: string, rows: Rows, address: () => string): OpenList {
  const list = { rows, address, stale: false }
  lists.set(form, list)
  return list
}

export function listOf(form: string): OpenList | undefined {
  return lists.get(form)
}

export function recordSaved(form: string, item: Item): void {
  const list = lists.get(form)
  if (list && !list.rows.saved(item)) list.stale = true
}

export function forgetLists(): void {
  for (const list of lists.values()) list.rows.close()
  lists.clear()
}
