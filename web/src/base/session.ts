/** Who is logged in, and with which general rights. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { call, setCsrf } from './api'
import type { Session, User } from './contract'
import { ApiError } from './problem'

export const useSession = defineStore('session', () => {
  const user = shallowRef<User | null>(null)
  const rights = ref<string[]>([])
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
    setCsrf(session.csrf)
    known.value = true
  }

  function forget(): void {
    user.value = null
    rights.value = []
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

  async function login(name: string, password: string): Promise<void> {
    const body = { login: name, password }
    take(await call<Session>('/session', { method: 'POST', body, ownLogin: true }))
    settle(true)
  }

  async function logout(): Promise<void> {
    try {
      await call('/session', { method: 'DELETE', ownLogin: true })
    } catch (error) {
      // A session that has ended already is as good as one that was ended now.
      if (!(error instanceof ApiError) || error.status !== 401) throw error
    }
    forget()
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

  return { user, rights, known, asking, loggedIn, may, load, login, logout, loginAgain, settle, forget }
})
