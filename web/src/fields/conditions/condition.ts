/** Conditions as they are built by clicking: groups (all, any, none of) of conditions and groups; from a filter and back. */
import type { Field, Filter } from '@/base/contract'

/** What is asked of a field before conditions are built on it. */
export type ConditionField = Pick<Field, 'key' | 'label' | 'type' | 'options' | 'form' | 'scale'>

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
const SEVERAL = ['any', 'all', 'none', 'filled', 'empty']
const ORDER = ['eq', 'ge', 'gt', 'le', 'lt', 'filled', 'empty']
const OPS: Record<string, string[]> = {
  choice: CHOICE, region: CHOICE, member: CHOICE, department: CHOICE, reference: CHOICE, yes_no: ['eq', 'filled', 'empty'],
  tags: SEVERAL, choices: SEVERAL, money: ORDER, integer: ORDER, number: ORDER, decimal: ORDER, percent: ORDER,
  date: ['within', ...ORDER], datetime: ['within', 'ge', 'lt', 'filled', 'empty'],
}
/** Typed with the input of their own kind. */
export const MEASURED = new Set(['money', 'integer', 'number', 'decimal', 'percent', 'date', 'datetime'])
/** The server's own fields are asked as the kind is that they are shown as. */
const LIKE: Record<string, string> = { created_at: 'datetime', changed_at: 'datetime', created_by: 'member', changed_by: 'member' }
export const likeOf = (type: string): string => LIKE[type] ?? type
export const opsOf = (type: string): string[] => OPS[likeOf(type)] ?? TEXT

export const PERIODS = [
  'today', 'yesterday', 'tomorrow', 'this_week', 'last_week', 'next_week', 'this_month', 'last_month', 'next_month', 'this_quarter', 'last_quarter', 'this_year', 'last_year', 'last_7_days', 'last_30_days',
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
  return { field, op, value: type === 'yes_no' ? true : emptyValue(op) }
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

/** `place` hears where each condition comes to stand, in the words of the server's faults. */
function filterOf(node: Node, at: string, place?: (test: Test, at: string) => void): Filter | null {
  if (!isGroup(node)) {
    place?.(node, node.op === 'filled' ? `${at}.not` : at)
    if (node.op === 'filled') return { not: { field: node.field, op: 'empty' } }
    return shapeOf(node.op) === 'none' ? { field: node.field, op: node.op } : { field: node.field, op: node.op, value: node.value }
  }
  const full = node.items.filter((item) => filterOf(item, '') !== null)
  if (full.length === 0) return null
  const outer = node.join === 'none' ? `${at}.not` : at
  const join = node.join === 'and' ? 'and' : 'or'
  const parts = full.map((item, i) => filterOf(item, full.length === 1 ? outer : `${outer}.${join}[${i}]`, place) as Filter)
  const inner = parts.length === 1 ? (parts[0] as Filter) : join === 'and' ? { and: parts } : { or: parts }
  return node.join === 'none' ? { not: inner } : inner
}

export const toFilter = (root: Group): Filter | null => filterOf(root, 'filter')

/** The condition that a fault of the server is about: `filter.and[1].value`. */
export function testAt(root: Group, path: string): Test | null {
  let found: { test: Test; length: number } | null = null
  filterOf(root, 'filter', (test, at) => {
    const own = path === at || path.startsWith(`${at}.`)
    if (own && at.length > (found?.length ?? -1)) found = { test, length: at.length }
  })
  return (found as { test: Test } | null)?.test ?? null
}

/** A filter out of an address: nothing that comes from there is trusted to be one. */
export function parseFilter(text: string): Filter | null {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    return null
  }
  return isFilter(given, 0) ? given : null
}

const DEEPEST = 8
function isFilter(given: unknown, depth: number): given is Filter {
  if (given === null || typeof given !== 'object' || depth > DEEPEST) return false
  const shape = given as Record<string, unknown>
  const list = shape.and ?? shape.or
  if (list !== undefined) return Array.isArray(list) && list.every((one) => isFilter(one, depth + 1))
  if (shape.not !== undefined) return isFilter(shape.not, depth + 1)
  return typeof shape.field === 'string' && typeof shape.op === 'string'
}

/** The filter with one more condition that must hold. */
export function narrowed(filter: Filter | null, test: Test): Group {
  const root = fromFilter(filter)
  const group: Group = root.join === 'and' ? root : { join: 'and', items: root.items.length > 0 ? [root] : [] }
  const twice = group.items.some((item) => JSON.stringify(item) === JSON.stringify(test))
  return twice ? group : { ...group, items: [...group.items, test] }
}

/** Whether something is still to be filled in. */
export function isOpen(node: Node): boolean {
  if (isGroup(node)) return node.items.some(isOpen)
  const shape = shapeOf(node.op)
  if (shape === 'many') return !Array.isArray(node.value) || node.value.length === 0
  return shape === 'one' && (node.value === null || node.value === undefined || node.value === '')
}
