import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import {
  type Allowance,
  defaultLimits,
  idlePorts,
  type MissingMeeting,
  type Question,
} from '../../../src/core/index.ts'
import { limits, RtmsError, toPayload } from '../../../src/protocol/index.ts'
import { Authorizer } from '../../../src/server/business/authorizer.ts'
import { toMeetingFrame } from '../../../src/server/business/frames.ts'
import { Meeting } from '../../../src/server/business/meeting.ts'
import { Meetings } from '../../../src/server/business/meetings.ts'
import { Opener } from '../../../src/server/business/opener.ts'
import { runtime } from '../../../src/server/ground/outside.ts'
import { Peers } from '../../../src/server/business/peers.ts'
import { Listeners } from '../../../src/server/business/listeners.ts'
import { Publications } from '../../../src/server/business/publications.ts'
import { Searches } from '../../../src/server/business/searches.ts'
import { Topics } from '../../../src/server/business/topics.ts'
import { Users } from '../../../src/server/business/users.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import { type Logger, silent } from '../../../src/server/ground/logger.ts'
import { Host } from '../../../src/server/host.ts'

/* What the business calls, on a real node without sockets, in the test's time. */

const { application } = idlePorts

let host: Host
let lines: object[]
let logger: Logger

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'],
  })
  lines = []
  logger = { ...silent, error: (details) => void lines.push(details) }
  host = new Host({ id: 'n1', limits: defaultLimits, bus: inProcess() }, application, {
    fault: (error) => {
      throw error
    },
    warn: () => {},
  })
})

afterEach(() => {
  host.stop()
  vi.useRealTimers()
})

