import { describe, expect, it } from 'vitest'
import { sealLines, type Seal } from './seals'

describe('a file of seals', () => {
  it('has a line for each, oldest first, with the bytes that the server gave', () => {
    const text = (n: number) => `{"seal":"${n}","size":"${n * 10}","root":"ab","prev":null,"at":"2026-11-28T00:00:00.000000Z","signature":"cd"}`
    const given = JSON.parse(`[${text(2)},${text(1)}]`) as Seal[]
    expect(sealLines(given)).toBe(`${text(1)}\n${text(2)}\n`)
  })
})
