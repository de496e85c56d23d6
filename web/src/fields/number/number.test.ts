import { describe, expect, it } from 'vitest'
import { checkField, requestValue, sameValue } from '..'
import { fieldOf } from '../fixture'
import kind, { numberOf } from '.'

describe('numbers', () => {
  it('are read as people type them', () => {
    expect(['1,234.5', '１.５', '2万', '1e-7', '-0', '.5'].map(numberOf)).toEqual([1234.5, 1.5, 20000, 1e-7, 0, 0.5])
    for (const typed of ['', 'x', 'Infinity', '1e999', '0x10', '1 2 3x']) expect(numberOf(typed), typed).toBeNull()
  })

  it('are sent as numbers, and zero is one', () => {
    expect(requestValue(fieldOf('number'), 0)).toBe(0)
    expect(requestValue(fieldOf('number'), '1.5')).toBe(1.5)
    expect(sameValue(0, null)).toBe(false)
    expect(kind.text(1234.5, fieldOf('number'))).toBe('1,234.5')
    expect(kind.text(1e-7, fieldOf('number'))).toBe('1e-7')
  })

  it('end where the server can take them no more', () => {
    expect(checkField(fieldOf('number'), 2 ** 53)).toMatchObject({ code: 'too_large' })
    expect(checkField(fieldOf('number', { min: '0', max: '1.5' }), 1.6)).toEqual({ code: 'too_large', limit: 1.5 })
    expect(checkField(fieldOf('number', { min: '0' }), -1)).toEqual({ code: 'too_small', limit: 0 })
    expect(checkField(fieldOf('number'), 'x')).toEqual({ code: 'not_a_number' })
  })
})
