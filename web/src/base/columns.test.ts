// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest'
import { keepLayout, keptLayout, layoutOf, moveColumn } from './columns'

const KEYS = ['no', 'name', 'phone', 'stage', 'notes']
const fresh = () => layoutOf(null, KEYS, 'name', ['notes'])

beforeEach(() => localStorage.clear())

describe('column layout', () => {
  it('begins with the definition, the title leading, long texts aside', () => {
    expect(fresh()).toEqual({ order: ['name', 'no', 'phone', 'stage', 'notes'], hidden: ['notes'], widths: {} })
  })

  it('comes back for the same person and form, and for no other', () => {
    const layout = { order: ['name', 'stage', 'no', 'phone', 'notes'], hidden: ['phone'], widths: { stage: 200 } }
    keepLayout('7', 'customer', layout)
    expect(keptLayout('7', 'customer', KEYS, 'name', ['notes'])).toEqual(layout)
    expect(keptLayout('8', 'customer', KEYS, 'name', ['notes'])).toEqual(fresh())
  })

  it('survives a form that has changed: new columns find their place, gone ones go', () => {
    const kept = { order: ['name', 'stage', 'gone', 'no'], hidden: ['gone', 'no'], widths: { gone: 100, no: 100 } }
    const layout = layoutOf(kept, KEYS, 'name', ['notes'])
    expect(layout.order).toEqual(['name', 'phone', 'stage', 'notes', 'no'])
    expect(layout.hidden).toEqual(['no', 'notes'])
    expect(layout.widths).toEqual({ no: 100 })
  })

  it('is not broken by what else may stand in the storage', () => {
    for (const odd of ['text', 5, [], { order: 'x', hidden: [1], widths: { no: 'wide', phone: Infinity } }]) {
      const layout = layoutOf(odd, KEYS, 'name', [])
      expect(layout.order).toEqual(['name', 'no', 'phone', 'stage', 'notes'])
      expect(layout.widths).toEqual({})
    }
    localStorage.setItem('tidemark.columns.7.customer', '{broken')
    expect(keptLayout('7', 'customer', KEYS, 'name', ['notes'])).toEqual(fresh())
  })

  it('clamps widths', () => {
    expect(layoutOf({ widths: { no: 1, phone: 5000 } }, KEYS, 'name', []).widths).toEqual({ no: 64, phone: 640 })
  })

  it('moves columns, but never the leading one nor anything before it', () => {
    const { order } = fresh()
    expect(moveColumn(order, 'stage', 'no', false)).toEqual(['name', 'stage', 'no', 'phone', 'notes'])
    expect(moveColumn(order, 'no', 'stage', true)).toEqual(['name', 'phone', 'stage', 'no', 'notes'])
    expect(moveColumn(order, 'stage', 'name', false)).toEqual(['name', 'stage', 'no', 'phone', 'notes'])
    expect(moveColumn(order, 'name', 'stage', true)).toEqual(order)
    expect(moveColumn(order, 'no', 'absent', true)).toEqual(order)
  })
})
