/**
 * The one way to the server. Adds what each request needs (language, page token), turns every failure into an
 * ApiError, reports the connection's state, and lets the page log in again where the session has ended meanwhile:
 * the request then goes on as if nothing had happened, so that nothing typed is lost.
 */
import { heardTime } from './clock'
import { reportAnswer, reportLoss } from './link'
import { ApiError, problemOf } from './problem'

const BASE = '/api/v1'
const PATIENCE_MS = 30000

export interface CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  /** A 401 is the caller's own business (log-in itself, the first look at the session). */
  ownLogin?: boolean
}

interface Hooks {
  language: () => string
  /** Asks the person to log in again; resolves to false where they would rather leave. */
  loginAgain: () => Promise<boolean>
  /** Fetches a fresh page token; false where there is none for this person. */
  renewToken: () => Promise<boolean>
}

let csrf = ''
let hooks: Hooks = {
  language: () => 'zh-CN',
  loginAgain: () => Promise.resolve(false),
  renewToken: () => Promise.resolve(false),
}

export function setApiHooks(given: Hooks): void {
  hooks = given
}

export function setCsrf(token: string): void {
  csrf = token
}

export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  try {
    return await callOnce<T>(path, options)
  } catch (error) {
    if (!(error instanceof ApiError) || options.ownLogin) throw error
    if (error.status === 401 && (await hooks.loginAgain())) return callOnce<T>(path, options)
    if (error.key === 'csrf' && (await hooks.renewToken())) return callOnce<T>(path, options)
    throw error
  }
}

async function callOnce<T>(path: string, options: CallOptions): Promise<T> {
  const method = options.method ?? 'GET'
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': hooks.language() }
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json'
    if (csrf !== '') headers['X-CSRF-Token'] = csrf
  }
  Object.assign(headers, options.headers)

  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS)
  const giveUp = () => patience.abort()
  options.signal?.addEventListener('abort', giveUp)
  try {
    if (options.signal?.aborted) throw new ApiError({ type: 'cancelled', status: 0 })
    const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store', signal: patience.signal }
    if (options.body !== undefined) init.body = JSON.stringify(options.body)
    const response = await fetch(BASE + path, init)
    heardTime(response.headers.get('Date'))
    return await read<T>(response)
  } catch (error) {
    if (error instanceof ApiError) throw error
    if (options.signal?.aborted) throw new ApiError({ type: 'cancelled', status: 0 })
    reportLoss('offline')
    throw new ApiError({ type: patience.signal.aborted ? 'timeout' : 'offline', status: 0 })
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', giveUp)
  }
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text()
  let body: unknown = null
  let parsed = true
  if (text !== '') {
    try {
      body = JSON.parse(text)
    } catch {
      parsed = false
    }
  }
  if (response.ok && parsed) {
    reportAnswer()
    return body as T
  }
  if (response.ok) throw new ApiError({ type: 'internal', status: 500 })
  if (response.status >= 502 && response.status <= 504) reportLoss('unavailable')
  else reportAnswer()
  throw problemOf(response.status, body, response.headers.get('Retry-After'))
}

/** Query text without the empty ones, so that addresses stay short and comparable. */
export function query(params: Record<string, string | number | null | undefined>): string {
  const text = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== '') text.set(name, String(value))
  }
  const out = text.toString()
  return out === '' ? '' : `?${out}`
}
