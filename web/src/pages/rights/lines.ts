/** The rows of the matrix, in sections: actions, the level of the rest, then fields as the form groups them. */
import type { Matrix, MatrixField } from '@/base/admin'
import { REST } from './matrix'
import type { Line } from './useMatrix'

export interface MatrixLine extends Line {
  label: string
  field?: MatrixField
}
export interface Section {
  key: string
  label: string
  lines: MatrixLine[]
}

export function sectionsOf(matrix: Matrix, words: { actions: string; rest: string; others: string; action: (key: string) => string }): Section[] {
  const fieldLine = (field: MatrixField): MatrixLine => ({ kind: 'field', key: field.key, label: field.label, field })
  const known = new Set(matrix.groups.map((group) => group.key))
  const groups = matrix.groups.map((group) => ({ key: group.key, label: group.label, lines: matrix.fields.filter((field) => field.group === group.key).map(fieldLine) }))
  const rest = matrix.fields.filter((field) => field.group === null || !known.has(field.group)).map(fieldLine)
  return [
    { key: '@actions', label: words.actions, lines: matrix.actions.map((key): MatrixLine => ({ kind: 'action', key, label: words.action(key) })) },
    ...groups,
    { key: '@others', label: words.others, lines: [...rest, { kind: 'field' as const, key: REST, label: words.rest }] },
  ].filter((section) => section.lines.length > 0)
}
