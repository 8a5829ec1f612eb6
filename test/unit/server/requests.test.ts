import { describe, expect, it } from 'vitest'
import type { RequestCall } from '../../../src/core/index.ts'
import { fromPayload, limits, RtmsError, toPayload } from '../../../src/protocol/index.ts'
import { textPayload } from '../../../src/testing/index.ts'
import { type Elsewhere, RequestHandlers } from '../../../src/server/business/requests.ts'
import { runtime } from '../../../src/server/ground/outside.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
/** A turn of the event loop has time for all of them. */
const timeless = { ...runtime, now: () => 0 }

/** Handlers that answer when the test says so, in this process or elsewhere. */
class Rig {
  readonly handlers: RequestHandlers
  /** Who is being answered. */
  readonly begun: string[] = []
  readonly answers: (() => void)[] = []
  readonly replies: string[] = []
  #call = 0

  constructor(most: number, share: number, isElsewhere: boolean) {
    const handle = ({ user }: { readonly user: string }): Promise<void> => {
      this.begun.push(user)
      return new Promise((resolve) => this.answers.push(resolve))
    }
    const elsewhere: Elsewhere = { concurrency: most, handlerOf: () => handle }
    this.handlers = new RequestHandlers(
      isElsewhere ? 1_000 : most,
      share,
      ({ user }, { ok }) => this.replies.push(`${user} ${ok ? 'ok' : 'failed'}`),
      silent,
      isElsewhere ? elsewhere : undefined,
      timeless,
    )
    if (!isElsewhere) for (let n = 0; n < 100; n++) this.handlers.register(`m${n}`, handle)
  }

  ask(user: string, session = user): RequestCall {
    const number = ++this.#call
    const method = `m${number % 100}`
    const data = textPayload('1')
    const call = { user, session, method, data, call: number, deadline: Infinity }
    this.handlers.start(call)
    return call
  }

  async settle(): Promise<void> {
    for (let n = 0; n < 20; n++) await Promise.resolve()
  }
}

for (const isElsewhere of [false, true])
  describe(`Handlers ${isElsewhere ? 'at a URL of the business' : 'in the process'}`, () => {
    it('are not all one user’s who asks and cancels, and asks again', async () => {
      const rig = new Rig(20, 8, isElsewhere)
      for (let n = 0; n < 200; n++) {
        const call = rig.ask('mallory', `s${n % 3}`)
        await rig.settle()
        rig.handlers.end(call, 'CANCELLED')
        await rig.settle()
      }
      expect([rig.begun.length, rig.handlers.running]).toEqual([8, 8])
      rig.ask('ann')
      await rig.settle()
      expect(rig.begun.at(-1)).toBe('ann')
      // Nothing that was cancelled while it waited is begun when places are free again.
      for (const answer of rig.answers) answer()
      await rig.settle()
      expect([rig.begun.length, rig.handlers.running]).toEqual([9, 0])
    })

    it('are given out in turns: a hundred users who want all of them delay nobody by more than one each', async () => {
      const rig = new Rig(20, 8, isElsewhere)
      for (let user = 0; user < 10; user++) for (let n = 0; n < 30; n++) rig.ask(`crowd${user}`)
      await rig.settle()
      expect(rig.begun).toHaveLength(20)
      rig.ask('ann')
      await rig.settle()
      for (let n = 0; n < 11; n++) {
        rig.answers.shift()?.()
        await rig.settle()
      }
      expect(rig.begun).toContain('ann')
      expect(rig.handlers.running).toBe(20)
    })
  })

const never = (): Promise<void> => new Promise(() => {})

describe('Handlers of the two kinds', () => {
  it('have places of their own: a slow URL leaves the process free', async () => {
    const replies: string[] = []
    const handlers = new RequestHandlers(1, 1, ({ user }) => replies.push(user), silent, {
      concurrency: 1,
      handlerOf: () => never,
    })
    handlers.register('here', () => 1)
    const data = textPayload('1')
    const call = { session: 's', data, deadline: Infinity }
    handlers.start({ ...call, user: 'ann', method: 'there', call: 1 })
    handlers.start({ ...call, user: 'ann', method: 'here', call: 2 })
    for (let n = 0; n < 20; n++) await Promise.resolve()
    expect([replies, handlers.running]).toEqual([['ann'], 1])
  })
})

