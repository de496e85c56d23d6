/** What an event of the log says, in words: the server's texts where it has some, keys only where nothing else is known. */
import type { AuditChange, AuditEvent, Value } from '@/base/contract'
import { instantText } from '@/base/dates'
import { plainText } from '@/fields/plain'

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

function side(text: string | null | undefined, value: Value): string {
  const words = text || plainText(value)
  return INSTANT.test(words) ? instantText(words, true) : words
}

const COLORS: Record<string, string> = {
  create: 'green', restore: 'green', update: 'blue', derive: 'blue', delete: 'red', purge: 'red', refuse: 'orange',
  unaudited: 'red', export: 'purple', print: 'purple', reveal: 'orange', configure: 'purple', login: 'cyan', logout: 'cyan',
}

/** The class of the pill that names an action. */
export const actionPill = (action: string): string => (COLORS[action] ? `pill-${COLORS[action]}` : '')

export const beforeText = (change: AuditChange): string => side(change.before_text, change.before)
export const afterText = (change: AuditChange): string => side(change.after_text, change.after)

export function detailOf(event: AuditEvent): Record<string, unknown> {
  return typeof event.detail === 'object' && event.detail !== null ? event.detail : {}
}

/** The table that an unaudited change was made in, by its form's name where it belongs to one. */
export function tableText(event: AuditEvent): string {
  const { table } = detailOf(event)
  const named = typeof table === 'string' ? table.replace(/^tidemark\./, '') : ''
  if (!event.form_label) return named || (event.form ?? '')
  return named === '' ? event.form_label : `${event.form_label} (${named})`
}

/** What became of an open view, by the key of its words: begun, still open, ended, cut off with its process. */
export function viewWord(event: AuditEvent): string {
  const { live, reason } = detailOf(event)
  if (live === 'open') return 'liveOpen'
  if (live === 'digest') return 'liveDigest'
  if (live === 'close') return reason === 'killed' ? 'liveKilled' : 'liveClose'
  return ''
}
