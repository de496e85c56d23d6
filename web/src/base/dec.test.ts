import { describe, expect, it } from 'vitest'
import { decCompare, decFromInput, decGroup, decParse, decPrint, decScale, decShort, decAdd, decDivide } from './dec'

describe('decimals', () => {
  it('keeps every digit of what it reads', () => {
    const big = '123456789012345678901234567890.1234567890'
    expect(decPrint(decParse(big)!)).toBe('123456789012345678901234567890.123456789')
    expect(decParse('0x10')).toBeNull()
    expect(decParse('1e5')).toBeNull()
    expect(decParse('')).toBeNull()
  })

  it('understands amounts as people type and paste them', () => {
    expect(decFromInput('¥1,200,000.50')).toBe('1200000.5')
    expect(decFromInput('１２３．４')).toBe('123.4')
    expect(decFromInput('120万')).toBe('1200000')
    expect(decFromInput('1.5亿')).toBe('150000000')
    expect(decFromInput('0.000012万')).toBe('0.12')
    expect(decFromInput('.5')).toBe('0.5')
    expect(decFromInput('-0')).toBe('0')
    expect(decFromInput('abc')).toBeNull()
    expect(decFromInput('1.2.3')).toBeNull()
    expect(decFromInput('万')).toBeNull()
  })

  it('groups, pads and rounds half away from zero', () => {
    expect(decGroup('1234567.8', 2)).toBe('1,234,567.80')
    expect(decGroup('999.995', 2)).toBe('1,000.00')
    expect(decGroup('-1234.005', 2)).toBe('-1,234.01')
    expect(decGroup('-0.001', 2)).toBe('0.00')
    expect(decGroup('9007199254740993', 0)).toBe('9,007,199,254,740,993')
    expect(decGroup('no number')).toBe('no number')
  })

  it('says 万 and 亿 where people expect them', () => {
    expect(decShort('9999.99')).toEqual({ text: '9,999.99', unit: '' })
    expect(decShort('10000')).toEqual({ text: '1', unit: 'wan' })
    expect(decShort('12345678.90')).toEqual({ text: '1,234.57', unit: 'wan' })
    expect(decShort('1234567890')).toEqual({ text: '12.35', unit: 'yi' })
    expect(decShort('-50000')).toEqual({ text: '-5', unit: 'wan' })
    expect(decShort('10050')).toEqual({ text: '1.01', unit: 'wan' })
  })

  it('compares by value, whatever the length', () => {
    expect(decCompare('10', '9.999')).toBe(1)
    expect(decCompare('-10', '-9')).toBe(-1)
    expect(decCompare('1.50', '1.5')).toBe(0)
    expect(decCompare('-0', '0')).toBe(0)
    expect(decCompare('99999999999999999998', '99999999999999999999')).toBe(-1)
    expect(decScale('1.2300')).toBe(2)
  })
})

describe('sums and averages', () => {
  it('lose nothing', () => {
    expect(decAdd('0.1', '0.2')).toBe('0.3')
    expect(decAdd('99999999999999999.99', '0.01')).toBe('100000000000000000')
    expect(decAdd('-1.50', '1.5')).toBe('0')
    expect(decAdd('-2', '0.5')).toBe('-1.5')
    expect(decAdd('1', 'x')).toBeNull()
  })

  it('round half away from zero', () => {
    expect(decDivide('10', 3, 2)).toBe('3.33')
    expect(decDivide('20', 3, 2)).toBe('6.67')
    expect(decDivide('0.01', 2, 2)).toBe('0.01')
    expect(decDivide('-0.01', 2, 2)).toBe('-0.01')
    expect(decDivide('0', 7, 2)).toBe('0')
  })
})
