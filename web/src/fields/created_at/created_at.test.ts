import { describe, expect, it } from 'vitest'
import { kindOf } from '..'
import { likeOf, opsOf } from '../conditions/condition'
import { fieldOf } from '../fixture'

describe("the server's own fields", () => {
  it('are shown and asked as what they are', () => {
    expect(kindOf({ type: 'changed_at' }).text('2026-11-21T16:30:00.000000Z', fieldOf('changed_at'))).toBe('2026-11-22 00:30')
    expect(kindOf({ type: 'created_by' }).text({ id: '7', title: '林晓雯' }, fieldOf('created_by'))).toBe('林晓雯')
    expect(opsOf('created_at')).toEqual(opsOf('datetime'))
    expect([likeOf('changed_by'), likeOf('money')]).toEqual(['member', 'money'])
  })
})
