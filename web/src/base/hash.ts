/**
 * The hash of a window's state (docs/live-protocol.md): for each item the text `id|version`, hashed by FNV-1a in 32
 * bits from two offsets; the sums over all items, each as 8 hexadecimal digits. It does not depend on the order.
 */
const PRIME = 0x01000193
const OFFSETS = [0x811c9dc5, 0x9b6d3f21] as const
const utf8 = new TextEncoder()

function fnv(offset: number, bytes: Uint8Array): number {
  let hash = offset
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME)
  return hash >>> 0
}

const hex = (n: number) => n.toString(16).padStart(8, '0')

export function stateHash(items: Iterable<{ id: string; version: string }>): string {
  const sums: [number, number] = [0, 0]
  for (const item of items) {
    const bytes = utf8.encode(`${item.id}|${item.version}`)
    sums[0] = (sums[0] + fnv(OFFSETS[0], bytes)) >>> 0
    sums[1] = (sums[1] + fnv(OFFSETS[1], bytes)) >>> 0
  }
  return hex(sums[0]) + hex(sums[1])
}
