/** WCAG AA, computed from the tokens themselves: 4.5 for text, 3 for what one must see to use (edges of inputs, focus). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync('src/app/tokens.css', 'utf8')

function tokens(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`)
  const block = css.slice(start, css.indexOf('\n}', start))
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((found) => [found[1], found[2]]))
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

const TEXT: [string, string[]][] = [
  ['text', ['bg', 'surface', 'surface-2', 'surface-3', 'hover', 'brand-faint']],
  ['text-2', ['bg', 'surface', 'surface-2', 'surface-3', 'hover']],
  ['text-3', ['bg', 'surface', 'surface-2', 'brand-faint', 'hover']],
  ['brand-ink', ['surface', 'surface-2', 'brand-soft', 'brand-faint', 'bg', 'orange-soft']],
  ['on-brand', ['brand', 'brand-strong']],
  ['on-alarm', ['alarm']],
  ...['red', 'green', 'orange', 'blue', 'cyan', 'purple', 'gray'].map((name): [string, string[]] => [name, [`${name}-soft`, 'surface']]),
]

describe.each([':root', ":root[data-theme='dark']"])('contrast in %s', (selector) => {
  const colour = tokens(selector)

  it.each(TEXT.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground] as const)))('%s on %s', (text, ground) => {
    expect(contrast(colour[text]!, colour[ground]!)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(['line-input', 'focus'])('%s can be told from the surface', (name) => {
    expect(contrast(colour[name]!, colour.surface!)).toBeGreaterThanOrEqual(3)
  })
})
