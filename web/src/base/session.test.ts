import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useSession } from './session'

const ada = { user: { id: '1', login: 'ada', name: 'Ada', roles: [], department: null }, csrf: 't1', rights: ['audit.read'] }
let next: [number, unknown] = [200, ada]

beforeEach(() => {
  setActivePinia(createPinia())
  next = [200, ada]
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(next[0] === 204 ? null : JSON.stringify(next[1]), { status: next[0] })))
})

describe('session', () => {
  it('knows the person and their rights', async () => {
    const session = useSession()
    await session.load()
    expect([session.loggedIn, session.may('audit.read'), session.may('users.manage')]).toEqual([true, true, false])
  })

  it('takes 401 at the start for "nobody", and anything else for a failure', async () => {
    const session = useSession()
    next = [401, { type: '/problems/login_needed' }]
    await session.load()
    expect([session.known, session.loggedIn]).toEqual([true, false])
    next = [500, { type: '/problems/internal' }]
    await expect(session.load()).rejects.toMatchObject({ key: 'internal' })
  })

  it('asks once, however many requests found the session ended', async () => {
    const session = useSession()
    await session.load()
    const [first, second] = [session.loginAgain(), session.loginAgain()]
    expect(session.asking).toBe(true)
    await session.login('ada', 'secret')
    expect(await Promise.all([first, second])).toEqual([true, true])
    expect(session.asking).toBe(false)
  })

  it('asks nobody to come back who was never there', async () => {
    expect(await useSession().loginAgain()).toBe(false)
  })

  it("does not write with somebody else's page token", async () => {
    const session = useSession()
    await session.load()
    expect(await session.renewToken()).toBe(true)
    next = [200, { ...ada, user: { ...ada.user, id: '2' }, csrf: 't2' }]
    expect(await session.renewToken()).toBe(false)
    expect(session.user?.id).toBe('1')
  })
})