/** Handlers of the test's own, with what was replied and logged. */
class Desk {
  readonly replies: [call: number, answer: unknown][] = []
  readonly lines: object[] = []
  readonly handlers: RequestHandlers
  #call = 0

  constructor(elsewhere?: Elsewhere) {
    this.handlers = new RequestHandlers(
      10,
      10,
      ({ call }, outcome) =>
        this.replies.push([call, outcome.ok ? fromPayload(outcome.value) : outcome.error.code]),
      { ...silent, error: (details) => void this.lines.push(details) },
      elsewhere,
      timeless,
    )
  }

  ask(method = 'm', session = '0123456789', data: unknown = null): RequestCall {
    const call = ++this.#call
    const started = { user: 'ann', session, method, data: toPayload(data), call, deadline: Infinity }
    this.handlers.start(started)
    return started
  }

  async settle(): Promise<unknown[]> {
    for (let n = 0; n < 30; n++) await Promise.resolve()
    return this.replies.splice(0)
  }
}

const throwing = (error: unknown) => () => {
  throw error
}

describe('The answer of a handler', () => {
  it.each<[string, () => unknown, unknown]>([
    ['a value', () => ({ a: 1 }), { a: 1 }],
    ['a promise', async () => 'later', 'later'],
    ['bytes', () => Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ['nothing', () => undefined, null],
    ['zero', () => 0, 0],
    ['as much as fits', () => 'x'.repeat(limits.payload - 2), 'x'.repeat(limits.payload - 2)],
    ['one byte more', () => 'x'.repeat(limits.payload - 1), 'HANDLER_FAILED'],
    ['what cannot be sent', () => () => {}, 'HANDLER_FAILED'],
    ['a refusal', throwing(new RtmsError('FULL')), 'FULL'],
    ['a rejection', () => Promise.reject(new RtmsError('RATE')), 'RATE'],
    ['an error', throwing(new Error('x')), 'HANDLER_FAILED'],
  ])('may be %s', async (_, handler, answer) => {
    const desk = new Desk()
    desk.handlers.register('m', handler)
    desk.ask()
    expect(await desk.settle()).toEqual([[1, answer]])
    expect(desk.lines).toHaveLength(answer === 'HANDLER_FAILED' ? 1 : 0)
    expect([desk.handlers.running, desk.handlers.times.counts.reduce((a, b) => a + b, 0)]).toEqual([0, 1])
  })

  it('is logged where it fails, without the whole of the session', async () => {
    const desk = new Desk()
    desk.handlers.register('m', throwing(new Error('x')))
    desk.ask()
    await desk.settle()
    expect(desk.lines).toMatchObject([{ method: 'm', session: '01234567', call: 1 }])
  })

  it('of bytes is copied at once', async () => {
    const desk = new Desk()
    const buffer = Uint8Array.of(0)
    desk.handlers.register('m', () => {
      buffer[0] = (buffer[0] ?? 0) + 1
      return buffer
    })
    for (const session of ['a', 'b']) desk.ask('m', session)
    expect((await desk.settle()).map((each) => (each as [number, Uint8Array])[1][0])).toEqual([1, 2])
  })
})

describe('A request', () => {
  it('tells its handler who asks for what, after the call that brings it', async () => {
    const desk = new Desk()
    const seen: unknown[] = []
    desk.handlers.register(
      'm',
      ({ user, session, call, data }) => void seen.push({ user, session, call, data }),
    )
    desk.ask('m', 's', { hit: 1 })
    expect(seen).toEqual([])
    await desk.settle()
    expect(seen).toEqual([{ user: 'ann', session: 's', call: 1, data: { hit: 1 } }])
  })

  it('waits for those of its session and method that came before it, and for no other', async () => {
    const desk = new Desk()
    const finish: (() => void)[] = []
    const begun: number[] = []
    for (const method of ['m', 'n'])
      desk.handlers.register(method, ({ call }) => {
        begun.push(call)
        return new Promise<void>((resolve) => finish.push(resolve))
      })
    desk.ask('m', 'a')
    desk.ask('m', 'a')
    desk.ask('m', 'a')
    desk.ask('n', 'a')
    desk.ask('m', 'b')
    await desk.settle()
    expect([begun, desk.handlers.running]).toEqual([[1, 4, 5], 3])
    finish[0]?.()
    expect(await desk.settle()).toEqual([[1, null]])
    expect(begun).toEqual([1, 4, 5, 2])
  })

  it('that is given up lets the next one begin, and its late answer is told all the same', async () => {
    const desk = new Desk()
    const finish: (() => void)[] = []
    const signals: AbortSignal[] = []
    desk.handlers.register('m', ({ signal }) => {
      signals.push(signal)
      return new Promise<void>((resolve) => finish.push(resolve))
    })
    const first = desk.ask()
    const second = desk.ask()
    desk.ask()
    await desk.settle()
    // The second one, which has not begun, goes without a trace.
    desk.handlers.end(second, 'CANCELLED')
    await desk.settle()
    expect([signals.length, signals[0]?.aborted]).toEqual([1, false])
    desk.handlers.end(first, 'TIMEOUT')
    expect([signals[0]?.aborted, signals[0]?.reason]).toMatchObject([true, { code: 'TIMEOUT' }])
    desk.handlers.end(first, 'CANCELLED')
    await desk.settle()
    expect([signals.length, desk.handlers.running]).toEqual([2, 2])
    finish[0]?.()
    expect(await desk.settle()).toEqual([[1, null]])
    expect(desk.handlers.running).toBe(1)
    desk.handlers.close()
    expect(signals[1]?.reason).toMatchObject({ code: 'CLOSED' })
    // It is no longer known.
    desk.handlers.end(first, 'CANCELLED')
  })

  it('that is given up before its handler asks tells so at once', async () => {
    const desk = new Desk()
    let later: (() => AbortSignal) | undefined
    desk.handlers.register('m', (request) => {
      later = () => request.signal
      return new Promise(() => {})
    })
    const call = desk.ask()
    await desk.settle()
    desk.handlers.end(call, 'TIMEOUT')
    expect(later?.().reason).toMatchObject({ code: 'TIMEOUT' })
    const early = desk.ask('m', 'other')
    later = undefined
    desk.handlers.end(early, 'CANCELLED')
    await desk.settle()
    expect(later).toBeUndefined()
  })

  it('without a handler is answered so, or goes elsewhere', async () => {
    const desk = new Desk()
    desk.ask('none')
    expect(await desk.settle()).toEqual([[1, 'NO_HANDLER']])
    desk.ask('none')
    expect(await desk.settle()).toEqual([[2, 'NO_HANDLER']])
    const other = new Desk({
      concurrency: 1,
      handlerOf: ({ method }) => (method === 'there' ? () => 'elsewhere' : undefined),
    })
    other.handlers.register('here', () => 'here')
    for (const method of ['here', 'there', 'nowhere']) other.ask(method)
    expect(new Map((await other.settle()) as [number, unknown][])).toEqual(
      new Map([
        [1, 'here'],
        [2, 'elsewhere'],
        [3, 'NO_HANDLER'],
      ]),
    )
  })
})

describe('A method', () => {
  it('has one handler at a time, which takes no other with it when it goes', async () => {
    const desk = new Desk()
    const remove = desk.handlers.register('m', () => 'first')
    expect(() => desk.handlers.register('m', () => 'second')).toThrow('already')
    expect(() => desk.handlers.register('a b', () => 'none')).toThrow('method')
    remove()
    desk.handlers.register('m', () => 'second')
    remove()
    desk.ask()
    expect(await desk.settle()).toEqual([[1, 'second']])
  })
})

describe('Handlers that take long before they first wait', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('begin one in each turn of the event loop, users in turns, and not where nobody waits any more', async () => {
    let now = 0
    const begun: string[] = []
    const handlers = new RequestHandlers(100, 8, () => {}, silent, undefined, { ...runtime, now: () => now })
    handlers.register('m', ({ user, session }) => {
      begun.push(`${user} ${session}`)
      now += 10
    })
    const ask = (user: string, session: string): RequestCall => {
      const data = textPayload('1')
      const call = { user, session, method: 'm', data, call: 1, deadline: Infinity }
      handlers.start(call)
      return call
    }
    for (const session of ['s1', 's2', 's3']) ask('eve', session)
    handlers.end(ask('eve', 's4'), 'CANCELLED')
    const late = ask('eve', 's5')
    ask('ann', 's6')
    await Promise.resolve()
    await Promise.resolve()
    expect(begun).toEqual(['eve s1'])
    handlers.end(late, 'CANCELLED')
    for (let n = 0; n < 6; n++) await turn()
    expect([begun, handlers.running]).toEqual([['eve s1', 'eve s2', 'ann s6', 'eve s3'], 0])
  })
})
