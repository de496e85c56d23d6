import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '@/base/contract'
import { matterOf, nights } from './useMatters'

const event = (action: string, at: string, form: string | null = null) => ({ id: '1', action, at, form }) as AuditEvent

describe('what stands out in the log', () => {
  it('tells failed log-ins from other refusals', () => {
    expect(matterOf(event('refuse', '2026-11-28T02:00:00Z', '_session'))).toBe('login')
    expect(matterOf(event('refuse', '2026-11-28T02:00:00Z', 'customer'))).toBe('refuse')
    expect(matterOf(event('reveal', '2026-11-28T02:00:00Z'))).toBe('reveal')
    expect(matterOf(event('update', '2026-11-28T20:00:00Z'))).toBeNull()
  })
  it('takes log-ins by the clock of the instance', () => {
    expect(matterOf(event('login', '2026-11-28T13:59:59Z'))).toBeNull()
    expect(matterOf(event('login', '2026-11-28T14:00:00Z'))).toBe('night')
    expect(matterOf(event('login', '2026-11-28T21:59:59Z'))).toBe('night')
    expect(matterOf(event('login', '2026-11-28T22:00:00Z'))).toBeNull()
  })
  it('names the nights of a week', () => {
    expect(nights('2026-12-01').slice(0, 2)).toEqual([{ from: '2026-11-30 22:00', to: '2026-12-01 06:00' }, { from: '2026-11-29 22:00', to: '2026-11-30 06:00' }])
    expect(nights('2026-12-01')).toHaveLength(7)
  })
})
