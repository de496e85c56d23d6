import { describe, expect, it } from 'vitest'
import { fieldOf } from '../fixture'
import kind from '.'

describe('references to records', () => {
  const field = fieldOf('reference', { form: 'customer' })

  it('show the title; one that is not to be seen shows nothing of itself', () => {
    expect(kind.text({ id: '7', title: '观澜' }, field)).toBe('观澜')
    expect(kind.text({ id: '7', title: null }, field)).toBe('#7')
    expect(kind.text({ id: null, title: null }, field)).toBe('***')
    expect(kind.text(null, field)).toBe('')
  })

  it('are sent as an id, and null as it came', () => {
    expect(kind.request?.({ id: '7', title: '观澜' })).toBe('7')
    expect(kind.request?.({ id: null, title: null })).toBeNull()
  })

  it('lead to the record only where its form is known', () => {
    expect(typeof kind.read?.({ id: '7', title: 'A' }, field, (key) => key)).toBe('object')
    expect(kind.read?.({ id: '7', title: 'A' }, fieldOf('reference', { form: null }), (key) => key)).toBe('A')
  })
})
