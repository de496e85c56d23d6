// Checks the words: both languages have the same keys with the same places to fill in, every key that the program
// names is there, every key that is there is named, and the keys of errors equal those of the server's tables.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const words = Object.fromEntries(['zh-CN', 'en-US'].map((name) => [name, flat(JSON.parse(readFileSync(join(root, 'locales', `${name}.json`), 'utf8')))]))
const [zh, en] = [words['zh-CN'], words['en-US']]
const faults = []

function flat(tree, prefix = '') {
  return Object.assign({}, ...Object.entries(tree).map(([key, value]) => (typeof value === 'string' ? { [prefix + key]: value } : flat(value, `${prefix}${key}.`))))
}

// One and many stand side by side, with a bar between them: each names all places.
const placesOf = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort().join()
const places = (text) => [...new Set(text.split(' | ').map(placesOf))].join(' | ')
for (const key of new Set([...Object.keys(zh), ...Object.keys(en)])) {
  if (!(key in zh) || !(key in en)) faults.push(`${key}: missing in ${key in zh ? 'en-US' : 'zh-CN'}`)
  else if (places(zh[key]) !== places(en[key])) faults.push(`${key}: different places to fill in`)
  else if (zh[key] === '' || en[key] === '') faults.push(`${key}: empty`)
}

// What the program names: whole keys, and families such as t(`action.${key}`).
const named = new Set()
const families = new Set()
for (const path of readdirSync(join(root, 'src'), { recursive: true })) {
  if (!/\.(ts|vue)$/.test(path) || path.endsWith('.test.ts')) continue
  const text = readFileSync(join(root, 'src', path), 'utf8')
  for (const [, key] of text.matchAll(/\bte?\(\s*['"]([\w.]+)['"]/g)) named.add(key)
  for (const [, family] of text.matchAll(/\bte?\(\s*`([\w.]+\.)\$\{/g)) families.add(family)
  // A key that is chosen first and translated later.
  for (const [, family] of text.matchAll(/const key = `([\w.]+\.)\$\{/g)) families.add(family)
  for (const [, a, b] of text.matchAll(/\bt\([^'"`()]*\? '([\w.]+)' : '([\w.]+)'\)/g)) named.add(a).add(b)
}
for (const key of named) if (!(key in zh)) faults.push(`${key}: named in the program, not in the words`)
for (const key of Object.keys(zh)) {
  if (!named.has(key) && ![...families].some((family) => key.startsWith(family))) faults.push(`${key}: nobody uses it`)
}
for (const family of families) if (!Object.keys(zh).some((key) => key.startsWith(family))) faults.push(`${family}*: nothing of this family`)

const tables = join(root, '..', 'server', 'base')
if (existsSync(tables)) {
  const errors = [...readFileSync(join(tables, 'errors.def'), 'utf8').matchAll(/^E\(\w+, \d+, "(\w+)"/gm)].map((found) => found[1])
  const fieldFaults = [...readFileSync(join(tables, 'faults.def'), 'utf8').matchAll(/^F\((\w+),/gm)].map((found) => found[1].toLowerCase())
  compare('error.', new Set(errors), ['offline'])
  compare('fault.', new Set(fieldFaults), [])
}

function compare(prefix, wanted, own) {
  for (const key of wanted) if (!(prefix + key in zh)) faults.push(`${prefix}${key}: in the server's table, not in the words`)
  for (const key of Object.keys(zh)) {
    const name = key.slice(prefix.length)
    if (key.startsWith(prefix) && !wanted.has(name) && !own.includes(name)) faults.push(`${key}: not in the server's table`)
  }
}

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exit(1)
console.log(`words: ${Object.keys(zh).length} keys in 2 languages, good`)
