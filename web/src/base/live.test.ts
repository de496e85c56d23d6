// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Item, Range } from './contract'
import { stateHash } from './hash'
import { link } from './link'
import { createLive, type Live, type Sink } from './live'
import { FakeSocket, opener } from './live.fake'

const item = (id: string, version = 'v1'): Item => ({ id, version, fields: {}, masked: [], locked: [], can: [] })
const paint = () => vi.advanceTimersByTimeAsync(20)

function listener() {
  const got: string[] = []
  let held: Item[] = []
  const sink: Sink = {
    snapshot(items, total, range) {
      held = items as Item[]
      got.push(`snapshot ${held.map((one) => one.id).join()} ${total ?? ''} ${range?.join() ?? ''}`.trim())
    },
    delta: (delta) => void got.push(`delta ${delta.pos}`),
    hash: () => stateHash(held),
    failed: (error) => void got.push(`failed ${error.key}`),
  }
  return { got, sink }
}

let live: Live
let healthy: boolean
let again: boolean
let hidden: boolean
const schemas: string[] = []

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'requestAnimationFrame', 'cancelAnimationFrame'] })
  vi.spyOn(Math, 'random').mockReturnValue(1)
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  hidden = false
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden)
  healthy = again = true
  schemas.length = 0
  vi.stubGlobal('fetch', () => (healthy ? Promise.resolve(new Response('ok')) : Promise.reject(new TypeError('away'))))
  FakeSocket.all = []
  live = createLive(opener)
  live.start({ loginAgain: () => Promise.resolve(again), schema: (form) => void schemas.push(form) })
})
afterEach(() => {
  live.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function subscribed(range: Range = [0, 100]) {
  const { got, sink } = listener()
  const subscription = live.subscribe({ kind: 'records', form: 'customer', sort: '', count: true, range }, sink)
  FakeSocket.last.hello()
  const { id } = FakeSocket.last.asked
  FakeSocket.last.say({ op: 'subscribed', id, chan: 'c1' }, { op: 'snapshot', chan: 'c1', pos: 'e.5', state: 'S', items: [item('1')], total: '9' })
  await paint()
  return { got, sink, subscription }
}

describe('a subscription', () => {
  it('is asked for once the server has said hello, over one socket with the protocol', async () => {
    const { got } = await subscribed()
    expect(FakeSocket.all).toHaveLength(1)
    expect([FakeSocket.last.url, FakeSocket.last.protocol]).toEqual([expect.stringMatching(/^ws:.*\/api\/v1\/live$/), 'tidemark.v1'])
    expect(FakeSocket.last.sent).toEqual([{ op: 'sub', id: 's2', kind: 'records', form: 'customer', sort: '', count: true, range: [0, 100] }])
    expect(got).toEqual(['snapshot 1 9 0,100'])
    expect(link.live).toBe('live')
  })

  it('gets what came since the last painted frame at once, in order, and nothing twice', async () => {
    const { got } = await subscribed()
    FakeSocket.last.say({ op: 'delta', chan: 'c1', pos: 'e.6', del: ['1'] }, { op: 'delta', chan: 'c1', pos: 'e.7' })
    expect(got).toHaveLength(1)
    await paint()
    FakeSocket.last.say({ op: 'delta', chan: 'c1', pos: 'e.6' }, { op: 'delta', chan: 'c9', pos: 'e.8' })
    await paint()
    expect(got.slice(1)).toEqual(['delta e.6', 'delta e.7'])
  })

  it('lets pass what is not a message of ours', async () => {
    const { got } = await subscribed()
    FakeSocket.last.say({ op: 'delta', chan: 'c1', pos: 7 }, { op: 'snapshot', chan: 'c1', items: {} }, { op: 'future', chan: 'c1' }, [])
    FakeSocket.last.onmessage?.({ data: 'no json' })
    await paint()
    expect(got).toHaveLength(1)
  })

  it('is ended by the channel, or by the name of an answer that has not come yet', async () => {
    const { subscription } = await subscribed()
    subscription.close()
    expect(FakeSocket.last.sent.at(-1)).toEqual({ op: 'unsub', chan: 'c1' })
    const { got, sink } = listener()
    live.subscribe({ kind: 'audit' }, sink).close()
    const { id } = FakeSocket.last.asked
    FakeSocket.last.say({ op: 'subscribed', id, chan: 'c2' }, { op: 'snapshot', chan: 'c2', pos: 'e.5', state: 'S', items: [] })
    await paint()
    expect(FakeSocket.last.sent.at(-1)).toEqual({ op: 'unsub', chan: 'c2' })
    expect(got).toEqual([])
  })

  it('says why it was refused, and tries again only what may pass', async () => {
    const { got, sink } = listener()
    await subscribed()
    const refuse = (status: number, key: string) => FakeSocket.last.say({ op: 'error', id: FakeSocket.last.asked.id, problem: { type: `/${key}`, title: key, status } })
    const audits = () => FakeSocket.last.sent.filter((message) => message.kind === 'audit').length
    live.subscribe({ kind: 'audit' }, sink)
    refuse(403, 'forbidden')
    await vi.advanceTimersByTimeAsync(10000)
    expect(audits()).toBe(1)
    live.subscribe({ kind: 'audit' }, sink)
    refuse(503, 'unavailable')
    await vi.advanceTimersByTimeAsync(1500)
    expect(got).toEqual(['failed forbidden', 'failed unavailable'])
    expect(audits()).toBe(3)
  })

  it('hears that a form has changed', async () => {
    await subscribed()
    FakeSocket.last.say({ op: 'schema', form: 'customer', version: '9' })
    await paint()
    expect(schemas).toEqual(['customer'])
  })
})

describe('a window', () => {
  it('moves one step at a time, to the newest wish, and belongs to the snapshot that follows', async () => {
    const { got, subscription } = await subscribed()
    subscription.move([100, 100])
    subscription.move([200, 100])
    subscription.move([300, 100])
    const moves = () => FakeSocket.last.sent.filter((message) => message.op === 'move')
    expect(moves()).toEqual([{ op: 'move', chan: 'c1', range: [100, 100] }])
    FakeSocket.last.say({ op: 'subscribed', id: FakeSocket.last.asked.id, chan: 'c2' }, { op: 'snapshot', chan: 'c2', pos: 'e.6', state: 'T', items: [] })
    await paint()
    expect(moves().at(-1)).toEqual({ op: 'move', chan: 'c2', range: [300, 100] })
    expect(got.at(-1)).toBe('snapshot   100,100'.trim())
  })

  it('that moved while the socket was away begins anew at its new place', async () => {
    const { subscription } = await subscribed()
    FakeSocket.last.end(1006)
    subscription.move([400, 100])
    await vi.advanceTimersByTimeAsync(1000)
    FakeSocket.last.hello()
    expect(FakeSocket.last.asked).toMatchObject({ range: [400, 100] })
    expect(FakeSocket.last.asked).not.toHaveProperty('pos')
  })
})

describe('after a loss', () => {
  it('goes on from where it stood', async () => {
    const { got } = await subscribed()
    FakeSocket.last.say({ op: 'delta', chan: 'c1', pos: 'e.8' })
    FakeSocket.last.end(1006)
    expect(got.at(-1)).toBe('delta e.8')
    expect(link.live).toBe('broken')
    await vi.advanceTimersByTimeAsync(300)
    expect(FakeSocket.all).toHaveLength(2)
    FakeSocket.last.hello()
    expect(FakeSocket.last.asked).toMatchObject({ range: [0, 100], pos: 'e.8', state: 'S' })
    FakeSocket.last.say({ op: 'subscribed', id: FakeSocket.last.asked.id, chan: 'c7' }, { op: 'delta', chan: 'c7', pos: 'e.9' })
    await paint()
    expect(got.at(-1)).toBe('delta e.9')
  })

  it('waits longer from time to time, up to ten seconds, as long as nobody answers', async () => {
    await subscribed()
    healthy = false
    const gaps: number[] = []
    for (let n = 0; n < 9; n++) {
      const [count, from] = [FakeSocket.all.length, Date.now()]
      FakeSocket.last.end(1006)
      while (FakeSocket.all.length === count) await vi.advanceTimersByTimeAsync(50)
      gaps.push(Date.now() - from)
    }
    expect(gaps[0]).toBe(300)
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b))
    expect(gaps.at(-1)).toBe(10000)
    expect([link.live, link.link]).toEqual(['broken', 'offline'])
  })

  it.each([
    [4409, 500],
    [4408, 5000],
  ])('comes back after %i within %i ms', async (code, ms) => {
    await subscribed()
    FakeSocket.last.end(code)
    await vi.advanceTimersByTimeAsync(ms - 10)
    expect(FakeSocket.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(10)
    expect(FakeSocket.all).toHaveLength(2)
  })

  it('asks for the password where the session has ended, and stays away where nobody gives it', async () => {
    await subscribed()
    FakeSocket.last.end(4401)
    await vi.advanceTimersByTimeAsync(0)
    expect(FakeSocket.all).toHaveLength(2)
    FakeSocket.last.hello()
    again = false
    FakeSocket.last.end(4401)
    await vi.advanceTimersByTimeAsync(60000)
    expect(FakeSocket.all).toHaveLength(2)
  })

  it('notices a cable that was pulled by the silence', async () => {
    await subscribed()
    await vi.advanceTimersByTimeAsync(10000)
    FakeSocket.last.say({ op: 'mark', pos: 'e.9' })
    await vi.advanceTimersByTimeAsync(12000)
    expect([FakeSocket.all.length, link.live]).toEqual([1, 'live'])
    await vi.advanceTimersByTimeAsync(2000)
    expect([FakeSocket.all.length, FakeSocket.all[0]!.open]).toEqual([2, false])
  })

  it('says that no socket can be had where the server answers all the same, and tries now and then', async () => {
    FakeSocket.last.end(1006)
    await vi.advanceTimersByTimeAsync(1)
    expect(link.live).toBe('none')
    await vi.advanceTimersByTimeAsync(31000)
    expect(FakeSocket.all.length).toBeGreaterThanOrEqual(2)
    FakeSocket.last.hello()
    expect(link.live).toBe('live')
  })
})

describe('the hash', () => {
  const mark = (hash: string) => ({ op: 'mark', pos: 'e.9', hash: { c1: hash } })

  it('that agrees changes nothing; one that does not is a defect, counted and healed by a new snapshot', async () => {
    await subscribed()
    const before = link.defects
    FakeSocket.last.say(mark(stateHash([item('1')])))
    await paint()
    expect([FakeSocket.last.sent.length, link.defects]).toEqual([1, before])
    FakeSocket.last.say(mark('0123456789abcdef'))
    await paint()
    expect(link.defects).toBe(before + 1)
    expect(FakeSocket.last.sent.slice(1)).toEqual([
      { op: 'unsub', chan: 'c1' },
      expect.objectContaining({ op: 'sub', range: [0, 100] }),
    ])
    expect(FakeSocket.last.asked).not.toHaveProperty('pos')
  })
})

describe('a hidden tab', () => {
  it('applies nothing, and catches up from where it stood when it is looked at', async () => {
    const { got } = await subscribed()
    hidden = true
    FakeSocket.last.say({ op: 'delta', chan: 'c1', pos: 'e.6' }, { op: 'mark', pos: 'e.6', hash: { c1: 'ffffffffffffffff' } })
    await paint()
    expect([got.length, FakeSocket.last.sent.length]).toEqual([1, 1])
    hidden = false
    document.dispatchEvent(new Event('visibilitychange'))
    expect(FakeSocket.last.sent[1]).toEqual({ op: 'unsub', chan: 'c1' })
    expect(FakeSocket.last.asked).toMatchObject({ pos: 'e.5', state: 'S' })
  })

  it('hears what concerns the person all the same', async () => {
    await subscribed()
    const { got, sink } = listener()
    live.subscribe({ kind: 'notice' }, { ...sink, always: true })
    hidden = true
    FakeSocket.last.say({ op: 'subscribed', id: FakeSocket.last.asked.id, chan: 'c5' }, { op: 'snapshot', chan: 'c5', pos: 'e.5', state: 'S', items: [{ id: '1' }] })
    expect(got).toEqual(['snapshot 1'])
  })
})

describe('rest', () => {
  it('ends the subscription until somebody looks again, and goes on from there', async () => {
    const { subscription } = await subscribed()
    subscription.rest()
    expect(FakeSocket.last.sent.at(-1)).toEqual({ op: 'unsub', chan: 'c1' })
    FakeSocket.last.end(1006)
    await vi.advanceTimersByTimeAsync(300)
    FakeSocket.last.hello()
    expect(FakeSocket.last.sent).toEqual([])
    subscription.wake()
    expect(FakeSocket.last.asked).toMatchObject({ pos: 'e.5', state: 'S' })
  })
})
