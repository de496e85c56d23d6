import { expect, it } from 'vitest'
import { choicesOf } from '../choice'
import { fieldOf, STAGES } from '../fixture'
import kind from '.'

it('several choices stand in the order of the definition, as pills; a retired one stays where it is chosen', () => {
  const field = fieldOf('choices', { options: STAGES })
  expect(kind.text(['won', 'lead'], field)).toBe('新线索、成交客户')
  expect(kind.text(['old', 'won'], field)).toBe('成交客户、旧阶段')
  expect(JSON.stringify(kind.cell?.(['won'], field))).toContain('pill-green')
  expect(choicesOf(field, ['old']).map((choice) => choice.key)).toEqual(['lead', 'won', 'old'])
  expect(choicesOf(field, ['won']).map((choice) => choice.key)).toEqual(['lead', 'won'])
  expect(kind.check?.(['won', 'gone'], field)).toEqual({ code: 'not_an_option' })
})
