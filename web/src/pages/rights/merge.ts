/**
 * Somebody else has saved the same matrix meanwhile: what both did is put together, cell by cell. Where both changed the
 * same, one's own stays and is said to be in dispute.
 */
import type { Grant, Level, MatrixField } from '@/base/admin'
import { changesOf, sameGrant, sameRule, withAction, withLevel, withMask, type Change, type Column, type Draft } from './matrix'

export interface Merge {
  draft: Draft
  /** The new saved state, its columns under the names that they have in the draft. */
  saved: Draft
  /** What somebody else has changed. */
  theirs: Change[]
  /** Those of theirs that one's own changes stand against. */
  disputed: Change[]
}

/** Gives the columns of `now` the names of those of `before` that they continue. */
function alignColumns(before: Column[], now: Column[], serial: string): Column[] {
  const free = new Set(before)
  const named = new Map<Column, string>()
  const tests: ((a: Grant, b: Grant) => boolean)[] = [sameGrant, sameRule, (a, b) => a.deny === b.deny]
  for (const test of tests) {
    for (const column of now) {
      if (named.has(column)) continue
      const found = [...free].find((old) => test(old.grant, column.grant))
      if (!found) continue
      free.delete(found)
      named.set(column, found.uid)
    }
  }
  return now.map((column, i) => ({ uid: named.get(column) ?? `${serial}:${column.uid}:${i}`, grant: column.grant }))
}

export function alignDraft(before: Draft, now: Draft, serial: string): Draft {
  const old = new Map(before.map((role) => [role.id, role.columns]))
  return now.map((role) => ({ ...role, columns: alignColumns(old.get(role.id) ?? [], role.columns, serial) }))
}

const placeOf = (change: Change): string => `${change.uid} ${change.kind} ${'field' in change ? change.field : 'action' in change ? change.action : ''}`

const saysTheSame = (a: Change, b: Change): boolean => a.kind === 'removed' || JSON.stringify(a) === JSON.stringify(b)

export function applyChange(grant: Grant, change: Change): Grant {
  if (change.kind === 'rule') return { ...grant, rule: change.after.rule, condition: change.after.condition, deny: change.after.deny }
  if (change.kind === 'action') return withAction(grant, change.action, change.on)
  if (change.kind === 'field') return withLevel(grant, change.field, change.after as Level)
  return change.kind === 'mask' ? withMask(grant, change.field, change.after) : grant
}

export function mergeDrafts(base: Draft, mine: Draft, now: Draft, fields: MatrixField[], serial: string): Merge {
  const saved = alignDraft(base, now, serial)
  const theirs = changesOf(base, saved, fields)
  const own = changesOf(base, mine, fields)
  const ownAt = new Map(own.map((change) => [placeOf(change), change]))
  const dropped = new Set(own.filter((change) => change.kind === 'removed').map((change) => change.uid))
  const goneThere = new Set(theirs.filter((change) => change.kind === 'removed').map((change) => change.uid))
  const touched = new Set(own.map((change) => change.uid))
  const stands = (change: Change): boolean => {
    const same = ownAt.get(placeOf(change))
    if (same) return !saysTheSame(same, change)
    return change.kind === 'removed' ? touched.has(change.uid) : dropped.has(change.uid)
  }
  const disputed = theirs.filter(stands)

  const draft = saved.map((role) => {
    const before = mine.find((one) => one.id === role.id)?.columns ?? []
    const kept = role.columns
      .filter((column) => !dropped.has(column.uid))
      .map((column) => ({ ...column, grant: own.filter((change) => change.uid === column.uid).reduce(applyChange, column.grant) }))
    const known = new Set(role.columns.map((column) => column.uid))
    // One's own new grants, and those that went there while one was changing them here.
    const more = before.filter((column) => !known.has(column.uid) && (!goneThere.has(column.uid) || touched.has(column.uid)))
    return { ...role, columns: [...kept, ...more] }
  })
  return { draft, saved, theirs, disputed }
}
