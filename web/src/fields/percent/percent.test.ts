import { describe, expect, it } from 'vitest'
import { checkField, requestValue } from '..'
import { fieldOf } from '../fixture'
import kind, { percentOf } from '.'

describe('percentages', () => {
  const field = fieldOf('percent', { scale: '2', min: '0', max: '100' })

  it('are the number that stands before the sign', () => {
    for (const typed of ['62.5', '62.5%', '６２．５％', ' 62.5 % ']) expect(percentOf(typed), typed).toBe('62.5')
    for (const typed of ['', '%', 'half', '62%%']) expect(percentOf(typed), typed).toBeNull()
    expect(requestValue(field, '62.5%')).toBe('62.5')
  })

  it('show the sign; nothing shows nothing', () => {
    expect(kind.text('62.5', field)).toBe('62.50%')
    expect(kind.text(null, field)).toBe('')
    expect(checkField(field, '100.01')).toEqual({ code: 'too_large', limit: '100' })
    expect(checkField(field, '1.005%')).toEqual({ code: 'too_precise', limit: 2 })
  })
})
