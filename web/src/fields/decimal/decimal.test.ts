import { expect, it } from 'vitest'
import { checkField, requestValue } from '..'
import { fieldOf } from '../fixture'
import kind from '.'

it('a decimal has the places of its field and loses no digit', () => {
  const field = fieldOf('decimal', { scale: '4', min: '-1' })
  expect(kind.text('1234.5', field)).toBe('1,234.5000')
  expect(requestValue(field, '１，２３４.５００１')).toBe('1234.5001')
  expect(checkField(field, '0.00001')).toEqual({ code: 'too_precise', limit: 4 })
  expect(checkField(field, '-1.0001')).toEqual({ code: 'too_small', limit: '-1' })
  expect(checkField(field, 'many')).toEqual({ code: 'not_a_number' })
})
