import { describe, expect, it, vi } from 'vitest'
import { ApiError, asApiError, isCancelled, problemOf } from './problem'

describe('problems', () => {
  it('takes the key from the end of the type', () => {
    const body = { type: '/problems/invalid', title: 'x', status: 422, request: 'r1', errors: [{ field: 'phone', code: 'not_a_phone' }] }
    const error = problemOf(422, body, null)
    expect(error.key).toBe('invalid')
    expect(error.request).toBe('r1')
    expect(error.faults).toEqual([{ field: 'phone', code: 'not_a_phone' }])
    expect(error.passing).toBe(false)
  })

  it('gives a meaning to answers that are no problem documents', () => {
    expect(problemOf(502, '<html>', null).key).toBe('unavailable')
    expect(problemOf(401, null, null).key).toBe('login_needed')
    expect(problemOf(418, null, null).key).toBe('internal')
    expect(problemOf(503, { type: 'about:blank' }, '5').key).toBe('unavailable')
  })

  it('believes only a sane Retry-After', () => {
    expect(problemOf(429, null, '30').retryAfter).toBe(30)
    expect(problemOf(429, null, 'Sun, 22 Nov 2026 00:00:00 GMT').retryAfter).toBe(0)
    expect(problemOf(429, null, '30').passing).toBe(true)
  })

  it('is not misled by members of the wrong kind', () => {
    const error = problemOf(422, { type: 5, errors: 'no', conflicts: {} }, null)
    expect(error.key).toBe('invalid')
    expect(error.faults).toEqual([])
    expect(error.conflicts).toEqual([])
  })

  it('turns anything thrown into an error, and says so', () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    expect(asApiError(new TypeError('oops')).key).toBe('internal')
    expect(said).toHaveBeenCalled()
    expect(isCancelled(new ApiError({ type: 'cancelled', status: 0 }))).toBe(true)
  })
})
