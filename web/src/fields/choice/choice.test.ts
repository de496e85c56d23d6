import { describe, expect, it } from 'vitest'
import kind, { choicesOf } from '.'
import { fieldOf, STAGES } from '../fixture'

const field = fieldOf('choice', { options: STAGES })

describe('choice', () => {
  it('shows the label, or the key of an option that nobody knows', () => {
    expect(kind.text('won', field)).toBe('成交客户')
    expect(kind.text('gone', field)).toBe('gone')
    expect(kind.check?.('gone', field)).toEqual({ code: 'not_an_option' })
  })

  it('offers retired options only where they are chosen already', () => {
    expect(choicesOf(field, null).map((choice) => choice.key)).toEqual(['lead', 'won'])
    expect(choicesOf(field, 'old').map((choice) => choice.key)).toEqual(['lead', 'won', 'old'])
  })

  it('paints only where colours tell options apart', () => {
    const plain = fieldOf('choice', { options: STAGES.map((option) => ({ ...option, color: 'gray' })) })
    expect(kind.cell?.('won', plain)).toBe('成交客户')
    expect(kind.cell?.('won', field)).toMatchObject({ type: 'span' })
  })
})
