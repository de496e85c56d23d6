import { expect, it } from 'vitest'
import kind from '.'
import { fieldOf } from '../fixture'

it('refuses days that there are not', () => {
  expect(kind.check?.('2026-02-28', fieldOf('date'))).toBeNull()
  expect(kind.check?.('2026-02-30', fieldOf('date'))).toEqual({ code: 'not_a_date' })
})
