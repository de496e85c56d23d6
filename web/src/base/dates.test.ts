import { describe, expect, it } from 'vitest'
import { dateAdd, dateFromInput, dayEnd, dayStart, instantFromInput, instantText, isDate, relativeText, today } from './dates'

describe('dates', () => {
  it('knows which days there are', () => {
    expect(isDate('2024-02-29')).toBe(true)
    expect(isDate('2023-02-29')).toBe(false)
    expect(isDate('2026-13-01')).toBe(false)
    expect(isDate('2026-1-1')).toBe(false)
  })

  it('reads dates as people type them', () => {
    for (const typed of ['2026-01-02', '2026/1/2', '2026.1.2', '20260102', '2026年1月2日', '２０２６－１－２']) {
      expect(dateFromInput(typed), typed).toBe('2026-01-02')
    }
    expect(dateFromInput('2026-02-30')).toBeNull()
    expect(dateFromInput('yesterday')).toBeNull()
  })

  it('shows instants in the zone of the instance, not of the machine', () => {
    expect(instantText('2026-11-21T16:00:05.123456Z', true)).toBe('2026-11-22 00:00:05')
    expect(instantText('2026-11-21T15:59:59Z')).toBe('2026-11-21 23:59')
    expect(instantText('no instant')).toBe('no instant')
  })

  it('takes back what it shows', () => {
    expect(instantFromInput('2026-11-22 00:00')).toBe('2026-11-21T16:00:00.000Z')
    expect(instantFromInput('2026-11-22 9:05:07')).toBe('2026-11-22T01:05:07.000Z')
    expect(instantFromInput('2026-11-22')).toBe('2026-11-21T16:00:00.000Z')
    expect(instantFromInput('2026-11-22 24:00')).toBeNull()
    expect(instantFromInput('2026-11-22 morning')).toBeNull()
  })

  it('knows a day from its first to its last instant', () => {
    expect(dayStart('2026-11-22')).toBe('2026-11-21T16:00:00.000Z')
    expect(dayEnd('2026-11-22')).toBe('2026-11-22T15:59:59.999Z')
    expect(today(Date.parse('2026-11-21T16:30:00Z'))).toBe('2026-11-22')
    expect(dateAdd('2026-03-01', -1)).toBe('2026-02-28')
  })

  it('says how long ago', () => {
    const now = Date.parse('2026-11-22T10:00:00Z')
    expect(relativeText('2026-11-22T09:57:00Z', 'en-US', now)).toBe('3 minutes ago')
    expect(relativeText('2026-11-21T10:00:00Z', 'zh-CN', now)).toBe('昨天')
  })
})
