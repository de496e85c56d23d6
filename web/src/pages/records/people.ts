/** How people at a record are told apart: the first character of the name, and a colour of their own. */
import type { Person } from '@/base/messages'

/** Neither red, which is a fault, nor blue, which is one's own focus. */
const COLORS = ['purple', 'cyan', 'green', 'orange'] as const

export function colorOf(person: Pick<Person, 'id'>): string {
  let sum = 0
  for (const char of person.id) sum = (sum * 31 + char.charCodeAt(0)) >>> 0
  return COLORS[sum % COLORS.length]!
}

/** The family name of a Chinese name, the first letter of another. */
export const initialOf = (person: Pick<Person, 'title'>): string => [...person.title][0] ?? ''