/** Promises settle; the clock stands still. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}

const coded = (code: string): Error => expect.objectContaining({ code }) as Error

const topics = (): Topics =>
  new Topics(
    host,
    new Searches(),
    new Peers(host),
    new Publications(host, silent),
    new Listeners(host, silent),
  )

describe('Topics', () => {
  it('give their last publications, oldest first, and the latest values, as many as are asked for', async () => {
    const all = topics()
    all.define('t', { entries: 3 })
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['', 4],
    ] as const)
      all.publish('t', value, { key })
    all.publish('t', 'gone', { key: 'b', tombstone: true })
    // What is kept too much goes with the next sweep.
    vi.advanceTimersToNextTimer()
    const history = (limit?: number) => all.history('t', { limit }).map(({ data }) => data)
    expect([history(), history(2), history(0)]).toEqual([[3, 4, 'gone'], [4, 'gone'], []])
    const latest = (limit?: number) => all.latest('t', { limit }).map(({ key, data }) => [key, data])
    const values = [
      ['a', 3],
      ['', 4],
    ]
    expect([latest(), latest(1), latest(0), latest(9)]).toEqual([values, values.slice(1), [], values])
    expect(all.history('t', { limit: 1 })).toEqual([
      { data: 'gone', key: 'b', removed: true, time: Date.now() },
    ])
    for (const limit of [-1, 1.5, Number.NaN, '1' as never]) {
      expect(() => all.history('t', { limit })).toThrow(RangeError)
      expect(() => all.latest('t', { limit })).toThrow(RangeError)
    }
    expect([all.get('t')?.name, all.get('u'), await all.subscribers('t')]).toEqual(['t', undefined, 0])
  })

  it('take a key that can be one, and a tombstone only with a key', () => {
    const all = topics()
    for (const key of [7 as never, 'x'.repeat(limits.name + 1), '\ud800'])
      expect(() => all.publish('t', 1, { key })).toThrow(coded('BAD_NAME'))
    expect(() => all.publish('t', 1, { tombstone: true })).toThrow(coded('BAD_NAME'))
    expect(all.publish('t', 1, { key: 'x'.repeat(limits.name) })).toBeGreaterThanOrEqual(0)
    for (const bad of ['a b', '']) {
      expect(() => all.publish(bad, 1)).toThrow(coded('BAD_TOPIC'))
      for (const look of [() => all.history(bad), () => all.latest(bad), () => all.get(bad)])
        expect(look).toThrow(coded('BAD_TOPIC'))
    }
  })

  it('are defined once for a pattern, by whole numbers of what is known', () => {
    const all = topics()
    all.define('chat.*', { entries: 0, bytes: undefined, ageMs: 5 })
    expect(() => all.define('chat.*', {})).toThrow('already')
    for (const pattern of ['a b', 7 as never, 'a.*.b'])
      expect(() => all.define(pattern, {})).toThrow(coded('BAD_TOPIC'))
    for (const retention of [{ entries: -1 }, { bytes: 1.5 }, { ageMs: '1' as never }])
      expect(() => all.define('other', retention)).toThrow(RangeError)
    for (const retention of [{ toString: 1 }, { more: 1 }])
      expect(() => all.define('other', retention as object)).toThrow(TypeError)
    // What was refused was not defined.
    expect(() => all.define('other', {})).not.toThrow()
  })
})

describe('Users', () => {
  it('have sessions, which are listed up to a limit', async () => {
    const asked: unknown[] = []
    const node = {
      sessionList: (...args: unknown[]) => {
        asked.push(args)
        return []
      },
    }
    const users = new Users({ node } as never, new Peers({ node } as never))
    await users.list()
    await users.list({ user: 'ann', limit: 1 })
    await users.list({ limit: serverLimits.listed })
    expect(asked).toEqual([
      [100, undefined],
      [1, 'ann'],
      [serverLimits.listed, undefined],
    ])
    for (const limit of [0, -1, 1.5, serverLimits.listed + 1, '1' as never])
      // oxlint-disable-next-line no-await-in-loop
      await expect(users.list({ limit })).rejects.toThrow(RangeError)
    await expect(users.list({ user: '' })).rejects.toThrow(coded('BAD_NAME'))
  })

  it('are online with a connection, not with a session alone', async () => {
    const presence = vi.fn()
    const users = new Users({ node: { presence } } as never, new Peers({ node: { presence } } as never))
    for (const [connected, online] of [
      [0, false],
      [1, true],
    ] as const) {
      presence.mockReturnValue({ sessions: 2, connected })
      expect(await users.sessions('ann')).toEqual({ online, sessions: 2, connected, complete: true })
    }
    await expect(users.sessions('')).rejects.toThrow(coded('BAD_NAME'))
  })

  it('are disconnected and reached by name, with what can be said', async () => {
    const users = new Users(host, new Peers(host))
    expect([await users.disconnect('ann'), await users.push('ann', 'news', { a: 1 })]).toEqual([0, 0])
    await expect(users.disconnect('')).rejects.toThrow(coded('BAD_NAME'))
    await expect(users.disconnect('ann', { reason: 7 as never })).rejects.toThrow(TypeError)
    await expect(users.push('ann', 'a b', 1)).rejects.toThrow(coded('BAD_NAME'))
    await expect(users.push('ann', 'news', 'x'.repeat(limits.payload))).rejects.toThrow(coded('TOO_LARGE'))
    await expect(users.push('ann', 'news', () => {})).rejects.toThrow(TypeError)
  })

  it('are disconnected from within a hook when it is over', async () => {
    const calls: string[] = []
    const act = vi.fn(() => calls.push('disconnected'))
    const within = new Users({ inHook: true, act } as never, new Peers({ node: {} } as never))
    void within.disconnect('ann')
    calls.push('the hook is over')
    await settle()
    expect(calls).toEqual(['the hook is over', 'disconnected'])
    void new Users({ inHook: false, act } as never, new Peers({ node: {} } as never)).disconnect('ann')
    expect(act).toHaveBeenCalledTimes(2)
  })
})

describe('Who decides what clients may do', () => {
  const question: Question = {
    user: 'ann',
    session: '0123456789',
    action: 'join',
    name: 'm',
    spectator: false,
  } as never

  function rig() {
    const answers: Allowance[] = []
    const asks: boolean[] = []
    const authorizer = new Authorizer(
      (_, allowed) => answers.push(allowed),
      (on) => asks.push(on),
      logger,
    )
    const ask = async (): Promise<Allowance | undefined> => {
      authorizer.ask(question)
      await settle()
      return answers.shift()
    }
    return { authorizer, answers, asks, ask }
  }

  it('allows by true alone, and refuses by failing', async () => {
    for (const [answer, allowed] of [
      [true, true],
      [false, false],
      ['yes', false],
      [1, false],
      [undefined, false],
    ]) {
      for (const given of [answer, Promise.resolve(answer)]) {
        const { authorizer, ask } = rig()
        authorizer.register(() => given as never)
        expect(await ask()).toBe(allowed)
      }
    }
    expect(lines).toEqual([])
    const { authorizer, ask } = rig()
    authorizer.register(() => {
      throw new Error('of the application')
    })
    expect([await ask(), lines]).toMatchObject([false, [{ session: '01234567', action: 'join', name: 'm' }]])
  })

  it('is asked after the call that asks, with what it is about', async () => {
    const { authorizer, ask } = rig()
    const handler = vi.fn(() => true)
    authorizer.register(handler)
    const asking = ask()
    expect(handler).not.toHaveBeenCalled()
    await asking
    expect(handler).toHaveBeenCalledWith(question)
  })

  it('is asked for a few milliseconds in each turn of the event loop, users in turns', async () => {
    let now = 0
    const [asked, answers]: [string[], Allowance[]] = [[], []]
    let soon: (() => void)[] = []
    const outside = { now: () => now, soon: (action: () => void) => (soon.push(action), () => {}) }
    const authorizer = new Authorizer(
      (_, allowed) => answers.push(allowed),
      () => {},
      logger,
      outside,
    )
    authorizer.register(({ user, name }) => {
      asked.push(`${user} ${name}`)
      now += 10
      return true
    })
    for (const [user, name] of ['eve 1', 'eve 2', 'eve 3', 'ann 1'].map((each) => each.split(' ')))
      authorizer.ask({ ...(question as object), user, name } as never)
    await Promise.resolve()
    await Promise.resolve()
    expect(asked).toEqual(['eve 1'])
    for (let n = 0; n < 6; n++) {
      const due = soon
      soon = []
      for (const action of due) action()
      expect(asked.length).toBeLessThanOrEqual(n + 2)
    }
    await settle()
    expect([asked, answers]).toEqual([
      ['eve 1', 'eve 2', 'ann 1', 'eve 3'],
      [true, true, true, true],
    ])
  })

  it('is one at a time; when it has gone, the ticket alone decides', async () => {
    const { authorizer, asks, ask } = rig()
    const remove = authorizer.register(() => false)
    expect(() => authorizer.register(() => true)).toThrow('already')
    remove()
    expect(await ask()).toBe(true)
    authorizer.register(() => false)
    // The one that has gone takes nobody else with it.
    remove()
    expect([await ask(), asks]).toEqual([false, [true, false, true]])
  })
})

describe('Who opens meetings on demand', () => {
  const missing = { name: 'm', user: 'ann' } as MissingMeeting

  function rig() {
    const opened: unknown[] = []
    const told: unknown[] = []
    const asks: boolean[] = []
    const node = {
      openOnDemand: (on: boolean) => asks.push(on),
      handleMissing: (of: unknown) => told.push(of),
    }
    const hands = {
      node,
      outside: runtime,
      handle: (call: (n: typeof node, now: number) => void) => call(node, 0),
    }
    const opener = new Opener(hands as never, logger, async ({ name }, options) =>
      opened.push([name, options]),
    )
    const ask = async (): Promise<unknown[]> => {
      opener.ask(missing)
      await settle()
      return opened.splice(0)
    }
    return { opener, told, asks, ask }
  }

  it('opens with the options that it names, or not at all', async () => {
    for (const [options, expected] of [
      [{ capacity: 3 }, [['m', { capacity: 3 }]]],
      [null, []],
      [undefined, []],
    ] as const) {
      const { opener, told, ask } = rig()
      opener.register(async () => options)
      expect([await ask(), told]).toEqual([expected, [missing]])
    }
    expect(lines).toEqual([])
  })

  it('has a few milliseconds of each turn of the event loop for that, whether it answers at once or later', async () => {
    for (const answers of ['at once', 'later']) {
      let now = 0
      let soon: (() => void)[] = []
      const outside = { now: () => now, soon: (action: () => void) => (soon.push(action), () => {}) }
      const told: string[] = []
      const node = { openOnDemand: () => {}, handleMissing: () => {} }
      const handle = (call: (n: typeof node, at: number) => void): void => call(node, 0)
      const opener = new Opener({ node, outside, handle } as never, logger, ({ name }) => {
        now += 3
        told.push(name)
        return Promise.resolve()
      })
      opener.register(() => (answers === 'later' ? Promise.resolve({}) : {}))
      for (const name of ['a', 'b', 'c', 'd', 'e']) opener.ask({ ...missing, name })
      opener.ask({ name: 'f', user: 'bob' })
      const turns: string[] = []
      for (let n = 0; n < 4; n++) {
        // oxlint-disable-next-line no-await-in-loop -- One turn after the other.
        await settle()
        turns.push(told.splice(0).join(''))
        for (const action of soon.splice(0)) action()
      }
      expect([answers, turns]).toEqual([answers, ['ab', 'cf', 'de', '']])
    }
  })

  it('and fails is logged, and the client is answered', async () => {
    const { opener, told, ask } = rig()
    opener.register(() => {
      throw new Error('of the application')
    })
    expect([await ask(), told, lines]).toMatchObject([[], [missing], [{ meeting: 'm' }]])
    opener.late(missing)
    expect(lines).toHaveLength(2)
  })

  it('is one at a time', async () => {
    const { opener, told, asks, ask } = rig()
    const remove = opener.register(() => ({}))
    expect(() => opener.register(() => ({}))).toThrow('already')
    remove()
    expect([await ask(), told]).toEqual([[], [missing]])
    opener.register(() => ({}))
    remove()
    expect([await ask(), asks]).toEqual([[['m', {}]], [true, false, true]])
  })
})

describe('Meetings', () => {
  it('of a kind are the same object while they are open, and another one afterwards', async () => {
    const meetings = new Meetings(host, logger, new Searches(), new Peers(host))
    const seen: unknown[] = []
    meetings.define('quiz', {
      capacity: 3,
      onOpen: (meeting) => seen.push(meeting),
      onClose: (meeting) => seen.push(meeting),
    })
    const first = await meetings.open('m', { kind: 'quiz', frameRate: 0 })
    expect([meetings.get('m'), await meetings.open('m'), seen]).toEqual([first, first, [first]])
    expect(first.info).toMatchObject({ kind: 'quiz', capacity: 3, frameRate: 0 })
    meetings.close('m')
    expect([meetings.get('m'), seen.length]).toEqual([undefined, 2])
    expect(() => first.info).toThrow(coded('CLOSED'))
    const second = await meetings.open('m')
    expect(second).not.toBe(first)
    expect([...(await meetings.list({ kind: 'quiz' }))]).toEqual([])
    expect([...(await meetings.list())]).toMatchObject([{ name: 'm', kind: '' }])
  })

  it('are refused with a code where there are too many, and for what is not known', async () => {
    const limited = new Host(
      { id: 'n2', limits: { ...defaultLimits, meetings: 1 }, bus: inProcess() },
      application,
      {
        fault: () => {},
        warn: () => {},
      },
    )
    const meetings = new Meetings(limited, logger, new Searches(), new Peers(limited))
    await meetings.open('a')
    await expect(meetings.open('b')).rejects.toThrow(coded('LIMIT'))
    await expect(meetings.open('c', { kind: 'none' })).rejects.toThrow(coded('UNSUPPORTED'))
    await expect(meetings.open('a b')).rejects.toThrow(coded('BAD_NAME'))
    expect(() => meetings.define('a b', {})).toThrow(coded('BAD_NAME'))
    limited.stop()
  })

  it('tell every option that is wrong', async () => {
    const meetings = new Meetings(host, logger, new Searches(), new Peers(host))
    const wrong = {
      capacity: 256,
      frameRate: 61,
      frameBytes: 262_145,
      ttlMs: 0,
      joinsPerMinute: 1_001,
      config: 'x'.repeat(256),
    }
    const names = await meetings.open('m', { ...wrong, metadata: [] as never, more: 1 } as never).then(
      () => [],
      ({ message }: Error) =>
        message
          .split('\n')
          .slice(1)
          .map((line) => line.trim().split(':')[0]),
    )
    expect(new Set(names)).toEqual(new Set([...Object.keys(wrong), 'metadata', 'more']))
    for (const metadata of [null, 7])
      await expect(meetings.open('m', { metadata } as never)).rejects.toThrow('metadata')
    expect(() => meetings.define('k', { onOpen: 7 as never })).toThrow('onOpen')
    const most = {
      capacity: 255,
      frameRate: 60,
      ttlMs: 1,
      joinsPerMinute: 1_000,
      spectatorDelayMs: 3_600_000,
    }
    const meeting = await meetings.open('m', { ...most, metadata: { a: 1 }, config: 'x'.repeat(255) })
    expect([meeting.info, meeting.metadata]).toMatchObject([{ capacity: 255, frameRate: 60 }, { a: 1 }])
  })

  it('have bots, whose inputs are of the size that the meeting allows', async () => {
    const meetings = new Meetings(host, logger, new Searches(), new Peers(host))
    const meeting = await meetings.open('m', { inputBytes: 5, inputBurst: 2, frameRate: 0 })
    const bot = meeting.addBot('robot')
    expect(meeting.members).toMatchObject([{ slot: 0, user: 'robot' }])
    bot.send('123')
    expect(() => bot.send('1234')).toThrow(coded('TOO_LARGE'))
    expect(() => bot.send(() => {})).toThrow(TypeError)
    bot.send('abc')
    expect(() => bot.send('abc')).toThrow(coded('BUSY'))
    bot.leave()
    expect(() => bot.send('abc')).toThrow(coded('CLOSED'))
    expect(() => meeting.addBot('')).toThrow(coded('BAD_NAME'))
    meeting.close()
    expect(() => meeting.addBot('robot')).toThrow(coded('CLOSED'))
    meeting.close()
  })

  it('give their frames again, from and to a number', async () => {
    const meetings = new Meetings(host, logger, new Searches(), new Peers(host))
    const meeting = await meetings.open('m', { frameRate: 0, ttlMs: 60_000 })
    expect(meeting.history()).toEqual([])
    for (const bound of [-1, 1.5, Number.NaN]) {
      expect(() => meeting.history({ from: bound })).toThrow(RangeError)
      expect(() => meeting.history({ to: bound })).toThrow(RangeError)
    }
    meeting.close()
    expect(() => meeting.history()).toThrow(coded('CLOSED'))
  })
})

/** The logic that the core would call, and what is thrown to nobody. */
async function logicOf(hooks: object) {
  const meetings = new Meetings(host, logger, new Searches(), new Peers(host))
  meetings.define('k', hooks)
  let logic: { readonly [hook: string]: (...args: unknown[]) => unknown } = {}
  const open = vi.spyOn(host.node, 'openMeeting').mockImplementation((_name, _options, _now, business) => {
    logic = business?.logic as typeof logic
    return null
  })
  vi.spyOn(host.node, 'meeting').mockReturnValue({ name: 'm' } as never)
  await meetings.open('m', { kind: 'k' })
  open.mockRestore()
  return logic
}

