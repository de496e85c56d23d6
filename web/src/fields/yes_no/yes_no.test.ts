import { describe, expect, it } from 'vitest'
import { checkField, requestValue, sameValue } from '..'
import { fieldOf } from '../fixture'
import kind from '.'

describe('yes or no', () => {
  const field = fieldOf('yes_no')

  it('is a boolean; no is a value, and not the same as none', () => {
    expect(requestValue(field, false)).toBe(false)
    expect(sameValue(false, null)).toBe(false)
    expect(checkField(field, 'x')).toEqual({ code: 'bad_value' })
    expect([true, false, null].map((value) => kind.text(value, field))).toEqual(['✓', '✗', ''])
  })
})
