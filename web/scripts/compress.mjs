// Puts a .br and a .gz beside each text file of the build, so that the server sends ready bytes, and tells the weight
// of the first load (log-in and list).
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const LEAST = 256
const weight = {}

for (const path of readdirSync(dist, { recursive: true })) {
  const file = join(dist, path)
  if (!/\.(html|js|css|svg|json|txt|map)$/.test(path) || !statSync(file).isFile()) continue
  const bytes = readFileSync(file)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  const br = brotliCompressSync(bytes, { params })
  const gz = gzipSync(bytes, { level: 9 })
  weight[path] = Math.min(br.length, bytes.length)
  if (bytes.length < LEAST) continue
  if (br.length < bytes.length) writeFileSync(`${file}.br`, br)
  if (gz.length < bytes.length) writeFileSync(`${file}.gz`, gz)
}

const html = readFileSync(join(dist, 'index.html'), 'utf8')
const first = Object.keys(weight).filter((path) => path === 'index.html' || html.includes(`/${path}"`) || /assets\/(zh-CN|en-US)-/.test(path))
const total = first.reduce((sum, path) => sum + weight[path], 0)
for (const path of first) console.log(`${String(weight[path]).padStart(8)}  ${path}`)
console.log(`first load: ${(total / 1024).toFixed(1)} KB compressed (both languages counted)`)
