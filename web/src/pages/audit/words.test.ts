import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '@/base/contract'
import { viewWord } from './words'

const event = (detail: AuditEvent['detail']): AuditEvent => ({ action: 'list', detail }) as AuditEvent

describe('views in the log', () => {
  it('says what became of a view', () => {
    const said = [{ live: 'open' }, { live: 'digest' }, { live: 'close' }, { live: 'close', reason: 'killed' }].map((detail) => viewWord(event(detail)))
    expect(said).toEqual(['liveOpen', 'liveDigest', 'liveClose', 'liveKilled'])
  })

  it('says nothing of other events', () => {
    expect([event(null), event('text'), event({ what: 'statement' })].map(viewWord)).toEqual(['', '', ''])
  })
})
