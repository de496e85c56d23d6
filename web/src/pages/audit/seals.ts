/** Seals over the log, as the server gives them: each is a line that `tidemark audit verify --seal` takes as it is. */
import { call, query } from '@/base/api'

export interface Seal {
  seal: string
  size: string
  root: string
  at: string
  found: string
  gap: string | null
  key: string
  next: string | null
}
export interface Seals {
  log: string
  /** Events that have no seal yet. */
  unsealed: number
  items: Seal[]
  next: string | null
}

const PAGE = 200
/** As many as one file takes: the newest. The log itself, with all of them, is exported on the server. */
const MOST = 2000

export const newestSeal = () => call<Seals>(`/audit/seals${query({ limit: 1 })}`)

/** The newest seals as lines, oldest first. The members keep their order, so that the lines are those of an export. */
export function sealLines(seals: Seal[]): string {
  return [...seals].reverse().map((seal) => `${JSON.stringify(seal)}\n`).join('')
}

export async function newestSeals(): Promise<Seal[]> {
  const seals: Seal[] = []
  let after: string | null = null
  do {
    const page: Seals = await call<Seals>(`/audit/seals${query({ after, limit: PAGE })}`)
    seals.push(...page.items)
    after = page.next
  } while (after !== null && seals.length < MOST)
  return seals
}