describe('A frame of a meeting', () => {
  it('has its events, and its inputs, each read once', () => {
    const entry = { slot: 3, seq: 7, data: toPayload({ hit: 1 }) }
    const frame = toMeetingFrame({ number: 5, events: [{ type: 'away', slot: 1 }], inputs: [entry] })
    expect([frame.number, frame.events]).toEqual([5, [{ type: 'away', slot: 1 }]])
    const [input] = frame.inputs
    expect(input).toMatchObject({ slot: 3, seq: 7, data: { hit: 1 } })
    expect(input?.data).toBe(input?.data)
  })
})

/** A meeting whose node notes what it is told; `seated`: whether somebody has the slot by now. */
function noted(inHook: boolean, seated = true) {
  const told: unknown[] = []
  const node = {
    sendTo: (...args: unknown[]) => told.push(['sendTo', ...args]) > 0 && seated,
    kick: (...args: unknown[]) => told.push(['kick', ...args]) > 0,
    meeting: () => undefined,
    closeMeeting: (...args: unknown[]) => told.push(['close', ...args]),
  }
  const later: (() => void)[] = []
  const call = (what: (n: typeof node) => unknown): unknown => what(node)
  const afterHook = (what: (n: typeof node) => unknown): unknown =>
    inHook ? later.push(() => void call(what)) : call(what)
  const hands = { node, inHook, act: call, afterHook }
  return { meeting: new Meeting(hands as never, logger, 'm'), told, later }
}

