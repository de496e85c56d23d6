/** Blocks of cells as spreadsheets put them on the clipboard: lines and tabs, and the same as a table of HTML. */

const quoted = (text: string) => (/["\t\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text)

export function printBlock(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => cells.map(quoted).join('\t')).join('\r\n')
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string) => text.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign).replace(/\r?\n/g, '<br>')

/** `text[c]`: the column holds words and codes, which a spreadsheet must neither reckon with nor take for a formula. */
export function printTable(rows: readonly (readonly string[])[], text: readonly boolean[]): string {
  const cell = (value: string, at: number) => `<td${text[at] ? ' style="mso-number-format:\'\\@\'"' : ''}>${escaped(value)}</td>`
  return `<table>${rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`).join('')}</table>`
}

/** Lines and tabs to cells. A cell in quotes may hold both; the last line may or may not end with a break. */
export function parseBlock(text: string): string[][] {
  const rows: string[][] = [[]]
  let at = 0
  while (at < text.length) {
    const row = rows[rows.length - 1]!
    let cell = ''
    const close = text[at] === '"' ? closing(text, at) : -1
    if (close > 0) {
      cell = text.slice(at + 1, close).replace(/""/g, '"')
      at = close + 1
    } else {
      while (at < text.length && !'\t\r\n'.includes(text[at]!)) cell += text[at++]
    }
    row.push(cell)
    if (text[at] === '\t') {
      at++
      if (at === text.length) row.push('')
    } else if (at < text.length) {
      at += text.startsWith('\r\n', at) ? 2 : 1
      if (at < text.length) rows.push([])
    }
  }
  if (rows.length === 1 && rows[0]!.length === 0) return []
  // An empty line is a line with one empty cell.
  return rows.map((row) => (row.length === 0 ? [''] : row))
}

/** Where a cell that begins with a quote ends; -1 where the quote is only a sign of the text. */
function closing(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] !== '"') continue
    if (text[at + 1] === '"') at++
    else return at + 1 === text.length || '\t\r\n'.includes(text[at + 1]!) ? at : -1
  }
  return -1
}
