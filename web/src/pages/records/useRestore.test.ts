import { describe, expect, it } from 'vitest'
import type { Field, Item } from '@/base/contract'
import { isRestorable } from './useRestore'

const field = (key: string, type = 'text', required = false): Field => ({ key, type, label: key, required, unique: false, access: 'write', group: null, sortable: false, searchable: false })
const item: Item = { id: '1', version: 'v', fields: { notes: 'now', phone: '138****1111', owner: { id: '7', title: '王芳' } }, masked: ['phone'], locked: ['no'], can: ['update'] }

describe('an earlier value that can be put back', () => {
  it('is another one than stands there', () => {
    expect(isRestorable(item, field('notes'), 'before')).toBe(true)
    expect(isRestorable(item, field('notes'), 'now')).toBe(false)
    expect(isRestorable(item, field('owner', 'member'), { id: '7', title: '改了名' })).toBe(false)
  })
  it('is nothing only where nothing may stand', () => {
    expect(isRestorable(item, field('notes'), null)).toBe(true)
    expect(isRestorable(item, field('notes', 'text', true), null)).toBe(false)
  })
  it('is known in clear, in a field that may be written here', () => {
    expect(isRestorable(item, field('phone', 'phone'), '139****2222')).toBe(false)
    expect(isRestorable(item, field('no'), 'C1')).toBe(false)
    expect(isRestorable(item, field('customer', 'reference'), { id: null, title: null })).toBe(false)
  })
})
