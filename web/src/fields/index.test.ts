import { describe, expect, it } from 'vitest'
import { checkField, kindOf, requestValue, sameValue, titleOf, valueFromText } from '.'
import { fieldOf, STAGES } from './fixture'

describe('kinds of fields', () => {
  it('are found by type; one that is not known is shown as it is', () => {
    expect(kindOf({ type: 'money' }).align).toBe('end')
    expect(kindOf({ type: 'hologram' }).text({ id: '1', title: 'Ada' }, fieldOf('hologram'))).toBe('Ada')
    expect(kindOf({ type: 'hologram' }).text(['a', 'b'], fieldOf('hologram'))).toBe('a、b')
  })

  it('ask for what is required, and for no more', () => {
    expect(checkField(fieldOf('text', { required: true }), '')).toEqual({ code: 'required' })
    expect(checkField(fieldOf('tags', { required: true }), [])).toEqual({ code: 'required' })
    expect(checkField(fieldOf('text'), null)).toBeNull()
  })

  it('count letters as people do', () => {
    const field = fieldOf('text', { max_length: 2 })
    expect(checkField(field, '𠮷野')).toBeNull()
    expect(checkField(field, 'abc')).toEqual({ code: 'too_long', limit: 2 })
  })

  it('know when two values say the same', () => {
    expect(sameValue(null, '')).toBe(true)
    expect(sameValue([], null)).toBe(true)
    expect(sameValue(['a', 'b'], ['b', 'a'])).toBe(true)
    expect(sameValue({ id: '1', title: 'A' }, { id: '1', title: 'B' })).toBe(true)
    expect(sameValue({ id: '1', title: 'A' }, { id: '2', title: 'A' })).toBe(false)
    expect(sameValue('1.0', '1.00')).toBe(false)
  })

  it('send references by id, amounts exactly, nothing as null', () => {
    expect(requestValue(fieldOf('member'), { id: '7', title: 'Ada' })).toBe('7')
    expect(requestValue(fieldOf('money'), '1,200万')).toBe('12000000')
    expect(requestValue(fieldOf('text'), '')).toBeNull()
    expect(requestValue(fieldOf('tags'), [])).toBeNull()
  })

  it('read what was pasted: by words, by key, as people write; what is not known is nothing', async () => {
    expect(await valueFromText(fieldOf('choice', { options: STAGES }), ' 成交客户 ')).toBe('won')
    expect(await valueFromText(fieldOf('choice', { options: STAGES }), 'won')).toBe('won')
    expect(await valueFromText(fieldOf('choice', { options: STAGES }), '没有的')).toBeUndefined()
    expect(await valueFromText(fieldOf('tags', { options: STAGES }), '成交客户、won，lead')).toEqual(['won', 'lead'])
    expect(await valueFromText(fieldOf('tags', { options: STAGES }), '成交客户,没有的')).toBeUndefined()
    expect(await valueFromText(fieldOf('yes_no'), '是')).toBe(true)
    expect(await valueFromText(fieldOf('yes_no'), 'perhaps')).toBeUndefined()
    expect(await valueFromText(fieldOf('money'), '¥1,200.50')).toBe('1200.5')
    expect(await valueFromText(fieldOf('money'), '很多')).toBe('很多')
    expect(await valueFromText(fieldOf('date'), '2026/1/2')).toBe('2026-01-02')
    expect(await valueFromText(fieldOf('text'), '  观澜 ')).toBe('观澜')
    expect(await valueFromText(fieldOf('text'), '  ')).toBeNull()
  })

  it('name a record by its title field', () => {
    expect(titleOf([fieldOf('text', { key: 'name' })], 'name', { name: '观澜' })).toBe('观澜')
    expect(titleOf([], 'name', {})).toBe('')
  })
})
