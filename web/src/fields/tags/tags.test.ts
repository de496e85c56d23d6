import { expect, it } from 'vitest'
import kind from '.'
import { fieldOf, STAGES } from '../fixture'

it('tags are several options, all of them known', () => {
  const field = fieldOf('tags', { options: STAGES })
  expect(kind.text(['won', 'lead'], field)).toBe('成交客户、新线索')
  expect(kind.text(null, field)).toBe('')
  expect(kind.check?.(['won'], field)).toBeNull()
  expect(kind.check?.(['won', 'gone'], field)).toEqual({ code: 'not_an_option' })
})
