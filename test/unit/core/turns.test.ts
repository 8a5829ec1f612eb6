import { describe, expect, it } from 'vitest'
import { defaultLimits, fixedLimits, type Limits } from '../../../src/core/ground/config.ts'
import { costs, FREE_WORK, itemsOf, Work } from '../../../src/core/ground/work.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { Session } from '../../../src/core/session/session.ts'
import { UpstreamQueue, weighMessage } from '../../../src/core/session/upstream-queue.ts'
import { Upstream } from '../../../src/core/up/upstream.ts'
import type { ClientMessage } from '../../../src/protocol/index.ts'
import { bytes, grant, wish } from './harness.ts'
import { endless, Purse, userOf } from './payers.ts'

const input = (seq: number, size = 0): ClientMessage => ({
  type: 'input',
  log: 1,
  seq,
  after: 0,
  seen: 0,
  data: bytes(size),
})
const COST = weighMessage(input(1))

function make(parts: Partial<Limits> = {}) {
  const limits = { ...fixedLimits, ...defaultLimits, ...parts }
  const work = new Work()
  const upstream = new Upstream(limits, work)
  const host = {
    limits,
    budget: endless(),
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  const session = (user: string, count: number): Session => {
    const made = new Session(
      user,
      grant(user),
      userOf(new Account(ratesOf(limits), 'ann'), host.budget),
      host,
    )
    for (let n = 1; n <= count; n++) upstream.accept(made, input(n))
    return made
  }
  const sweep = (cause = 0): string => {
    let order = ''
    upstream.sweep((from) => {
      order += from.user
      work.done += cause
    })
    return order
  }
  return { upstream, work, session, sweep }
}

const logs = (count: number): ClientMessage => ({
  type: 'unsubscribe',
  call: 1,
  logs: Array.from({ length: count }, () => ({ log: 1 })),
})

const topics = (count: number): ClientMessage => ({
  type: 'subscribe',
  call: 1,
  topics: Array.from({ length: count }, () => wish('t')),
})

describe('Items of a message', () => {
  it('are the topics or logs that it names, at least one; any other message is one', () => {
    expect([0, 1, 3].map((count) => [itemsOf(topics(count)), itemsOf(logs(count))])).toEqual([
      [1, 1],
      [1, 1],
      [3, 3],
    ])
    expect([itemsOf(input(1)), FREE_WORK / 10 / 1_000]).toEqual([1, 5])
  })
})

const queueOf = (count: number): UpstreamQueue => {
  const queue = new UpstreamQueue(new Purse(endless()), endless())
  for (let n = 1; n <= count; n++) queue.push(input(n))
  return queue
}

describe('An upstream queue', () => {
  it('is full at its messages or bytes, and relaxed at half of both, to the exact number', () => {
    const many = make({ upstreamMessages: 4, upstreamBytes: 1_000_000 }).upstream
    expect([3, 4].map((count) => many.isFull(queueOf(count)))).toEqual([false, true])
    expect([2, 3].map((count) => many.isRelaxed(queueOf(count)))).toEqual([true, false])
    const heavy = (bytesOf: number): Upstream => make({ upstreamBytes: bytesOf }).upstream
    expect([0, 1].map((more) => heavy(4 * COST + more).isFull(queueOf(4)))).toEqual([true, false])
    expect([0, -1].map((more) => heavy(4 * COST + more).isRelaxed(queueOf(2)))).toEqual([true, false])
  })
})

describe('A turn', () => {
  it('ends with its bytes: what costs exactly the rest is still delivered', () => {
    const { session, sweep } = make({ quantumBytes: 2 * COST, sweepMessages: 100 })
    session('a', 5)
    session('b', 3)
    expect(sweep()).toBe('aabbaaba')
    const less = make({ quantumBytes: 2 * COST - 1 })
    less.session('a', 3)
    less.session('b', 1)
    // What is left over counts in the next turn.
    expect(less.sweep()).toBe('abaa')
  })

  it('keeps nothing for later where the queue empties', () => {
    const { upstream, session, sweep } = make({ quantumBytes: 10 * COST })
    const a = session('a', 1)
    sweep()
    expect(a.upstream.deficit).toBe(0)
    session('b', 30)
    for (let n = 0; n < 30; n++) upstream.accept(a, input(n + 5))
    expect(sweep().slice(0, 21)).toBe(`${'b'.repeat(10)}${'a'.repeat(10)}b`)
  })

  it('pays for the work that its messages cause, four nanoseconds for a byte, where that is more', () => {
    const { session, sweep } = make({ quantumBytes: 2 * COST, sweepWork: 1e9 })
    const a = session('a', 3)
    // Each causes as much as it weighs, and so costs no more.
    expect([sweep(4 * COST), a.upstream.deficit]).toEqual(['aaa', 0])
    const dear = make({ quantumBytes: 2 * COST, sweepWork: 1e9 })
    dear.session('a', 3)
    dear.session('b', 9)
    // Each costs four times what it weighs: after one of them, two turns pass before the next.
    expect(dear.sweep(16 * COST)).toBe('ababab'.padEnd(12, 'b'))
  })

  it('may owe the work of a sweep at most, however much a message causes', () => {
    const { session, sweep } = make({ sweepWork: 400 * COST, quantumBytes: COST })
    const a = session('a', 2)
    expect(sweep(1e12)).toBe('a')
    expect(a.upstream.deficit).toBe(-99 * COST)
    expect(sweep()).toBe('a')
  })

  it('ends with the work of the sweep though all that is done is to pay debts', () => {
    const { session, sweep, upstream } = make({ sweepWork: 400 * COST, quantumBytes: 1 })
    for (const user of ['a', 'b', 'c']) session(user, 2).upstream.deficit = -1e9
    expect([sweep(), upstream.hasWork]).toEqual(['', true])
  })

  it('ends with the work of the sweep, and counts each message at least', () => {
    const { work, session, sweep, upstream } = make({ sweepWork: 4 * costs.message })
    session('a', 6)
    expect([sweep(), upstream.hasWork, work.done]).toEqual(['aaaa', true, 4 * costs.message])
    expect([sweep(), upstream.hasWork]).toEqual(['aa', false])
    const more = make({ sweepWork: 4 * costs.message + 1 })
    more.session('a', 6)
    expect(more.sweep()).toBe('aaaaa')
  })

  it('is given only to a session that has something and is not held', () => {
    const { upstream, session, sweep } = make()
    const empty = session('a', 0)
    upstream.wake(empty)
    expect([upstream.hasWork, empty.upstream.active]).toEqual([false, false])
    const held = session('b', 0)
    held.wait(input(1))
    upstream.accept(held, input(1))
    expect([upstream.hasWork, sweep()]).toEqual([false, ''])
    held.goOn()
    upstream.wake(held)
    upstream.wake(held)
    expect([sweep(), upstream.hasWork]).toEqual(['b', false])
  })

  it('says whether a budget has run out', () => {
    const { upstream, session } = make({ sweepMessages: 2 })
    expect(upstream.sweep(() => {})).toBe(false)
    session('a', 2)
    expect(upstream.sweep(() => {})).toBe(false)
    session('b', 3)
    expect([upstream.sweep(() => {}), upstream.sweep(() => {})]).toEqual([true, false])
  })

  it('is over at once for a session that has to wait', () => {
    const { upstream, session } = make()
    const [a] = [session('a', 3), session('b', 1)]
    const order: string[] = []
    upstream.sweep((from, message) => {
      order.push(from.user)
      if (from === a) a.wait(message)
    })
    expect([order, a.upstream.size, a.upstream.active]).toEqual([['a', 'b'], 2, false])
    const rest: number[] = []
    upstream.finish(a, (_, message) => rest.push(message.type === 'input' ? message.seq : 0))
    expect([rest, a.upstream.size]).toEqual([[2, 3], 0])
  })
})
