import { expect, it } from 'vitest'
import { matching } from '@/ui/choice'
import kind from '.'
import { fieldOf } from '../fixture'

it('is found by name and by code', () => {
  const field = fieldOf('region', { options: [{ key: '330000', label: '浙江省' }, { key: '330100', label: '浙江省杭州市' }] })
  expect(kind.text('330100', field)).toBe('浙江省杭州市')
  expect(kind.check?.('999999', field)).toEqual({ code: 'not_an_option' })
  const choices = [{ key: '330000', label: '浙江省', hint: '330000' }, { key: '330100', label: '浙江省杭州市', hint: '330100' }]
  expect(matching(choices, '杭州').map((choice) => choice.key)).toEqual(['330100'])
  expect(matching(choices, '3301').map((choice) => choice.key)).toEqual(['330100'])
})
