/** Positions `<epoch>.<n>`: those of one epoch compare by n; another epoch is another history. */

/** Whether `a` stands before `b`; false where they can not be compared. */
export function isBefore(a: string, b: string): boolean {
  const [epochA, nA] = parts(a)
  const [epochB, nB] = parts(b)
  return epochA === epochB && nA < nB
}

function parts(pos: string): [string, number] {
  const cut = pos.lastIndexOf('.')
  return [pos.slice(0, cut), Number(pos.slice(cut + 1))]
}
