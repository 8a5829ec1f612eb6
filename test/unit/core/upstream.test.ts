import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Work } from '../../../src/core/ground/work.ts'
import { defaultLimits, fixedLimits } from '../../../src/core/ground/config.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { weighMessage } from '../../../src/core/session/upstream-queue.ts'
import { Session } from '../../../src/core/session/session.ts'
import type { User } from '../../../src/core/session/user.ts'
import { Upstream } from '../../../src/core/up/upstream.ts'
import { binaryCodec, type ClientMessage, nowhere } from '../../../src/protocol/index.ts'
import { bytes, grant, Harness, text, wish } from './harness.ts'
import { endless, userOf } from './payers.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const input = (size: number, seq = 1): ClientMessage => ({
  type: 'input',
  log: 1,
  seq,
  after: 0,
  seen: 0,
  data: bytes(size),
})
const weightOf = (size: number): number => weighMessage(input(size))

function make(
  limits: Partial<typeof defaultLimits> = {},
  work = new Work(),
): {
  upstream: Upstream
  session: (user: string, payer?: User) => Session
  send: (session: Session, count: number, size?: number) => void
  sweep: () => string[]
} {
  const all = { ...fixedLimits, ...defaultLimits, ...limits }
  const upstream = new Upstream(all, work)
  const host = {
    limits: all,
    budget: endless(),
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  return {
    upstream,
    session: (user, payer = userOf(new Account(ratesOf(all), 'ann'), host.budget)) =>
      new Session(user, grant(user), payer, host),
    send: (session, count, size = 0) => {
      for (let n = 0; n < count; n++) {
        upstream.accept(session, input(size, n + 1))
      }
    },
    sweep: () => {
      const order: string[] = []
      upstream.sweep((session) => order.push(session.user))
      return order
    },
  }
}

describe('Upstream queues', () => {
  it('are served in order, all of them where the budget allows', () => {
    const { upstream, session, send, sweep } = make()
    const [a, b] = [session('a'), session('b')]
    send(a, 3)
    send(b, 2)
    expect(sweep()).toEqual(['a', 'a', 'a', 'b', 'b'])
    expect(upstream.hasWork).toBe(false)
  })

  it('a flooding session delays another by one turn at most', () => {
    const { session, send, sweep } = make()
    const [flood, quiet] = [session('flood'), session('quiet')]
    send(flood, 256, 900)
    send(quiet, 1)
    const order = sweep()
    // A turn is 16 KiB, and each message weighs more than its 900 bytes.
    expect(order.indexOf('quiet')).toBe(Math.floor(fixedLimits.quantumBytes / weightOf(900)))
    expect(order).toHaveLength(257)
  })

  it('share by bytes, not by messages: large ones get fewer', () => {
    const { session, send, sweep } = make({ sweepMessages: 100, upstreamBytes: 10_000_000 })
    const [large, small] = [session('large'), session('small')]
    send(large, 200, 16 * weightOf(1_000) - weightOf(0))
    send(small, 200, 1_000)
    const order = sweep()
    const larges = order.filter((user) => user === 'large').length
    expect(larges).toBeGreaterThanOrEqual(5)
    expect(larges).toBeLessThanOrEqual(7)
  })

  it('let a message through that is larger than a turn, after as many turns as it needs', () => {
    const { session, send, sweep } = make()
    const [large, small] = [session('large'), session('small')]
    send(large, 1, 32_768)
    send(small, 256, 192)
    const order = sweep()
    expect(order).toHaveLength(257)
    expect(order.indexOf('large')).toBe(Math.floor((2 * fixedLimits.quantumBytes) / weightOf(192)))
  })

  it('are not served over the budget; what is over comes next', () => {
    const { upstream, session, send, sweep } = make({ sweepMessages: 10 })
    const a = session('a')
    send(a, 25)
    expect(sweep()).toHaveLength(10)
    expect(upstream.hasWork).toBe(true)
    expect(sweep()).toHaveLength(10)
    expect(sweep()).toHaveLength(5)
    expect(upstream.hasWork).toBe(false)
  })

  it('that were not reached come first in the next sweep: a flood over the budget starves nobody', () => {
    const { session, send, sweep } = make({ sweepMessages: 20 })
    const floods = ['f1', 'f2', 'f3'].map((name) => session(name))
    for (const flood of floods) send(flood, 256)
    const quiet = session('quiet')
    send(quiet, 1)
    const order: string[] = []
    for (let sweeps = 0; sweeps < 5; sweeps++) {
      order.push(...sweep())
      for (const flood of floods) send(flood, 20)
    }
    expect(order.indexOf('quiet')).toBeGreaterThanOrEqual(0)
    expect(order.indexOf('quiet')).toBeLessThanOrEqual(60)
    for (const name of ['f1', 'f2', 'f3'])
      expect(order.filter((user) => user === name).length).toBeGreaterThan(15)
  })

  it('whose messages the business takes long over wait for it, and for the others, like those that cause work', () => {
    let ofHooks = 0
    const { upstream, session, send } = make({}, new Work(() => ofHooks))
    const slow = session('slow')
    const sessions = [slow, session('slow', slow.payer), session('slow', slow.payer), session('quick')]
    for (const each of sessions) send(each, 2)
    const sweep = (): string[] => {
      const order: string[] = []
      upstream.sweep(({ user }) => {
        order.push(user)
        if (user === 'slow') ofHooks += 2 * fixedLimits.sweepWork
      })
      return order
    }
    expect(sweep()).toEqual(['slow'])
    // It has several sessions, and they pay for each other.
    expect(sweep()).toEqual(['quick', 'quick', 'slow'])
    expect([sweep(), sweep(), sweep(), sweep(), sweep()]).toEqual([
      ['slow'],
      ['slow'],
      ['slow'],
      ['slow'],
      [],
    ])
  })

  it('of sessions that end are delivered whole, but not where that takes the business long', () => {
    let ofHooks = 0
    const { upstream, session, send } = make({}, new Work(() => ofHooks))
    const finished = (ms: number): number => {
      const leaving = session('leaving')
      send(leaving, 200)
      let count = 0
      upstream.finish(leaving, () => {
        count++
        ofHooks += ms * 1e6
      })
      return count
    }
    expect([finished(0), finished(0.1), finished(10)]).toEqual([200, 200, fixedLimits.finishWork / 1e7])
  })

  it('of sessions that end together share what the business may take, where they are of one user, who pays for it', () => {
    let ofHooks = 0
    const work = new Work(() => ofHooks)
    const { upstream, session, send, sweep } = make({}, work)
    const deliver = (): void => void (ofHooks += 1e6)
    const first = session('eve')
    const others = Array.from({ length: 31 }, () => session('eve', first.payer))
    const ann = session('ann')
    for (const each of [first, ...others, ann]) send(each, 60)
    for (const each of [first, ...others]) upstream.finish(each, deliver)
    expect(ofHooks).toBe(fixedLimits.finishWork)
    upstream.finish(ann, deliver)
    expect(ofHooks).toBe(2 * fixedLimits.finishWork)
    const bob = session('bob')
    send(bob, 1)
    // Eve's and Ann's turns pay first.
    expect(sweep()[0]).toBe('bob')
    // What is paid may be taken again.
    send(first, 60)
    upstream.finish(first, deliver)
    expect(ofHooks).toBe(3 * fixedLimits.finishWork)
  })

  it('let go of what they have delivered, also where they never empty', async () => {
    const { upstream, session, send } = make({ sweepMessages: 1 })
    const busy = session('busy')
    send(busy, 1, 100)
    const delivered: WeakRef<ClientMessage>[] = []
    for (let n = 0; n < 1_000; n++) {
      send(busy, 1, 100)
      upstream.sweep((_, message) => delivered.push(new WeakRef(message)))
    }
    expect([busy.upstream.size, busy.upstream.bytes, delivered.length]).toEqual([1, weightOf(100), 1_000])
    // What a weak reference points to stays to the end of the job that made it.
    await new Promise(setImmediate)
    collect()
    expect(delivered.filter((each) => each.deref() !== undefined).length).toBeLessThan(10)
  })

  it('take no more than their messages and bytes', () => {
    const { upstream, session } = make({ upstreamMessages: 3, upstreamBytes: weightOf(600) + 1 })
    const a = session('a')
    const message: ClientMessage = { type: 'leave', call: 1, log: 1 }
    expect([1, 2, 3, 4].map(() => upstream.accept(a, message))).toEqual([true, true, true, false])
    const b = session('b')
    expect([1, 2, 3].map(() => upstream.accept(b, input(600)))).toEqual([true, true, false])
    expect([upstream.isRelaxed(a.upstream), upstream.isRelaxed(b.upstream)]).toEqual([false, false])
    upstream.sweep(() => {})
    expect([a.upstream.size, a.upstream.bytes, b.upstream.size, b.upstream.bytes]).toEqual([0, 0, 0, 0])
    expect([upstream.isRelaxed(a.upstream), upstream.isRelaxed(b.upstream)]).toEqual([true, true])
  })
})

describe('A client that sends more than its queue holds', () => {
  it('is answered BUSY, its socket is paused, and read on when the queue is half empty', () => {
    const h = new Harness({ upstreamMessages: 8, sweepMessages: 3 })
    const peer = h.connect('ann')
    for (let seq = 1; seq <= 7; seq++) peer.input(1, seq)
    expect(peer.transport.paused).toBe(false)
    peer.input(1, 8)
    expect(peer.transport.paused).toBe(true)
    peer.input(1, 9)
    peer.send({ type: 'leave', call: 1, log: 1 })
    h.sweep()
    expect(peer.take()).toMatchObject([
      { type: 'nack', seq: 9, error: 'BUSY', message: '', reason: '' },
      { type: 'failed', call: 1, error: 'BUSY' },
      { type: 'nack', seq: 1, error: 'NOT_JOINED', message: '', reason: '' },
      { type: 'nack', seq: 2, error: 'NOT_JOINED', message: '', reason: '' },
      { type: 'nack', seq: 3, error: 'NOT_JOINED', message: '', reason: '' },
    ])
    expect(peer.transport.paused).toBe(true)
    h.sweep()
    expect(peer.transport.paused).toBe(false)
    expect(h.node.stats.inputsRefused.get('BUSY')).toBe(1)
  })

  it('gets an answer for every topic of a SUBSCRIBE that finds no room', () => {
    const h = new Harness({ upstreamMessages: 1 })
    const peer = h.connect('ann')
    peer.request('a')
    const call = peer.call()
    const topic = { since: nowhere, history: 0, conflate: false, maxHz: 0, policy: 0, keys: [] }
    peer.send({ type: 'subscribe', call, topics: ['a', 'b', 'c'].map((name) => ({ ...topic, topic: name })) })
    h.settle()
    expect(peer.takeOf('failed')).toMatchObject([0, 1, 2].map((index) => ({ call, index, error: 'BUSY' })))
  })

  it('has no more waiting than its bytes say, whatever it sends', () => {
    const h = new Harness({ sweepMessages: 1 })
    const ann = h.connect('ann')
    const topics = Array.from({ length: 200 }, (_, n) => wish('x'.repeat(250) + n))
    let sent = 0
    while (sent < 10_000_000 && !ann.transport.paused) {
      const message = { type: 'subscribe', call: ann.call(), topics } as const
      sent += binaryCodec.encode([message]).length
      ann.send(message)
    }
    expect(sent).toBeLessThan(2 * h.limits.upstreamBytes)
  })

  it('takes more than its share of no sweep: a topic is a message', () => {
    const h = new Harness({ sweepMessages: 100 })
    const [ann, bob] = [h.connect('ann'), h.connect('bob')]
    const topics = Array.from({ length: 60 }, (_, n) => wish(`t${n}`))
    for (let n = 0; n < 4; n++) ann.send({ type: 'subscribe', call: ann.call(), topics })
    bob.send({ type: 'subscribe', call: bob.call(), topics })
    h.sweep()
    expect([ann.take().length, bob.take().length]).toEqual([60, 60])
    h.settle()
    expect([ann.take().length, bob.take().length]).toEqual([180, 0])
  })

  it('is not silent while nobody reads what it sends', () => {
    const h = new Harness()
    h.node.askFirst(true)
    const ann = h.connect('ann')
    for (let n = 0; n < 300; n++) ann.publish('t', text('x'))
    h.settle()
    for (let n = 0; n < 200 && ann.transport.paused; n++) {
      h.advance(150)
      for (const question of h.application.questions.splice(0)) h.node.handleAuthorized(question, true, h.now)
      h.settle()
    }
    expect([h.now > 10_000 + 2 * h.limits.heartbeatMs, ann.transport.paused, ann.transport.closed]).toEqual([
      true,
      false,
      null,
    ])
  })

  it('that is slow to take its answers has what it asks for wait, and is not given up', () => {
    const h = new Harness({ sessionLogEntries: 100 })
    const ann = h.connect('ann')
    ann.transport.accepts = false
    h.node.push('ann', 'x', text('1'))
    h.settle()
    for (let n = 0; n < 10; n++)
      ann.send({
        type: 'subscribe',
        call: ann.call(),
        topics: Array.from({ length: 20 }, (_, i) => wish(`t${n}.${i}`)),
      })
    h.settle()
    expect(ann.closed).toBe(null)
    ann.transport.accepts = true
    h.node.handleDrain(ann.connection)
    h.settle()
    expect(ann.take().filter(({ type }) => type === 'subscribed')).toHaveLength(200)
  })

  it('has nothing handled twice or out of order', () => {
    const h = new Harness({ sweepMessages: 5 })
    const peer = h.connect('ann')
    for (let n = 0; n < 40; n++) peer.request('m', text(`${n}`))
    h.settle()
    expect(h.application.requests.map(({ call }) => call)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    )
  })
})

it('A client that nobody knows yet makes a node hold no more than an upstream queue may', () => {
  const h = new Harness({ upstreamBytes: 100_000 })
  h.slowTokens = true
  const peer = h.open()
  peer.hello('ann')
  let sent = 0
  while (peer.closed === null && sent < 256) {
    peer.request('r', bytes(10_000))
    sent++
  }
  expect(sent).toBeLessThan(12)
  h.settle()
  expect(peer.takeOf('goodbye')).toMatchObject([{ code: 4453 }])
})
