import { expect, it } from 'vitest'
import { isPhone } from '.'

it.each(['13800138000', '+86 138 0013 8000', '138-0013-8000', '0571-88888888', '(010)62345678', '02162345678转801', '88888888', '4008001234', '+1 212 555 0100', '１３８００１３８０００'])(
  'takes %s for a phone number',
  (text) => expect(isPhone(text)).toBe(true),
)

it.each(['', '123', '12345678901', '138001380001', '138****8000', 'phone', '+86 12345'])('refuses %s', (text) => expect(isPhone(text)).toBe(false))
