import { describe, expect, it } from 'vitest'
import type { Field, Form } from '@/base/contract'
import { addressOf, dayBlocks, dayForm, stageQuestions } from './day'

const field = (key: string, type: string, more: Partial<Field> = {}): Field => ({ key, type, label: key, required: false, unique: false, access: 'read', group: null, sortable: true, searchable: false, ...more })
const stage = field('stage', 'choice', { options: [{ key: 'lead', label: '新线索', color: 'blue' }, { key: 'won', label: '成交', color: 'green' }, { key: 'lost', label: '流失', color: 'gray' }, { key: 'old', label: '旧', color: 'red', retired: true }] })
const form = (fields: Field[]): Form => ({ key: 'customer', label: '客户', version: '1', title_field: 'name', can: ['list'], groups: [], fields })
const all = [field('name', 'text'), stage, field('owner', 'member'), field('department', 'department'), field('next_follow_up_on', 'date'), field('last_follow_up_at', 'datetime'), field('first_contact_on', 'date')]

describe('what a day asks for', () => {
  it('asks for one\'s own, late before today, without the lost', () => {
    const [due, overdue, moved, fresh] = dayBlocks(form(all), 'mine', '2026-11-28')
    expect(due?.question.filter).toEqual({ and: [{ field: 'owner', op: 'eq', value: '@me' }, { field: 'next_follow_up_on', op: 'within', value: 'today' }, { field: 'stage', op: 'ne', value: 'lost' }] })
    expect(overdue?.question).toMatchObject({ sort: 'next_follow_up_on', filter: { and: [{}, { op: 'lt', value: '2026-11-28' }, {}] } })
    expect(moved?.question.filter).toEqual({ and: [{ field: 'owner', op: 'eq', value: '@me' }, { field: 'last_follow_up_at', op: 'within', value: 'last_2_days' }] })
    expect(fresh?.question.sort).toBe('-first_contact_on')
  })
  it('asks for all that is seen, or for departments', () => {
    expect(dayBlocks(form(all), 'all', '2026-11-28')[3]?.question.filter).toEqual({ field: 'first_contact_on', op: 'within', value: 'last_7_days' })
    expect(dayBlocks(form(all), 'all', '2026-11-28', ['1', '2'])[3]?.question.filter).toEqual({ and: [{ field: 'department', op: 'in', value: ['1', '2'] }, { field: 'first_contact_on', op: 'within', value: 'last_7_days' }] })
  })
  it('leaves out what is hidden or masked', () => {
    expect(dayBlocks(form([stage, field('next_follow_up_on', 'date', { access: 'masked' }), field('first_contact_on', 'date')]), 'mine', '2026-11-28').map((block) => [block.key, block.question.filter])).toEqual([['fresh', { field: 'first_contact_on', op: 'within', value: 'last_7_days' }]])
    expect(stageQuestions(form([field('name', 'text')]), 'mine')).toEqual([])
  })
  it('counts each state that is in use, and leads to its list', () => {
    const questions = stageQuestions(form(all), 'all')
    expect(questions.map((one) => one.key)).toEqual(['lead', 'won', 'lost'])
    expect(decodeURIComponent(addressOf(questions[1]!.question))).toBe('/forms/customer?filter={"field":"stage","op":"eq","value":"won"}')
  })
  it('goes by the form that has the dates', () => {
    const contact = { ...form([field('name', 'text')]), key: 'contact' }
    expect(dayForm([contact, form(all)])?.key).toBe('customer')
    expect(dayForm([contact])).toBeUndefined()
  })
})
