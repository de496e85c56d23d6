// Checks that imports only ever point downwards: base -> ui -> fields, table -> pages -> app, and that files stay short.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../src', import.meta.url))
// The table knows kinds of fields; fields know no table.
const MAY = {
  base: ['base'],
  ui: ['ui', 'base'],
  fields: ['fields', 'ui', 'base'],
  table: ['table', 'fields', 'ui', 'base'],
  pages: ['pages', 'table', 'fields', 'ui', 'base'],
  app: ['app', 'pages', 'table', 'fields', 'ui', 'base'],
}
const WALL = 300
const faults = []

for (const path of readdirSync(src, { recursive: true })) {
  if (!/\.(ts|vue)$/.test(path)) continue
  const file = join(src, path)
  const text = readFileSync(file, 'utf8')
  const room = path.split('/')[0]
  if (!(room in MAY)) {
    faults.push(`${path}: no room named ${room}`)
    continue
  }
  const lines = text.split('\n').length - 1
  if (lines > WALL) faults.push(`${path}: ${lines} lines, the wall is ${WALL}`)
  if (/\bv-html\b|\binnerHTML\b/.test(text)) faults.push(`${path}: markup from data; text only`)
  for (const [, wanted] of text.matchAll(/(?:from|import)\s*\(?\s*['"]((?:@\/|\.)[^'"]*)['"]/g)) {
    const target = wanted.startsWith('@/') ? wanted.slice(2) : relative(src, resolve(dirname(file), wanted))
    const other = target.split('/')[0]
    if (target.startsWith('..') || !MAY[room].includes(other)) faults.push(`${path}: imports ${wanted}, above or beside it`)
  }
}

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exit(1)
console.log('floors: good')
