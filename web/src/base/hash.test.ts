import { describe, expect, it } from 'vitest'
import { stateHash } from './hash'

// Computed apart from this program, from the text of docs/live-protocol.md.
const ITEMS = [
  { id: '42', version: '8' },
  { id: '7', version: 'slQqMJguTPnU6L7g' },
  { id: '382745082102548212', version: '版本' },
]

describe('the hash of a state', () => {
  it('is the sum of two FNV-1a hashes over the items', () => {
    expect(stateHash([])).toBe('0000000000000000')
    expect(stateHash(ITEMS.slice(0, 1))).toBe('f82b55cf1af6fddb')
    expect(stateHash(ITEMS)).toBe('b070834537379ab9')
  })

  it('does not depend on the order, and does on each version', () => {
    expect(stateHash([...ITEMS].reverse())).toBe(stateHash(ITEMS))
    expect(stateHash([{ id: '42', version: '9' }, ...ITEMS.slice(1)])).not.toBe(stateHash(ITEMS))
  })
})
