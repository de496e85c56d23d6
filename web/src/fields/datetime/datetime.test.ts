import { expect, it } from 'vitest'
import kind from '.'
import { fieldOf } from '../fixture'

it('shows the zone of the instance and refuses what is no instant', () => {
  expect(kind.text('2026-11-21T16:30:00.000000Z', fieldOf('datetime'))).toBe('2026-11-22 00:30')
  expect(kind.check?.('2026-11-21T16:30:00.000Z', fieldOf('datetime'))).toBeNull()
  expect(kind.check?.('tomorrow', fieldOf('datetime'))).toEqual({ code: 'not_an_instant' })
})
