import { beforeEach, describe, expect, it, vi } from 'vitest'
import { call, query, setApiHooks, setCsrf } from './api'
import { link } from './link'

const quiet = { language: () => 'zh-CN', loginAgain: () => Promise.resolve(false), renewToken: () => Promise.resolve(false) }
const answers: (Response | Error)[] = []
const asked: { url: string; init: RequestInit }[] = []

function answer(status: number, body: unknown, headers: Record<string, string> = {}): void {
  answers.push(new Response(status === 204 ? null : JSON.stringify(body), { status, headers }))
}

beforeEach(() => {
  answers.length = 0
  asked.length = 0
  setCsrf('token-1')
  setApiHooks(quiet)
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    asked.push({ url, init })
    const next = answers.shift()
    return next instanceof Error || next === undefined ? Promise.reject(next ?? new Error('nothing')) : Promise.resolve(next)
  })
})

const header = (at: number, name: string) => (asked[at]?.init.headers as Record<string, string>)[name]

describe('requests', () => {
  it('carry language and, where they change something, the page token', async () => {
    answer(200, { a: 1 })
    answer(201, { b: 2 })
    expect(await call('/forms')).toEqual({ a: 1 })
    await call('/forms/customer/records', { method: 'POST', body: { fields: {} } })
    expect(header(0, 'Accept-Language')).toBe('zh-CN')
    expect(header(0, 'X-CSRF-Token')).toBeUndefined()
    expect(header(1, 'X-CSRF-Token')).toBe('token-1')
    expect(header(1, 'Content-Type')).toBe('application/json')
  })

  it('go on after a new log-in, with the new token', async () => {
    answer(401, { type: '/problems/login_needed', status: 401 })
    answer(200, { saved: true })
    setApiHooks({
      ...quiet,
      loginAgain: () => {
        setCsrf('token-2')
        return Promise.resolve(true)
      },
    })
    expect(await call('/x', { method: 'PATCH', body: {} })).toEqual({ saved: true })
    expect(header(1, 'X-CSRF-Token')).toBe('token-2')
  })

  it('fail with 401 where the person would rather leave, and are not sent twice', async () => {
    answer(401, { type: '/problems/login_needed', status: 401 })
    await expect(call('/x')).rejects.toMatchObject({ status: 401, key: 'login_needed' })
    expect(asked).toHaveLength(1)
  })

  it('go on with a fresh page token when theirs is stale, once', async () => {
    answer(403, { type: '/problems/csrf', status: 403 })
    answer(403, { type: '/problems/csrf', status: 403 })
    let renewed = 0
    setApiHooks({ ...quiet, renewToken: () => Promise.resolve((setCsrf(`token-${++renewed}9`), true)) })
    await expect(call('/x', { method: 'POST', body: {} })).rejects.toMatchObject({ key: 'csrf' })
    expect([renewed, header(1, 'X-CSRF-Token')]).toEqual([1, 'token-19'])
  })

  it('say offline when nobody answers, and online again with the next answer', async () => {
    answers.push(new TypeError('failed to fetch'))
    await expect(call('/x')).rejects.toMatchObject({ key: 'offline', passing: true })
    expect(link.link).toBe('offline')
    answer(204, null)
    await call('/y', { method: 'DELETE' })
    expect(link.link).toBe('online')
  })

  it('end as cancelled when nobody waits any more', async () => {
    const stop = new AbortController()
    stop.abort()
    await expect(call('/x', { signal: stop.signal })).rejects.toMatchObject({ key: 'cancelled' })
    expect(asked).toHaveLength(0)
  })

  it('leave empty parameters out of the address', () => {
    expect(query({ q: '', sort: null, limit: 5, after: undefined })).toBe('?limit=5')
    expect(query({ q: 'a&b' })).toBe('?q=a%26b')
    expect(query({})).toBe('')
  })
})
