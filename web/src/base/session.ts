/** Who is logged in, and with which general rights. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { call, setCsrf } from './api'
import type { Session, User } from './contract'
import { ApiError } from './problem'
import { keep } from './storage'

/** Tells the other tabs of this browser who is logged in: they share the cookie. */
const WHO = 'who'

export const useSession = defineStore('session', () => {
  const user = shallowRef<User | null>(null)
  const rights = ref<string[]>([])
  /** A first password was used: one's own has to be chosen before anything else. */
  const mustChange = ref(false)
  const passwordChars = ref(12)
  /** The server has told whether somebody is logged in. */
  const known = ref(false)
  /** Somebody is asked to log in again over the page. */
  const asking = ref(false)
  let answer: ((again: boolean) => void) | null = null
  let question: Promise<boolean> | null = null

  const loggedIn = computed(() => user.value !== null)
  const may = (right: string) => rights.value.includes(right)

  function take(session: Session): void {
    user.value = session.user
    rights.value = session.rights ?? []
    mustChange.value = session.must_change_password === true
    passwordChars.value = session.password_chars ?? passwordChars.value
    setCsrf(session.csrf)
    known.value = true
    keep(WHO, session.user.id)
  }

  function forget(): void {
    user.value = null
    rights.value = []
    mustChange.value = false
    setCsrf('')
  }

  async function load(): Promise<void> {
    try {
      take(await call<Session>('/session', { ownLogin: true }))
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      forget()
      known.value = true
    }
  }

  /**
   * The page token was refused: another tab may have logged in anew, which changes the token but not the person's
   * right to go on. Somebody else's token is not for this page.
   */
  async function renewToken(): Promise<boolean> {
    try {
      const session = await call<Session>('/session', { ownLogin: true })
      if (session.user.id !== user.value?.id) return false
      take(session)
      return true
    } catch {
      return false
    }
  }

  async function login(name: string, password: string): Promise<void> {
    const body = { login: name, password }
    take(await call<Session>('/session', { method: 'POST', body, ownLogin: true }))
    settle(true)
  }

  /** All sessions of the person end, this one too; the answer is a new one. */
  async function changePassword(password: string, wanted: string): Promise<void> {
    take(await call<Session>('/session/password', { method: 'PUT', body: { password, new: wanted }, ownLogin: true }))
  }

  async function logout(): Promise<void> {
    try {
      await call('/session', { method: 'DELETE', ownLogin: true })
    } catch (error) {
      // A session that has ended already is as good as one that was ended now.
      if (!(error instanceof ApiError) || error.status !== 401) throw error
    }
    forget()
    keep(WHO, '')
  }

  /** The session has ended under the page: all requests that find so wait for the same dialog. */
  function loginAgain(): Promise<boolean> {
    if (user.value === null) return Promise.resolve(false)
    question ??= new Promise<boolean>((resolve) => {
      answer = resolve
      asking.value = true
    })
    return question
  }

  function settle(again: boolean): void {
    asking.value = false
    answer?.(again)
    answer = null
    question = null
  }

  /** Another tab has logged in as somebody else, or out: what this one shows is not theirs. */
  function watchOtherTabs(leave: () => void): void {
    window.addEventListener('storage', (event) => {
      if (event.key === `tidemark.${WHO}` && user.value !== null && event.newValue !== user.value.id) leave()
    })
  }

  return { user, rights, mustChange, passwordChars, known, asking, loggedIn, may, load, login, logout, changePassword, loginAgain, renewToken, settle, forget, watchOtherTabs }
})
