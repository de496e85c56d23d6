import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref, type Ref } from 'vue'
import type { Form, Item } from '@/base/contract'
import { fieldOf, STAGES } from '@/fields/fixture'
import { useRecord as useIt } from './useRecord'

const form: Form = {
  key: 'customer', label: '客户', version: '1', title_field: 'name', can: ['create'], groups: [{ key: 'basic', label: '基本' }],
  fields: [
    fieldOf('auto_number', { key: 'no', access: 'read', group: 'basic' }),
    fieldOf('text', { key: 'name', required: true, group: 'basic' }),
    fieldOf('phone', { key: 'phone' }),
    fieldOf('choice', { key: 'stage', options: STAGES }),
    fieldOf('member', { key: 'owner', required: true }),
  ],
}
const item = (more: Partial<Item> = {}): Item => ({
  id: '42', version: 'v1', masked: [], locked: [], can: ['update'],
  fields: { no: 'C1', name: 'Old', phone: null, stage: 'lead', owner: { id: '7', title: 'Ada' } }, ...more,
})
/** As in a component: in a scope of its own. */
const useRecord = (form: Ref<string>, id: Ref<string | null>) => effectScope(true).run(() => useIt(form, id))!
const problem = (status: number, key: string, more = {}) => [status, { type: `/problems/${key}`, title: key, status, ...more }] as const

let answers: (readonly [number, unknown] | 'lost')[] = []
let sent: { method: string; url: string; match?: string; body?: unknown }[] = []

beforeEach(() => {
  setActivePinia(createPinia())
  answers = []
  sent = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    if (url.endsWith('/forms/customer')) return Promise.resolve(new Response(JSON.stringify(form)))
    const headers = init.headers as Record<string, string>
    sent.push({ method: init.method ?? 'GET', url, match: headers['If-Match'], body: init.body ? JSON.parse(String(init.body)) : undefined })
    const next = answers.shift()
    if (next === undefined || next === 'lost') return Promise.reject(new TypeError('lost'))
    return Promise.resolve(new Response(JSON.stringify(next[1]), { status: next[0] }))
  })
})

async function opened(found = item()) {
  answers.push([200, found])
  const record = useRecord(ref('customer'), ref('42'))
  await record.load()
  sent = []
  record.begin()
  return record
}

describe('saving a record', () => {
  it('sends what changed and nothing else, upon the version that was read', async () => {
    const record = await opened()
    record.set('name', 'New')
    record.set('stage', 'lead')
    answers.push([200, item({ version: 'v2', fields: { ...item().fields, name: 'New' } })])
    expect(await record.save()).toBe('saved')
    expect(sent).toEqual([{ method: 'PATCH', url: '/api/v1/forms/customer/records/42', match: 'v1', body: { fields: { name: 'New' } } }])
    expect([record.editing.value, record.item.value?.version]).toEqual([false, 'v2'])
  })

  it('sends nothing where nothing changed', async () => {
    const record = await opened()
    record.set('name', 'Old')
    expect(await record.save()).toBe('unchanged')
    expect(sent).toEqual([])
  })

  it('says what is wrong before it asks the server', async () => {
    const record = await opened()
    record.set('name', '')
    record.set('phone', '123')
    expect(await record.save()).toBe('refused')
    expect(record.faults).toEqual({ name: { code: 'required' }, phone: { code: 'not_a_phone' } })
    expect(sent).toEqual([])
  })

  it("shows the server's faults at their fields, and keeps what was typed", async () => {
    const record = await opened()
    record.set('phone', '13800138000')
    answers.push(problem(422, 'invalid', { errors: [{ field: 'phone', code: 'not_unique', message: '该值已存在' }] }))
    expect(await record.save()).toBe('refused')
    expect(record.faults.phone?.code).toBe('not_unique')
    expect([record.editing.value, record.valueOf('phone')]).toEqual([true, '13800138000'])
  })

  it('keeps everything when nobody answers, and saves it later', async () => {
    const record = await opened()
    record.set('name', 'New')
    answers.push('lost')
    expect(await record.save()).toBe('refused')
    expect([record.problem.value?.key, record.valueOf('name'), record.dirty.value]).toEqual(['offline', 'New', true])
    answers.push([200, item({ version: 'v2' })])
    expect(await record.save()).toBe('saved')
  })
})

