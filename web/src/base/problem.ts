/**
 * What can go wrong with a request, as one kind of error. `key` is the last part of the problem's `type` (the keys of
 * the server's table), or one of the browser's own: `offline` (no answer came) and `cancelled` (nobody waits any more).
 */
import type { Clash, FieldFault, Problem } from './contract'

export class ApiError extends Error {
  readonly key: string
  readonly status: number
  readonly title: string
  readonly request: string
  readonly faults: FieldFault[]
  readonly conflicts: Clash[]
  /** Seconds after which trying again makes sense; 0 where the server did not say. */
  readonly retryAfter: number

  constructor(problem: Partial<Problem> & { status: number; type: string }, retryAfter = 0) {
    super(problem.title ?? problem.type)
    this.name = 'ApiError'
    this.key = lastPart(problem.type)
    this.status = problem.status
    this.title = problem.title ?? ''
    this.request = problem.request ?? ''
    this.faults = Array.isArray(problem.errors) ? problem.errors : []
    this.conflicts = Array.isArray(problem.conflicts) ? problem.conflicts : []
    this.retryAfter = retryAfter
  }

  /** True where the same request may well succeed later, without the person changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504
  }
}

function lastPart(type: string): string {
  const cut = type.split(/[/:#]/).filter((part) => part !== '')
  return cut[cut.length - 1] ?? 'internal'
}

const KEY_OF_STATUS: Record<number, string> = {
  400: 'bad_request',
  401: 'login_needed',
  403: 'forbidden',
  404: 'not_found',
  405: 'method',
  408: 'timeout',
  409: 'conflict',
  412: 'stale',
  413: 'too_large',
  415: 'media_type',
  422: 'invalid',
  428: 'precondition',
  429: 'too_many',
  431: 'headers_too_large',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
}

/** Makes the error of an answer; a proxy's page instead of a problem document still gets a meaning from its status. */
export function problemOf(status: number, body: unknown, retryAfter: string | null): ApiError {
  const seconds = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : 0
  const given = body !== null && typeof body === 'object' ? (body as Partial<Problem>) : {}
  const type = typeof given.type === 'string' && given.type !== 'about:blank' ? given.type : KEY_OF_STATUS[status]
  return new ApiError({ ...given, type: type ?? 'internal', status }, seconds)
}

export function isCancelled(error: unknown): boolean {
  return error instanceof ApiError && error.key === 'cancelled'
}

/** Anything thrown, as an ApiError: what is not one is a mistake of ours, shown as such and not hidden. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  console.error(error)
  return new ApiError({ type: 'internal', status: 500 })
}