describe('What is said to one member, and a kick', () => {
  it('is done at once, once', () => {
    const { meeting, told } = noted(false)
    meeting.sendTo(3, 'x')
    meeting.kick(3)
    meeting.kick(3, 'rude')
    expect(told).toEqual([
      ['sendTo', 'm', 3, toPayload('x')],
      ['kick', 'm', 3, 'the business ended the membership'],
      ['kick', 'm', 3, 'rude'],
    ])
    expect(() => meeting.sendTo(3, 'x'.repeat(limits.payload))).toThrow(coded('TOO_LARGE'))
  })

  it('is done within a hook where there is somebody, else when the hook is over, as a kick is', () => {
    const seated = noted(true)
    seated.meeting.sendTo(3, 'x')
    expect([seated.told.length, seated.later.length]).toEqual([1, 0])
    seated.meeting.kick(3)
    expect([seated.told.length, seated.later.length]).toEqual([1, 1])
    const empty = noted(true, false)
    empty.meeting.sendTo(3, 'x')
    expect(empty.later).toHaveLength(1)
  })
})

describe('The hooks of a kind', () => {
  const data = toPayload({ hit: 1 })

  it('are only those that were given', async () => {
    // A kind without hooks has no state, so a meeting of it can go to another node as it is.
    expect(Object.keys(await logicOf({})).toSorted()).toEqual([
      'close',
      'moved',
      'restore',
      'revive',
      'snapshot',
    ])
    const all = ['onJoin', 'onInput', 'onFrame', 'onLeave', 'onClose']
    const logic = await logicOf(Object.fromEntries(all.map((name) => [name, () => {}])))
    const own = ['close', 'moved', 'restore']
    expect(Object.keys(logic).toSorted()).toEqual(
      [...own, 'frame', 'input', 'isBehind', 'join', 'leave'].toSorted(),
    )
  })

  it.each<[string, () => unknown, unknown]>([
    ['nothing', () => undefined, null],
    ['true', () => true, null],
    ['false', () => false, { code: 'FORBIDDEN' }],
    [
      'a refusal',
      () => failing(new RtmsError('FULL', 'no', { retryAfterMs: 5 })),
      { code: 'FULL', message: 'no', retryAfterMs: 5 },
    ],
    ['an error', () => failing(new Error('x')), { code: 'HANDLER_FAILED' }],
    ['a promise', () => Promise.reject(new Error('x')), { code: 'HANDLER_FAILED' }],
  ])('let somebody in, or not: onJoin gives %s', async (_, onJoin, expected) => {
    const logic = await logicOf({ onJoin })
    const answer = logic['join']?.(3, 'ann')
    if (expected === null) expect(answer).toBeNull()
    else expect(answer).toMatchObject(expected as object)
  })

  it.each<[string, () => unknown, unknown]>([
    ['nothing', () => undefined, data],
    ['true', () => true, data],
    ['null', () => null, { code: 'FORBIDDEN' }],
    ['false', () => false, { code: 'FORBIDDEN' }],
    ['a value', () => ({ hit: 2 }), toPayload({ hit: 2 })],
    ['as many bytes as fit', () => new Uint8Array(limits.input), toPayload(new Uint8Array(limits.input))],
    ['one byte more', () => new Uint8Array(limits.input + 1), { code: 'HANDLER_FAILED' }],
    ['what cannot be sent', () => () => {}, { code: 'HANDLER_FAILED' }],
    [
      'a refusal',
      () => failing(new RtmsError('RATE', 'slow', { retryAfterMs: 5 })),
      { code: 'RATE', retryAfterMs: 5 },
    ],
    ['a promise', () => Promise.reject(new Error('x')), { code: 'HANDLER_FAILED' }],
  ])('change an input, or drop it: onInput gives %s', async (_, onInput, expected) => {
    const logic = await logicOf({ onInput })
    expect(logic['input']?.(3, 'ann', data)).toMatchObject(expected as object)
  })

  it('are told who it is about', async () => {
    const told: unknown[] = []
    const note = (given: { readonly slot: number; readonly user: string }) => void told.push(given)
    const logic = await logicOf({ onJoin: note, onInput: note, onLeave: note })
    logic['join']?.(3, 'ann')
    logic['input']?.(3, 'ann', data)
    logic['leave']?.(3, 'ann', 'left')
    expect(told).toMatchObject([
      { slot: 3, user: 'ann' },
      { slot: 3, user: 'ann', data: { hit: 1 } },
      { slot: 3, user: 'ann', reason: 'left' },
    ])
  })

  it('that fail are logged, and do not disturb the node', async () => {
    const logic = await logicOf({ onFrame: fails, onLeave: fails, onClose: fails })
    logic['frame']?.({ number: 1, events: [], inputs: [] })
    logic['leave']?.(0, 'ann', 'left')
    logic['close']?.()
    expect(lines).toMatchObject(
      ['onFrame', 'onLeave', 'onClose'].map((hook) => ({ kind: 'k', meeting: 'm', hook })),
    )
  })
})

const fails = (): never => failing(new Error('of the application'))

function failing(error: Error): never {
  throw error
}
