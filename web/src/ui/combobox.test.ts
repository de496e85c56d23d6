// @vitest-environment happy-dom
import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { createI18n } from 'vue-i18n'
import { matching, type Choice } from './choice'
import Combobox from './Combobox.vue'

const ALL: Choice[] = [
  { key: 'lead', label: '新线索' },
  { key: 'quoted', label: '方案报价' },
  { key: 'won', label: '成交客户' },
]
const i18n = createI18n({ legacy: false, locale: 'zh-CN', missingWarn: false, fallbackWarn: false, messages: { 'zh-CN': {} } })
let box: VueWrapper

function show(modelValue: Choice[], more: Record<string, unknown> = {}): void {
  box = mount(Combobox, {
    props: { modelValue, inputId: 'x', load: (text: string) => matching(ALL, text), 'onUpdate:modelValue': (value: Choice[]) => box.setProps({ modelValue: value }), ...more } as never,
    global: { plugins: [i18n] },
    attachTo: document.body,
  })
}

const input = () => box.get('input')
const options = () => [...document.querySelectorAll('[role=option]')].map((one) => one.textContent?.trim())
const chosen = () => (box.props() as { modelValue: Choice[] }).modelValue.map((choice) => choice.key)
async function press(key: string): Promise<void> {
  await input().trigger('keydown', { key })
  await nextTick()
  await nextTick()
}

beforeEach(() => document.body.replaceChildren())
afterEach(() => box.unmount())

describe('combobox', () => {
  it('narrows the list as one types, and takes with Enter', async () => {
    show([])
    await input().setValue('报价')
    await nextTick()
    expect(options()).toEqual(['方案报价'])
    await press('Enter')
    expect(chosen()).toEqual(['quoted'])
    expect(options()).toEqual([])
  })

  it('opens with the arrow at what is chosen, and goes round', async () => {
    show([ALL[2]!])
    await press('ArrowDown')
    expect(input().attributes('aria-activedescendant')).toBe('x-o2')
    await press('ArrowDown')
    expect(input().attributes('aria-activedescendant')).toBe('x-o0')
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
    await input().setValue('')
    await press('Escape')
    await input().setValue('')
    await input().trigger('blur')
    expect(chosen()).toEqual([])
  })

  it('adds and drops several, Backspace the last one', async () => {
    show([ALL[0]!], { multiple: true })
    await input().setValue('成交')
    await nextTick()
    await press('Enter')
    expect(chosen()).toEqual(['lead', 'won'])
    await press('Backspace')
    expect(chosen()).toEqual(['lead'])
  })

  it('shows no answer to an old question', async () => {
    const answers: ((choices: Choice[]) => void)[] = []
    show([], { load: () => new Promise<Choice[]>((resolve) => answers.push(resolve)) })
    await input().setValue('a')
    await input().setValue('ab')
    answers[1]?.([ALL[1]!])
    answers[0]?.([ALL[0]!])
    await nextTick()
    await nextTick()
    expect(options()).toEqual(['方案报价'])
  })
})
