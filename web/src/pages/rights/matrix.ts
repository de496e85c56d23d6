/**
 * The matrix as it is edited: a draft that is never changed in place, so that undo is a list of drafts that share what they
 * have in common. A grant has no name of its own; `uid` is its column here, from loading to saving.
 */
import { LEVELS, type Grant, type Level, type Matrix, type MatrixBody, type MatrixField, type MatrixRole } from '@/base/admin'

export interface Column {
  uid: string
  grant: Grant
}

export interface DraftRole extends Omit<MatrixRole, 'grants'> {
  columns: Column[]
}

export type Draft = readonly DraftRole[]

/** The level of fields that are not named. */
export const REST = '*'

export type Change = { role: string; uid: string } & (
  | { kind: 'added' | 'removed'; grant: Grant }
  | { kind: 'rule'; before: Grant; after: Grant }
  | { kind: 'action'; action: string; on: boolean }
  | { kind: 'field'; field: string; before: Level; after: Level }
  | { kind: 'mask'; field: string; before: string | null; after: string | null }
)

export function draftOf(matrix: Matrix): Draft {
  return matrix.roles.map(({ grants, ...role }) => ({ ...role, columns: grants.map((grant, i) => ({ uid: `${role.id}:${i}`, grant })) }))
}

/** What the server takes: roles that have a grant, or had one. */
export function bodyOf(draft: Draft): MatrixBody {
  return { roles: draft.filter((role) => role.columns.length > 0).map((role) => ({ id: role.id, grants: role.columns.map((column) => column.grant) })) }
}

/** A grant that takes away leaves alone what it does not name. */
const restOf = (grant: Grant): Level => grant.fields[REST] ?? (grant.deny ? 'write' : 'hidden')

/** What the grant says of a field; an automatic field can not be written, whatever is said. */
export function levelOf(grant: Grant, field: Pick<MatrixField, 'key' | 'automatic'> | typeof REST): Level {
  if (field === REST) return restOf(grant)
  const level = grant.fields[field.key] ?? restOf(grant)
  return level === 'write' && field.automatic && !grant.deny ? 'read' : level
}

export const follows = (grant: Grant, key: string): boolean => key !== REST && grant.fields[key] === undefined

export function withLevel(grant: Grant, key: string, level: Level): Grant {
  const fields = { ...grant.fields }
  if (key === REST) {
    if (grant.deny && level === 'write') delete fields[REST]
    else fields[REST] = level
  } else if (level === restOf(grant)) delete fields[key]
  else fields[key] = level
  const masks = { ...grant.masks }
  if (key !== REST && level !== 'masked') delete masks[key]
  return { ...grant, fields, masks }
}

export function withMask(grant: Grant, key: string, mask: string | null): Grant {
  const masks = { ...grant.masks }
  if (mask === null) delete masks[key]
  else masks[key] = mask
  return { ...grant, masks }
}

export function withAction(grant: Grant, action: string, on: boolean): Grant {
  const actions = grant.actions.filter((one) => one !== action)
  return { ...grant, actions: on ? [...actions, action] : actions }
}

/** The same draft where nothing changes, so that nothing is there to be undone. */
export function mapGrants(draft: Draft, change: (grant: Grant, uid: string) => Grant): Draft {
  let any = false
  const next = draft.map((role) => {
    const columns = role.columns.map((column) => {
      const grant = change(column.grant, column.uid)
      if (sameGrant(grant, column.grant)) return column
      any = true
      return { ...column, grant }
    })
    return columns.some((column, i) => column !== role.columns[i]) ? { ...role, columns } : role
  })
  return any ? next : draft
}

export function addGrant(draft: Draft, roleId: string, column: Column): Draft {
  return draft.map((role) => (role.id === roleId ? { ...role, columns: [...role.columns, column] } : role))
}

export function dropGrant(draft: Draft, uid: string): Draft {
  return draft.map((role) => (role.columns.some((column) => column.uid === uid) ? { ...role, columns: role.columns.filter((column) => column.uid !== uid) } : role))
}

/** By what they say, not by how it is written down. */
export function sameGrant(a: Grant, b: Grant): boolean {
  return a === b || (sameRule(a, b) && sorted(a.actions) === sorted(b.actions) && pairs(a.fields) === pairs(b.fields) && pairs(a.masks) === pairs(b.masks))
}

export const sameRule = (a: Grant, b: Grant): boolean => a.rule === b.rule && a.deny === b.deny && JSON.stringify(a.condition) === JSON.stringify(b.condition)
const sorted = (words: string[]) => [...words].sort().join()
const pairs = (map: Record<string, string>) => Object.entries(map).map((pair) => pair.join(':')).sort().join()

export function changesOf(before: Draft, after: Draft, fields: MatrixField[]): Change[] {
  const old = new Map(before.flatMap((role) => role.columns.map((column) => [column.uid, column.grant] as const)))
  const now = new Set(after.flatMap((role) => role.columns.map((column) => column.uid)))
  const out: Change[] = []
  for (const role of after) {
    for (const { uid, grant } of role.columns) {
      const was = old.get(uid)
      if (!was) out.push({ kind: 'added', role: role.id, uid, grant })
      else if (was !== grant) out.push(...grantChanges(was, grant, fields).map((change) => ({ ...change, role: role.id, uid }) as Change))
    }
  }
  for (const role of before) for (const { uid, grant } of role.columns) if (!now.has(uid)) out.push({ kind: 'removed', role: role.id, uid, grant })
  return out
}

type GrantChange = { kind: string } & Record<string, unknown>

function grantChanges(before: Grant, after: Grant, fields: MatrixField[]): GrantChange[] {
  const out: GrantChange[] = []
  if (!sameRule(before, after)) out.push({ kind: 'rule', before, after })
  for (const action of new Set([...before.actions, ...after.actions])) {
    const on = after.actions.includes(action)
    if (on !== before.actions.includes(action)) out.push({ kind: 'action', action, on })
  }
  for (const field of [REST, ...fields] as const) {
    const [was, is] = [levelOf(before, field), levelOf(after, field)]
    const key = field === REST ? REST : field.key
    if (was !== is) out.push({ kind: 'field', field: key, before: was, after: is })
    const [oldMask, newMask] = [before.masks[key] ?? null, after.masks[key] ?? null]
    if (oldMask !== newMask && is === 'masked') out.push({ kind: 'mask', field: key, before: oldMask, after: newMask })
  }
  return out
}

/** Of levels that can be pressed for: the first letters of their names, whatever the language of the page. */
export const LEVEL_OF_KEY: Record<string, Level> = { h: 'hidden', m: 'masked', r: 'read', w: 'write' }
export const nextLevel = (level: Level): Level => LEVELS[(LEVELS.indexOf(level) + 1) % LEVELS.length] as Level
