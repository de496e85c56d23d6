import { expect, it } from 'vitest'
import kind, { phoneOf } from '.'
import { fieldOf } from '../fixture'

it.each([
  ['13800138000', '13800138000'],
  ['+86 138 0013 8000', '13800138000'],
  ['138-0013-8000', '13800138000'],
  ['１３８００１３８０００', '13800138000'],
  ['0571-88888888', '0571-88888888'],
  ['057188888888', '0571-88888888'],
  ['(010) 62345678', '010-62345678'],
  ['02162345678转801', '021-62345678-801'],
  ['0571-8888888-12', '0571-8888888-12'],
  ['400-800-1234', '4008001234'],
])('takes %s for %s', (typed, stored) => expect(phoneOf(typed)).toBe(stored))

it.each(['', '123', '12345678901', '138001380001', '138****8000', '88888888', 'phone', '0571-08888888', '+1 212 555 0100'])(
  'refuses %s',
  (typed) => expect(phoneOf(typed)).toBeNull(),
)

it('is sent as it is stored', () => {
  expect(kind.request?.('(010) 62345678')).toBe('010-62345678')
  expect(kind.check?.('123', fieldOf('phone'))).toEqual({ code: 'not_a_phone' })
})
