import { describe, expect, it } from 'vitest'
import { spanText } from './spans'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('a span of time in words', () => {
  it('says the two largest units', () => {
    expect(spanText(2 * DAY + 3 * HOUR + 59 * MINUTE, 'zh-CN')).toBe('2天 3小时')
    expect(spanText(5 * HOUR + 20 * MINUTE, 'zh-CN')).toBe('5小时 20分钟')
    expect(spanText(12 * MINUTE + 40_000, 'en-US')).toBe('12 minutes')
  })
  it('leaves out what is nothing or says nothing', () => {
    expect(spanText(3 * DAY + 5 * MINUTE, 'zh-CN')).toBe('3天')
    expect(spanText(30 * DAY + 5 * HOUR, 'zh-CN')).toBe('30天')
    expect(spanText(DAY, 'en-US')).toBe('1 day')
    expect(spanText(0, 'zh-CN')).toBe('1分钟')
  })
})
