import { describe, expect, it } from 'vitest'
import type { Item, Value } from '@/base/contract'
import { fieldOf } from '@/fields/fixture'
import { shared } from './useParent'

describe('a new record that names another one', () => {
  const references = [{ form: 'customer', field: 'customer' }, { form: 'opportunity', field: 'opportunity' }]
  const fields = [fieldOf('reference', { key: 'buyer', form: 'customer' }), fieldOf('text', { key: 'name' })]
  const item = (buyer: Value): Item => ({ id: '9', version: 'v', fields: { buyer, name: 'x' }, masked: [], locked: [], can: [] })
  const from = { form: 'opportunity', field: 'opportunity', id: '9' }

  it('takes over what that one names of the same form', () => {
    expect(shared(references, from, { fields }, item({ id: '7', title: '观澜' }))).toEqual({ customer: { id: '7', title: '观澜' } })
  })

  it('takes over nothing that is not seen, and nothing that could be one of two', () => {
    expect(shared(references, from, { fields }, item({ id: null, title: null }))).toEqual({})
    expect(shared(references, from, { fields: [...fields, fieldOf('reference', { key: 'second', form: 'customer' })] }, item({ id: '7', title: 'a' }))).toEqual({})
  })
})
