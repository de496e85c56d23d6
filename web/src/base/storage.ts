/**
 * Small settings kept in the browser: never a customer's data. Storage may be full or forbidden by policy; the
 * product then works as if nothing had been kept.
 */

export function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(`tidemark.${key}`, typeof value === 'string' ? value : JSON.stringify(value))
  } catch {
    // Nothing to do: see above.
  }
}

export function kept(key: string): string | null {
  try {
    return localStorage.getItem(`tidemark.${key}`)
  } catch {
    return null
  }
}

export function keptJson(key: string): unknown {
  try {
    return JSON.parse(kept(key) ?? 'null')
  } catch {
    return null
  }
}
