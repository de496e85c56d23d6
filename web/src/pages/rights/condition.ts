/** Conditions as they are built by clicking: groups (all, any, none of) of conditions and groups; from a filter and back. */
import type { Filter } from '@/base/admin'

export interface Test {
  field: string
  /** An operator of filters, or `filled`: not empty. */
  op: string
  value: unknown
}
export interface Group {
  join: 'and' | 'or' | 'none'
  items: Node[]
}
export type Node = Test | Group

export const isGroup = (node: Node): node is Group => 'items' in node

const TEXT = ['eq', 'ne', 'contains', 'starts', 'filled', 'empty']
const CHOICE = ['in', 'nin', 'filled', 'empty']
const ORDER = ['eq', 'ge', 'gt', 'le', 'lt', 'filled', 'empty']
const OPS: Record<string, string[]> = {
  choice: CHOICE, region: CHOICE, member: ['in', 'filled', 'empty'], department: ['in', 'filled', 'empty'], tags: ['any', 'all', 'none', 'filled', 'empty'],
  money: ORDER, date: ['within', ...ORDER], datetime: ['within', 'ge', 'lt', 'filled', 'empty'],
}
export const opsOf = (type: string): string[] => OPS[type] ?? TEXT

export const PERIODS = [
  'today', 'yesterday', 'this_week', 'last_week', 'this_month', 'last_month', 'this_quarter', 'last_quarter', 'this_year', 'last_year', 'last_7_days', 'last_30_days',
  'last_90_days', 'last_365_days', 'next_7_days', 'next_30_days',
]

export type Shape = 'none' | 'one' | 'many' | 'period'
const MANY = new Set(['in', 'nin', 'any', 'all', 'none'])
export function shapeOf(op: string): Shape {
  if (op === 'empty' || op === 'filled') return 'none'
  if (op === 'within') return 'period'
  return MANY.has(op) ? 'many' : 'one'
}

export function freshTest(field: string, type: string): Test {
  const op = opsOf(type)[0] as string
  return { field, op, value: emptyValue(op) }
}

export function emptyValue(op: string): unknown {
  const shape = shapeOf(op)
  return shape === 'many' ? [] : shape === 'period' ? 'this_month' : null
}

const group = (join: Group['join'], items: Node[]): Group => ({ join, items })

function nodeOf(filter: Filter): Node {
  if ('and' in filter) return group('and', filter.and.map(nodeOf))
  if ('or' in filter) return group('or', filter.or.map(nodeOf))
  if ('not' in filter) {
    if ('op' in filter.not && filter.not.op === 'empty') return { field: filter.not.field, op: 'filled', value: null }
    const inner = nodeOf(filter.not)
    return group('none', isGroup(inner) && inner.join === 'or' ? inner.items : [inner])
  }
  // One value and a list of one are the same question; here they are asked alike.
  const many = { eq: 'in', ne: 'nin', has: 'any' }[filter.op]
  const asList = many !== undefined && (filter.op === 'has' || (typeof filter.value === 'string' && (/^@/.test(filter.value) || /^\d{6,}$/.test(filter.value))))
  return asList ? { field: filter.field, op: many, value: [filter.value] } : { field: filter.field, op: filter.op, value: filter.value ?? null }
}

/** The outermost is always a group, for there is always room for one more. */
export function fromFilter(filter: Filter | null): Group {
  if (!filter) return group('and', [])
  const node = nodeOf(filter)
  return isGroup(node) ? node : group('and', [node])
}

function filterOf(node: Node): Filter | null {
  if (!isGroup(node)) {
    if (node.op === 'filled') return { not: { field: node.field, op: 'empty' } }
    return shapeOf(node.op) === 'none' ? { field: node.field, op: node.op } : { field: node.field, op: node.op, value: node.value }
  }
  const parts = node.items.map(filterOf).filter((part): part is Filter => part !== null)
  if (parts.length === 0) return null
  if (node.join === 'none') return { not: parts.length === 1 ? (parts[0] as Filter) : { or: parts } }
  return parts.length === 1 ? (parts[0] as Filter) : node.join === 'and' ? { and: parts } : { or: parts }
}

export const toFilter = (root: Group): Filter | null => filterOf(root)

/** Whether something is still to be filled in. */
export function isOpen(node: Node): boolean {
  if (isGroup(node)) return node.items.some(isOpen)
  const shape = shapeOf(node.op)
  if (shape === 'many') return !Array.isArray(node.value) || node.value.length === 0
  return shape === 'one' && (node.value === null || node.value === undefined || node.value === '')
}
