import { describe, expect, it } from 'vitest'
import { checkField, requestValue } from '..'
import { fieldOf } from '../fixture'
import kind from '.'

describe('whole numbers', () => {
  const field = fieldOf('integer', { min: '-5' })

  it('keep all of their 64 bits', () => {
    expect(requestValue(field, '9,007,199,254,740,993')).toBe('9007199254740993')
    expect(kind.text('9007199254740993', field)).toBe('9,007,199,254,740,993')
    expect(checkField(field, '9223372036854775807')).toBeNull()
    expect(checkField(field, '9223372036854775808')).toEqual({ code: 'too_large', limit: '9,223,372,036,854,775,807' })
    expect(checkField(fieldOf('integer'), '-9223372036854775809')).toMatchObject({ code: 'too_small' })
  })

  it('are typed as amounts are, and have no places', () => {
    expect(requestValue(field, '１２万')).toBe('120000')
    expect(checkField(field, '1.5')).toEqual({ code: 'too_precise', limit: 0 })
    expect(checkField(field, '1.50万')).toBeNull()
    expect(checkField(field, '-6')).toEqual({ code: 'too_small', limit: '-5' })
  })
})
