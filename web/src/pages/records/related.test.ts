import { describe, expect, it } from 'vitest'
import type { Field, Form } from '@/base/contract'
import { fieldOf } from '@/fields/fixture'
import { columnsOf, sortOf } from './related'

const form = (title: string, fields: Field[]): Form => ({ key: 'f', label: 'F', version: '1', title_field: title, can: [], groups: [], fields })
const field = (type: string, key: string, more: Partial<Field> = {}) => fieldOf(type, { key, sortable: true, ...more })

describe('a related list', () => {
  it('shows the first columns, and the state wherever it stands', () => {
    const contract = form('no', [...['no', 'customer', 'opportunity', 'amount', 'signed_on', 'starts_on', 'ends_on'].map((key) => field('text', key)), field('choice', 'status')])
    expect(columnsOf(contract, 'customer').map((one) => one.key)).toEqual(['no', 'opportunity', 'amount', 'signed_on', 'status'])
    const note = form('content', [field('long_text', 'content'), field('long_text', 'aside'), field('datetime', 'at')])
    expect(columnsOf(note, 'customer').map((one) => one.key)).toEqual(['content', 'at'])
  })

  it('stands in the order that people expect', () => {
    expect(sortOf(form('due_on', [field('date', 'due_on', { required: true })]))).toBe('due_on')
    expect(sortOf(form('content', [field('long_text', 'content'), field('datetime', 'at', { required: true })]))).toBe('-at')
    expect(sortOf(form('no', [field('auto_number', 'no'), field('date', 'signed_on')]))).toBe('-no')
    expect(sortOf(form('name', [field('text', 'name'), field('date', 'birthday')]))).toBe('name')
    expect(sortOf(form('name', [field('text', 'name', { sortable: false })]))).toBe('')
  })
})