describe('a clash', () => {
  const clash = problem(412, 'stale', { conflicts: [{ field: 'owner', base: { id: '7', title: 'Ada' }, theirs: { id: '8', title: 'Bo' }, yours: '9' }] })

  it('shows theirs and yours as they are read, and saves the choice upon the newest version', async () => {
    const record = await opened()
    record.set('owner', { id: '9', title: 'Cy' })
    record.set('name', 'New')
    answers.push(clash)
    expect(await record.save()).toBe('refused')
    expect(record.clashes.value[0]?.yours).toEqual({ id: '9', title: 'Cy' })
    answers.push([200, item({ version: 'v5', fields: { ...item().fields, owner: { id: '8', title: 'Bo' } } })], [200, item({ version: 'v6' })])
    expect(await record.settle(['owner'])).toBe('saved')
    expect(sent.at(-1)).toMatchObject({ match: 'v5', body: { fields: { name: 'New' } } })
  })

  it('overwrites where that was chosen', async () => {
    const record = await opened()
    record.set('owner', { id: '9', title: 'Cy' })
    answers.push(clash)
    await record.save()
    answers.push([200, item({ version: 'v5' })], [200, item({ version: 'v6' })])
    await record.settle([])
    expect(sent.at(-1)).toMatchObject({ match: 'v5', body: { fields: { owner: '9' } } })
  })

  it('is none where somebody else changed other fields and the server found no base', async () => {
    const record = await opened()
    record.set('name', 'New')
    answers.push(problem(412, 'stale'), [200, item({ version: 'v9', fields: { ...item().fields, stage: 'won' } })], [200, item({ version: 'v10' })])
    expect(await record.save()).toBe('saved')
    expect(sent.at(-1)).toMatchObject({ method: 'PATCH', match: 'v9', body: { fields: { name: 'New' } } })
  })

  it('is found by ourselves where the server found no base', async () => {
    const record = await opened()
    record.set('name', 'New')
    answers.push(problem(412, 'stale'), [200, item({ version: 'v9', fields: { ...item().fields, name: 'Theirs' } })])
    expect(await record.save()).toBe('refused')
    expect(record.clashes.value).toEqual([{ field: 'name', base: 'Old', theirs: 'Theirs', yours: 'New' }])
  })
})

describe('rights and drafts', () => {
  it('let nobody type into what is masked, locked, only readable or numbered by itself', async () => {
    const record = await opened(item({ masked: ['phone'], locked: ['stage'] }))
    expect(form.fields.filter(record.writable).map((field) => field.key)).toEqual(['name', 'owner'])
  })

  it('goes on with what was put aside', async () => {
    const record = await opened()
    record.set('name', 'Half typed')
    record.draft.persist()
    const again = await (async () => {
      answers.push([200, item({ version: 'v2' })])
      const other = useRecord(ref('customer'), ref('42'))
      await other.load()
      return other
    })()
    expect([again.editing.value, again.valueOf('name'), again.item.value?.version]).toEqual([true, 'Half typed', 'v2'])
  })

  it('hands back what was given up, for the undo', async () => {
    const record = await opened()
    record.set('name', 'New')
    const typed = record.leave()
    expect(record.valueOf('name')).toBe('Old')
    record.restore(typed)
    expect([record.valueOf('name'), record.editing.value]).toEqual(['New', true])
  })

  it('creates with all that was given, a required owner being oneself', async () => {
    const { useSession } = await import('@/base/session')
    answers.push([200, { user: { id: '7', login: 'ada', name: 'Ada', roles: [], department: null }, csrf: 't', rights: [] }])
    await useSession().load()
    const record = useRecord(ref('customer'), ref(null))
    await record.load()
    expect(record.dirty.value).toBe(false)
    record.set('name', 'Fresh')
    expect(record.dirty.value).toBe(true)
    answers.push([201, item({ id: '77' })])
    expect(await record.save()).toBe('saved')
    expect(sent.at(-1)).toMatchObject({ method: 'POST', body: { fields: { name: 'Fresh', owner: '7' } } })
  })
})
