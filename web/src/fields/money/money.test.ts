import { describe, expect, it } from 'vitest'
import kind from '.'
import { fieldOf } from '../fixture'

const field = fieldOf('money', { scale: '2', min: '0', max: '1000000' })

describe('money', () => {
  it('shows places and separators, and hides no digit', () => {
    expect(kind.text('1234567.5', field)).toBe('1,234,567.50')
    expect(kind.text('0.125', field)).toBe('0.125')
    expect(kind.text(null, field)).toBe('')
  })

  it('checks number, places and bounds exactly', () => {
    expect(kind.check?.('12a', field)).toEqual({ code: 'not_a_number' })
    expect(kind.check?.('1.005', field)).toEqual({ code: 'too_precise', limit: 2 })
    expect(kind.check?.('1.500', field)).toBeNull()
    expect(kind.check?.('-0.01', field)).toEqual({ code: 'too_small', limit: '0' })
    expect(kind.check?.('1000000.01', field)).toEqual({ code: 'too_large', limit: '1,000,000' })
    expect(kind.check?.('1000000.00', field)).toBeNull()
  })

  it('gives the short form on the record page', () => {
    const t = (key: string, values?: Record<string, unknown>) => `${key}:${String(values?.n)}`
    expect(JSON.stringify(kind.read?.('12345678', field, t))).toContain('unit.wan:1,234.57')
    expect(kind.read?.('99', field, t)).toBe('99.00')
  })
})
