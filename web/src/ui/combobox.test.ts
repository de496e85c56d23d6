// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp, h, nextTick, ref, type App } from 'vue'
import { createI18n } from 'vue-i18n'
import { matching, type Choice } from './choice'
import Combobox from './Combobox.vue'

const ALL: Choice[] = [
  { key: 'lead', label: '新线索' },
  { key: 'quoted', label: '方案报价' },
  { key: 'won', label: '成交客户' },
]
const i18n = createI18n({ legacy: false, locale: 'zh-CN', missingWarn: false, fallbackWarn: false, messages: { 'zh-CN': {} } })
let app: App
const value = ref<Choice[]>([])

function show(chosen: Choice[], more: Record<string, unknown> = {}): void {
  value.value = chosen
  const load = (text: string) => matching(ALL, text)
  app = createApp(() => h(Combobox, { load, inputId: 'x', modelValue: value.value, 'onUpdate:modelValue': (now: Choice[]) => (value.value = now), ...more }))
  app.use(i18n)
  app.mount(document.body.appendChild(document.createElement('div')))
}

const input = () => document.querySelector('input')!
const options = () => [...document.querySelectorAll('[role=option]')].map((one) => one.textContent?.trim())
const chosen = () => value.value.map((choice) => choice.key)
const active = () => input().getAttribute('aria-activedescendant')
const settled = async () => {
  for (let turn = 0; turn < 3; turn++) await nextTick()
}

async function press(key: string): Promise<void> {
  input().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
  await settled()
}

async function type(text: string): Promise<void> {
  input().value = text
  input().dispatchEvent(new Event('input', { bubbles: true }))
  await settled()
}

beforeEach(() => document.body.replaceChildren())
afterEach(() => app.unmount())

describe('combobox', () => {
  it('narrows the list as one types, and takes with Enter', async () => {
    show([])
    await type('报价')
    expect(options()).toEqual(['方案报价'])
    await press('Enter')
    expect(chosen()).toEqual(['quoted'])
    expect(options()).toEqual([])
  })

  it('opens with the arrow at what is chosen, and goes round', async () => {
    show([ALL[2]!])
    await press('ArrowDown')
    expect(active()).toBe('x-o2')
    await press('ArrowDown')
    expect(active()).toBe('x-o0')
    await press('Enter')
    expect(chosen()).toEqual(['lead'])
  })

  it('closes with Esc, keeps the value, and lets nobody else hear of it', async () => {
    show([ALL[0]!])
    let heard = 0
    document.addEventListener('keydown', () => heard++, { once: true })
    await press('ArrowDown')
    heard = 0
    await press('Escape')
    expect([options(), chosen(), heard]).toEqual([[], ['lead'], 0])
  })

  it('is emptied by emptying the box', async () => {
    show([ALL[0]!])
    await type('')
    await press('Escape')
    await type('')
    input().dispatchEvent(new FocusEvent('blur'))
    await settled()
    expect(chosen()).toEqual([])
  })

  it('adds and drops several, Backspace the last one', async () => {
    show([ALL[0]!], { multiple: true })
    await type('成交')
    await press('Enter')
    expect(chosen()).toEqual(['lead', 'won'])
    await press('Backspace')
    expect(chosen()).toEqual(['lead'])
  })

  it('shows no answer to an old question', async () => {
    const answers: ((choices: Choice[]) => void)[] = []
    show([], { load: () => new Promise<Choice[]>((resolve) => answers.push(resolve)) })
    await type('a')
    await type('ab')
    answers[1]?.([ALL[1]!])
    answers[0]?.([ALL[0]!])
    await settled()
    expect(options()).toEqual(['方案报价'])
  })
})
