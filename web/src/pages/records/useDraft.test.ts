// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest'
import { ref, shallowRef } from 'vue'
import type { Item, Values } from '@/base/contract'
import { findDraft, forgetDrafts, openDrafts, wouldLose } from '@/base/drafts'
import { useDraft } from './useDraft'

const item = (fields: Values): Item => ({ id: '42', version: 'v1', fields, masked: [], locked: [], can: ['update'] })
const state = shallowRef<Item | null>(null)
const open = () => useDraft(ref('customer'), ref<string | null>('42'), state)

beforeEach(() => {
  forgetDrafts()
  sessionStorage.clear()
  openDrafts('7')
  state.value = item({ name: 'Old', phone: '1' })
})

describe('a field in hand', () => {
  it('keeps what was typed when somebody else changes it, and says so', () => {
    const draft = open()
    draft.set('name', 'Mine')
    state.value = item({ name: 'Theirs', phone: '2' })
    expect([draft.valueOf('name'), draft.valueOf('phone')]).toEqual(['Mine', '2'])
    expect(draft.disputed.value).toEqual([{ field: 'name', base: 'Old', theirs: 'Theirs', yours: 'Mine' }])
  })

  it('takes theirs, or keeps mine until they change it once more', () => {
    const draft = open()
    draft.set('name', 'Mine')
    state.value = item({ name: 'Theirs' })
    draft.keepMine('name')
    expect([draft.valueOf('name'), draft.changed.value, draft.disputed.value]).toEqual(['Mine', ['name'], []])
    state.value = item({ name: 'Theirs again' })
    expect(draft.disputed.value[0]?.base).toBe('Theirs')
    draft.takeTheirs('name')
    expect([draft.valueOf('name'), draft.changed.value]).toEqual(['Theirs again', []])
  })

  it('does not change under the cursor, though nothing was typed yet', () => {
    const draft = open()
    draft.enter('name')
    state.value = item({ name: 'Theirs' })
    expect([draft.valueOf('name'), draft.disputed.value.length, draft.changed.value]).toEqual(['Old', 1, []])
    draft.left('name')
    expect([draft.valueOf('name'), draft.disputed.value]).toEqual(['Theirs', []])
  })

  it('is no dispute where both wrote the same, nor where mine was typed back', () => {
    const draft = open()
    draft.set('name', 'Same')
    state.value = item({ name: 'Same' })
    expect([draft.disputed.value, draft.changed.value]).toEqual([[], []])
    draft.set('phone', '9')
    draft.set('phone', '')
    state.value = item({ name: 'Same', phone: '' })
    draft.left('phone')
    expect(draft.changed.value).toEqual([])
  })
})

describe('what was typed', () => {
  it('is found again after a reload, with what stood there, and by its writer only', () => {
    const draft = open()
    draft.set('name', 'Half')
    draft.persist()
    openDrafts('7')
    state.value = item({ name: 'Theirs', phone: '1' })
    const again = open()
    expect(again.resume()).toBe(true)
    expect(again.disputed.value).toEqual([{ field: 'name', base: 'Old', theirs: 'Theirs', yours: 'Half' }])
    openDrafts('8')
    expect(Object.keys(sessionStorage)).toEqual([])
  })

  it('leaves nothing behind when it is saved, or its writer logs out', () => {
    const draft = open()
    draft.set('name', 'Half')
    draft.persist()
    expect([wouldLose(), sessionStorage.length]).toEqual([true, 1])
    draft.discard()
    expect([wouldLose(), sessionStorage.length, findDraft('customer', '42')]).toEqual([false, 0, undefined])
    draft.persist()
    forgetDrafts()
    expect(sessionStorage.length).toBe(0)
  })
})
