import { expect, test } from 'vitest'
import type { Grant, Matrix, MatrixField } from '@/base/admin'
import { addGrant, bodyOf, changesOf, draftOf, dropGrant, follows, levelOf, mapGrants, withAction, withLevel, withMask, type Draft } from './matrix'
import { mergeDrafts } from './merge'

const field = (key: string, automatic = false): MatrixField => ({ key, label: key, type: 'text', group: 'basic', mask: null, automatic, options: [] })
const FIELDS = [field('no', true), field('name'), field('phone'), field('notes')]
const grant = (more: Partial<Grant> = {}): Grant => ({ rule: 'all', condition: null, deny: false, actions: ['read', 'list'], fields: { '*': 'read', phone: 'masked' }, masks: {}, ...more })

function matrix(grants: Record<string, Grant[]>): Matrix {
  const roles = Object.entries(grants).map(([id, given]) => ({ id, key: id, title: id, people: 1, administrator: false, grants: given }))
  return { form: 'customer', label: '客户', version: 'v', groups: [], fields: FIELDS, actions: ['read', 'list', 'update'], levels: ['hidden', 'masked', 'read', 'write'], rules: ['all'], masks: ['phone'], roles, changed: null }
}
const edit = (draft: Draft, uid: string, change: (grant: Grant) => Grant) => mapGrants(draft, (one, at) => (at === uid ? change(one) : one))

test('a field that is not named has the level of the rest; a deny leaves it alone', () => {
  expect(levelOf(grant(), field('name'))).toBe('read')
  expect(levelOf(grant({ fields: {} }), field('name'))).toBe('hidden')
  expect(levelOf(grant({ fields: {}, deny: true }), field('name'))).toBe('write')
  expect(levelOf(grant({ fields: { '*': 'write' } }), field('no', true))).toBe('read')
})

test('a level that is that of the rest is not written down, and follows it', () => {
  const named = withLevel(grant(), 'name', 'write')
  expect(named.fields).toEqual({ '*': 'read', phone: 'masked', name: 'write' })
  const back = withLevel(named, 'name', 'read')
  expect(back.fields).toEqual({ '*': 'read', phone: 'masked' })
  expect([follows(back, 'name'), follows(back, 'phone'), follows(back, '*')]).toEqual([true, false, false])
  expect(withLevel(grant({ deny: true, fields: { '*': 'read' } }), '*', 'write').fields).toEqual({})
})

test('a mask goes with the level that it belongs to', () => {
  const masked = withMask(grant(), 'phone', '3+4')
  expect(masked.masks).toEqual({ phone: '3+4' })
  expect(withLevel(masked, 'phone', 'read').masks).toEqual({})
  expect(withMask(masked, 'phone', null).masks).toEqual({})
})

test('nothing changed is the same draft; there and back is no change', () => {
  const draft = draftOf(matrix({ clerk: [grant()] }))
  expect(mapGrants(draft, (one) => withAction(one, 'read', true))).toBe(draft)
  const there = edit(draft, 'clerk:0', (one) => withLevel(one, 'phone', 'hidden'))
  expect(changesOf(draft, there, FIELDS)).toEqual([{ kind: 'field', field: 'phone', before: 'masked', after: 'hidden', role: 'clerk', uid: 'clerk:0' }])
  expect(changesOf(draft, edit(there, 'clerk:0', (one) => withLevel(one, 'phone', 'masked')), FIELDS)).toEqual([])
})

test('the level of the rest changes all that follow it', () => {
  const draft = draftOf(matrix({ clerk: [grant()] }))
  const hidden = edit(draft, 'clerk:0', (one) => withLevel(one, '*', 'hidden'))
  expect(changesOf(draft, hidden, FIELDS).map((change) => (change.kind === 'field' ? change.field : ''))).toEqual(['*', 'no', 'name', 'notes'])
})

test('grants come and go, and a role without any is not sent', () => {
  const draft = draftOf(matrix({ clerk: [grant()], boss: [] }))
  const more = addGrant(draft, 'boss', { uid: 'n1', grant: grant({ rule: 'owner' }) })
  const less = dropGrant(more, 'clerk:0')
  expect(changesOf(draft, less, FIELDS).map((change) => [change.kind, change.role])).toEqual([['added', 'boss'], ['removed', 'clerk']])
  expect(bodyOf(less)).toEqual({ roles: [{ id: 'boss', grants: [grant({ rule: 'owner' })] }] })
})

test('two people, different cells: both changes are there, nothing is in dispute', () => {
  const base = draftOf(matrix({ clerk: [grant(), grant({ rule: 'owner' })] }))
  const mine = edit(base, 'clerk:1', (one) => withLevel(one, 'notes', 'write'))
  const now = draftOf(matrix({ clerk: [withLevel(grant(), 'phone', 'hidden'), grant({ rule: 'owner' })] }))
  const merged = mergeDrafts(base, mine, now, FIELDS, 's')
  expect(merged.disputed).toEqual([])
  expect(merged.theirs.map((change) => change.kind)).toEqual(['field'])
  expect(merged.draft[0]?.columns.map((column) => [column.uid, column.grant.fields])).toEqual([
    ['clerk:0', { '*': 'read', phone: 'hidden' }],
    ['clerk:1', { '*': 'read', phone: 'masked', notes: 'write' }],
  ])
  expect(changesOf(merged.saved, merged.draft, FIELDS).map((change) => change.uid)).toEqual(['clerk:1'])
})

test('the same cell: one’s own stays and is told', () => {
  const base = draftOf(matrix({ clerk: [grant()] }))
  const mine = edit(base, 'clerk:0', (one) => withLevel(one, 'phone', 'read'))
  const now = draftOf(matrix({ clerk: [withLevel(grant(), 'phone', 'hidden')] }))
  const merged = mergeDrafts(base, mine, now, FIELDS, 's')
  expect(merged.disputed).toHaveLength(1)
  expect(merged.draft[0]?.columns[0]?.grant.fields.phone).toBeUndefined()
  expect(levelOf(merged.draft[0]?.columns[0]?.grant as Grant, field('phone'))).toBe('read')
})

test('a grant that went there while it was changed here stays and is told; one’s own new one stays', () => {
  const base = draftOf(matrix({ clerk: [grant(), grant({ rule: 'owner' })] }))
  const mine = addGrant(edit(base, 'clerk:1', (one) => withAction(one, 'update', true)), 'clerk', { uid: 'n1', grant: grant({ rule: 'subtree' }) })
  const merged = mergeDrafts(base, mine, draftOf(matrix({ clerk: [grant()] })), FIELDS, 's')
  expect(merged.draft[0]?.columns.map((column) => column.uid)).toEqual(['clerk:0', 'clerk:1', 'n1'])
  expect(merged.disputed.map((change) => change.kind)).toEqual(['removed'])
  expect(changesOf(merged.saved, merged.draft, FIELDS).map((change) => change.kind)).toEqual(['added', 'added'])
})

test('a grant that both leave is gone; one that went here and changed there is told', () => {
  const base = draftOf(matrix({ clerk: [grant(), grant({ rule: 'owner' })] }))
  const mine = dropGrant(base, 'clerk:1')
  const both = mergeDrafts(base, mine, draftOf(matrix({ clerk: [grant()] })), FIELDS, 's')
  expect([both.draft[0]?.columns.length, both.disputed.length]).toEqual([1, 0])
  const changed = mergeDrafts(base, mine, draftOf(matrix({ clerk: [grant(), grant({ rule: 'owner', actions: [] })] })), FIELDS, 's')
  expect([changed.draft[0]?.columns.length, changed.disputed.length > 0]).toEqual([1, true])
})
