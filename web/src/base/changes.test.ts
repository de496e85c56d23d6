import { beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from './problem'
import { createRecords, errorsOf, writeRecords } from './changes'

const server = vi.hoisted(() => ({ answer: (_path: string, _body: unknown): unknown => null, asked: [] as [string, unknown][] }))
vi.mock('./api', () => ({
  call: (path: string, options: { body: unknown }) => {
    server.asked.push([path, options.body])
    try {
      return Promise.resolve(server.answer(path, options.body))
    } catch (error) {
      return Promise.reject(error as Error)
    }
  },
}))

interface Sent {
  update?: { id: string; fields: Record<string, unknown> }[]
  create?: { fields: Record<string, unknown> }[]
}
const change = (id: string, name: string) => ({ id, version: 'v', fields: { name } })
const refused = (problem: Partial<ConstructorParameters<typeof ApiError>[0]> & { status: number }) => new ApiError({ type: 'invalid', ...problem })

beforeEach(() => {
  server.asked.length = 0
})

test('the errors of a batch are told of its items, as if each had been sent alone', () => {
  const found = errorsOf(
    refused({
      status: 412,
      errors: [{ field: 'update[2].fields.phone', code: 'not_a_phone' }, { field: 'update[0]', code: 'not_visible' }],
      conflicts: [{ item: 'update[1]', field: 'name', base: 'a', theirs: 'b', yours: 'c' }],
    }),
  )
  expect([...found].map(([at, error]) => [at, error.status, error.faults.map(({ field }) => field), error.conflicts.length])).toEqual([
    [2, 422, ['phone'], 0],
    [0, 422, [''], 0],
    [1, 412, [], 1],
  ])
  expect(errorsOf(refused({ status: 503 })).size).toBe(0)
})

test('one record is a change of its own; several are one batch; what is wrong is taken out and the rest goes', async () => {
  server.answer = (_path, given) => {
    const { update } = given as Sent
    const at = update?.findIndex(({ fields }) => fields.name === 'wrong') ?? -1
    if (at >= 0) throw refused({ status: 422, errors: [{ field: `update[${at}].fields.name`, code: 'bad_value' }] })
    return { update: update?.map(({ id }) => ({ id, version: 'w' })), pos: 'e.1' }
  }
  const out = await writeRecords('customer', [change('1', 'a'), change('2', 'wrong'), change('3', 'c'), change('4', 'wrong')])
  expect(out.map(({ id, item, error }) => [id, item?.version ?? error?.faults[0]?.field])).toEqual([['1', 'w'], ['2', 'name'], ['3', 'w'], ['4', 'name']])
  expect(server.asked.map(([path, body]) => [path, (body as Sent).update?.map(({ id }) => id).join('')])).toEqual([
    ['/forms/customer/records:batch', '1234'],
    ['/forms/customer/records:batch', '134'],
    ['/forms/customer/records:batch', '13'],
  ])
  server.answer = () => ({ id: '9', version: 'x' })
  expect((await writeRecords('customer', [change('9', 'z')]))[0]?.item?.version).toBe('x')
  expect(server.asked.at(-1)?.[0]).toBe('/forms/customer/records/9')
})

test('what is wrong with the whole is told of each, and nothing is tried again', async () => {
  server.answer = () => {
    throw refused({ status: 503, type: 'unavailable' })
  }
  const out = await writeRecords('customer', [change('1', 'a'), change('2', 'b')])
  expect(out.map(({ error }) => error?.key)).toEqual(['unavailable', 'unavailable'])
  expect(server.asked.length).toBe(1)
})

test('more than a thousand go in parts, and new records stand or fall by themselves', async () => {
  server.answer = (_path, given) => ({ update: (given as Sent).update?.map(({ id }) => ({ id, version: 'w' })) })
  const many = Array.from({ length: 1001 }, (_one, at) => change(String(at), 'a'))
  expect((await writeRecords('customer', many)).every(({ item }, at) => item?.id === String(at))).toBe(true)
  expect(server.asked.map(([, body]) => (body as Sent).update?.length)).toEqual([1000, 1])
  server.answer = (_path, given) => {
    const { create } = given as Sent
    const at = create?.findIndex(({ fields }) => fields.name === 'wrong') ?? -1
    if (at >= 0) throw refused({ status: 422, errors: [{ field: `create[${at}].fields.name`, code: 'bad_value' }] })
    return { create: create?.map(({ fields }) => ({ id: fields.name, version: 'n' })) }
  }
  const made = await createRecords('customer', [{ name: 'a' }, { name: 'wrong' }, { name: 'c' }])
  expect(made.map(({ item, error }) => item?.id ?? error?.faults[0]?.field)).toEqual(['a', 'name', 'c'])
})
