import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultLimits, fixedLimits } from '../../../src/core/ground/config.ts'
import { Rate } from '../../../src/core/ground/rate.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { Timers } from '../../../src/core/ground/timers.ts'
import { weights } from '../../../src/core/ground/weights.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { Outlet } from '../../../src/core/log/log.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { mayJoin, mayRead, mayWrite } from '../../../src/core/session/grant.ts'
import type { Seat, Subscription } from '../../../src/core/session/parts.ts'
import { Session } from '../../../src/core/session/session.ts'
import { shorten, wholeWait } from '../../../src/core/session/told.ts'
import { Sessions } from '../../../src/core/session/sessions.ts'
import { weighMessage } from '../../../src/core/session/upstream-queue.ts'
import { matches } from '../../../src/protocol/names.ts'
import { User } from '../../../src/core/session/user.ts'
import { type ClientMessage, limits, type MessageOf } from '../../../src/protocol/index.ts'
import { MAX_UINT, SYSTEM_SLOT } from '../../../src/protocol/limits.ts'
import { grant, RecordingTransport } from './harness.ts'
import { endless, userOf } from './payers.ts'

const all = { ...defaultLimits, ...fixedLimits }
const outlet = (): Outlet => new Outlet(new RecordingTransport(() => 0), false, 0)

function make(parts: Parameters<typeof grant>[1] = {}): Session {
  const budget = endless()
  const host = {
    limits: all,
    budget,
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  return new Session('s', grant('ann', parts), userOf(new Account(ratesOf(all), 'ann'), budget), host)
}

/** A seat that notes what happens to it. */
function seat(name: string, slot: number, said: string[], stays = true, weight = 100): Seat {
  return {
    name,
    slot,
    weight,
    place: slot === 1 ? { of: 'meeting', name, position: 5, first: 1, next: 9 } : null,
    last: 0,
    seen: (frame) => said.push(`${name} seen ${frame}`),
    turnAway: () => {},
    accept: () => null,
    detach: () => {
      said.push(`${name} detached`)
      return stays
    },
    end: (reason) => said.push(`${name} ${reason}`),
  }
}

function subscription(name: string, said: string[], weight = 10): Subscription {
  const place = { of: 'topic', name, position: 1, first: 1, next: 1 } as const
  return { name, weight, place, end: () => said.push(`${name} ended`) }
}

describe('A session', () => {
  it('pays for its seats and subscriptions until they end, whichever way', () => {
    const said: string[] = []
    const session = make()
    const { payer } = session
    session.sit(1, seat('m1', 1, said))
    session.sit(2, seat('m2', SYSTEM_SLOT, said, false, 30))
    expect(session.subscribe(3, subscription('t3', said))).toBeUndefined()
    const second = subscription('t3', said, 14)
    expect(session.subscribe(3, second)?.weight).toBe(10)
    session.subscribe(4, subscription('t4', said, 5))
    expect(payer.held).toBe(100 + 30 + 14 + 5)
    session.unsubscribe(4, 0)
    session.unsubscribe(4, 0)
    session.unsubscribe(99, 0)
    expect([payer.held, session.leave(99, 'left')]).toEqual([144, false])
    session.stopReading(0)
    expect([payer.held, [...session.seats.keys()], session.subscriptions.size]).toEqual([100, [1], 0])
    expect([session.leave(1, 'left'), payer.held]).toEqual([true, 0])
    session.stand(1)
    expect(payer.held).toBe(0)
    expect(said).toEqual(['t4 ended', 'm1 detached', 'm2 detached', 't3 ended', 'm1 left'])
  })

  it('tells each meeting what the client has seen, and passes over logs that it does not know', () => {
    const said: string[] = []
    const session = make()
    session.sit(1, seat('m1', 1, said))
    const seen = [
      { log: 7, frame: 3 },
      { log: 1, frame: 4 },
    ]
    session.acknowledge({ type: 'ack', bytes: 0, received: 0, seen } satisfies MessageOf<'ack'>)
    expect(said).toEqual(['m1 seen 4'])
  })

  it('loses what a new token does not grant, each by its own right', () => {
    const said: string[] = []
    const session = make()
    session.sit(1, seat('watched', SYSTEM_SLOT, said))
    session.sit(2, seat('played', 1, said))
    session.sit(3, seat('watched', 1, said))
    session.sit(4, seat('other', SYSTEM_SLOT, said))
    session.subscribe(5, subscription('news.a', said))
    session.subscribe(6, subscription('prices', said))
    session.grant = grant('ann', {
      meetings: [
        { name: 'watched', role: 'spectator' },
        { name: 'played', role: 'member' },
      ],
      read: ['news.*'],
    })
    expect(session.withdraw(0)).toEqual([3, 4, 6])
    expect([[...session.seats.keys()], [...session.subscriptions.keys()]]).toEqual([[1, 2], [5]])
    expect(said).toEqual(['watched forbidden', 'other forbidden', 'prices ended'])
    expect(session.withdraw(0)).toEqual([])
  })

  it('is held while its message waits for an answer, pays for that, and is not held once it has ended', () => {
    const session = make()
    const join: ClientMessage = { type: 'leave', call: 1, log: 1 }
    session.wait(join)
    expect([session.isHeld, session.payer.held]).toEqual([true, weighMessage(join) + weights.question])
    session.goOn()
    session.goOn()
    expect([session.isHeld, session.payer.held]).toEqual([false, 0])
    session.wait(join)
    session.state = { is: 'ended' }
    expect([session.isHeld, session.ended, session.outlet]).toEqual([false, true, null])
  })

  it('floods when it was refused more often than its rate allows', () => {
    const session = make()
    const rate = new Rate(10, 1_000, 3)
    expect([0, 0, 0, 0, 99, 100, 100].map((now) => session.isFlooding(rate, now))).toEqual([
      false,
      false,
      false,
      true,
      true,
      false,
      true,
    ])
  })

  it('describes itself, with no more topics than the limit, and all of its meetings', () => {
    const session = make()
    const away = session.info(2)
    expect(away).toMatchObject({
      user: 'ann',
      connected: false,
      unacknowledgedBytes: 0,
      window: 0,
      requests: 2,
    })
    session.state = { is: 'live', outlet: outlet() }
    Object.assign(session.outlet ?? {}, { sent: 50, acknowledged: 20, window: 1_000 })
    session.sit(1, seat('m1', 1, []))
    session.sit(2, seat('m2', SYSTEM_SLOT, []))
    session.upstream.push({ type: 'leave', call: 1, log: 1 })
    const { sessionTopics } = fixedLimits
    for (let n = 0; n < sessionTopics + 2; n++) session.subscribe(10 + n, subscription(`t${n}`, []))
    const info = session.info(0)
    expect(info).toMatchObject({
      connected: true,
      unacknowledgedBytes: 30,
      window: 1_000,
      meetings: [
        { name: 'm1', slot: 1 },
        { name: 'm2', slot: SYSTEM_SLOT },
      ],
      subscriptions: sessionTopics + 2,
      waiting: { messages: 1, bytes: session.upstream.bytes },
    })
    expect(info.topics).toEqual(Array.from({ length: sessionTopics }, (_, n) => `t${n}`))
    expect(info.cursors).toHaveLength(sessionTopics + 1)
    expect(info.cursors[0]).toEqual({ of: 'meeting', name: 'm1', position: 5, first: 1, next: 9 })
  })
})

describe('The rights of a token', () => {
  it('are those of any of its patterns, in the role that each gives', () => {
    const rights = grant('ann', {
      meetings: [
        { name: 'arena.*', role: 'spectator' },
        { name: 'arena.1', role: 'member' },
      ],
      read: ['news', 'prices.*'],
      write: ['chat', 'prices.a'],
    })
    const join = (name: string): unknown => [mayJoin(rights, name, false), mayJoin(rights, name, true)]
    expect(['arena.1', 'arena.2', 'other'].map(join)).toEqual([
      [true, true],
      [false, true],
      [false, false],
    ])
    expect(['news', 'prices.b', 'chat'].map((topic) => mayRead(rights, topic))).toEqual([true, true, false])
    expect(['chat', 'prices.a', 'prices.b'].map((topic) => mayWrite(rights, topic))).toEqual([
      true,
      true,
      false,
    ])
    const none = grant('ann', { meetings: [], read: [], write: [] })
    expect([mayJoin(none, 'm', true), mayRead(none, 't'), mayWrite(none, 't')]).toEqual([false, false, false])
  })

  it('are the same however many patterns it has: each name is looked up, not compared with all of them', () => {
    const segment = fc.constantFrom('a', 'b', 'c')
    const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'))
    const pattern = fc.oneof(
      name,
      name.map((prefix) => `${prefix}.*`),
      fc.constant('*'),
    )
    const odd = fc.constantFrom('', '.', 'a.', 'a..b', '.a', 'a.*', '*', 'a.b.', `${'a.'.repeat(40_000)}a`)
    const role = fc.constantFrom('member' as const, 'spectator' as const)
    const meetings = fc.array(fc.record({ name: pattern, role }), { maxLength: 30 })
    fc.assert(
      fc.property(
        meetings,
        fc.array(pattern, { maxLength: 30 }),
        fc.oneof(name, odd),
        (meetings, read, asked) => {
          const rights = grant('ann', { meetings, read, write: read })
          const isAny = (patterns: readonly string[]): boolean =>
            patterns.some((each) => matches(each, asked))
          const members = meetings.filter((each) => each.role === 'member')
          expect([mayRead(rights, asked), mayWrite(rights, asked)]).toEqual([isAny(read), isAny(read)])
          expect(mayJoin(rights, asked, true)).toBe(isAny(meetings.map((each) => each.name)))
          expect(mayJoin(rights, asked, false)).toBe(isAny(members.map((each) => each.name)))
        },
      ),
    )
    let reads = 0
    const many = Array.from({ length: 800 }, (_, n) => `p${n}.*`)
    const counted = new Proxy(many, { get: (list, at) => (reads++, Reflect.get(list, at) as unknown) })
    const rights = grant('ann', { read: counted })
    const found = Array.from({ length: 1_000 }, (_, n) => mayRead(rights, `p${n}.x`)).filter(Boolean)
    expect(found).toHaveLength(800)
    expect(reads).toBeLessThan(5_000)
  })
})

describe('What the business says', () => {
  it('to wait is a whole number that fits the wire', () => {
    expect([0, 1.4, 1.5, -3, Infinity, -Infinity, Number.NaN, MAX_UINT].map(wholeWait)).toEqual([
      0,
      1,
      2,
      0,
      MAX_UINT,
      0,
      0,
      MAX_UINT,
    ])
  })

  it('as a reason is cut to what the field carries, which is seen, and no character is split', () => {
    const { reason } = limits
    const sign = 3
    for (const [character, size] of [
      ['a', 1],
      ['ä', 2],
      ['水', 3],
      ['🐉', 4],
    ] as const) {
      const most = Math.floor(reason / size)
      for (const length of [0, 1, most - 1, most])
        expect(shorten(character.repeat(length))).toBe(character.repeat(length))
      for (const length of [most + 1, 10 * most])
        expect(shorten(character.repeat(length))).toBe(`${character.repeat((reason - sign) / size)}…`)
    }
    expect(shorten(`${'a'.repeat(reason - 2)}ä`)).toBe(`${'a'.repeat(reason - 2)}ä`)
    expect(shorten(`${'a'.repeat(reason - 1)}ä`)).toBe(`${'a'.repeat(reason - sign)}…`)
    expect(shorten(`ä${'a'.repeat(reason)}`)).toBe(`ä${'a'.repeat(reason - 2 - sign)}…`)
    expect(shorten('🐉'.repeat(2_000_000))).toBe(`${'🐉'.repeat(30)}…`)
  })

  it('as a reason is cut between words, unless that would cost half of it', () => {
    const { reason } = limits
    const words = 'Expected a whole number. '.repeat(10)
    expect(shorten(words)).toBe(`${'Expected a whole number. '.repeat(4)}Expected a whole…`)
    expect(shorten(shorten(words))).toBe(shorten(words))
    expect(shorten(`why: ${'x'.repeat(reason)}`)).toBe(`why: ${'x'.repeat(reason - 8)}…`)
    expect(shorten(`${'y'.repeat(70)} ${'x'.repeat(reason)}`)).toBe(`${'y'.repeat(70)}…`)
  })
})

/** A user without sessions, and the outlets whose readers the user has given up. */
function payingUser() {
  const slow: Outlet[] = []
  const budget = endless()
  const user = new User<Session>(new Account(ratesOf(all), 'ann'), budget.ledgers.user, {
    slow: (each) => slow.push(each),
    expired: () => {},
  })
  const host = {
    limits: all,
    budget,
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  return { user, host, slow }
}

describe('A user who holds too much', () => {
  it('gives up connections whose control messages are not read, no more of them than is needed', () => {
    const cut = (bytes: number): number[] => {
      const { user, host, slow } = payingUser()
      const outlets = [0, 2, 3, 1].map((count) => {
        const session = new Session('s', grant('ann'), user, host)
        const made = outlet()
        session.state = { is: 'live', outlet: made }
        made.control.push(...Array.from({ length: count }, () => Encoded.of({ type: 'ping', time: 1 })))
        user.sessions.add(session)
        return made
      })
      user.sessions.add(new Session('away', grant('ann'), user, host))
      // As much as the node charges for what waits, and a little that cannot be given up.
      user.hold(6 * weights.control + 50)
      user.shrinkTo(bytes)
      return slow.map((each) => outlets.indexOf(each))
    }
    const { control } = weights
    const at = (messages: number): number => messages * control + 50
    expect([at(6), at(6) - 1, at(4), at(4) - 1, at(1), at(1) - 1, 0].map(cut)).toEqual([
      [],
      [1],
      [1],
      [1, 2],
      [1, 2],
      [1, 2, 3],
      [1, 2, 3],
    ])
  })

  it('gives up entries of session logs: first of sessions that are away, and no more than is needed', () => {
    const { user, host, slow } = payingUser()
    const sessions = ['live', 'away', 'read'].map((id) => new Session(id, grant('ann'), user, host))
    const [live, away, reader] = sessions as [Session, Session, Session]
    live.state = { is: 'live', outlet: outlet() }
    reader.state = { is: 'live', outlet: outlet() }
    for (const session of sessions) {
      user.sessions.add(session)
      if (session.outlet !== null) session.log.attach(session.outlet, 0)
      for (let n = 0; n < 4; n++) session.log.append(new Uint8Array(100))
    }
    const each = 100 + weights.bytes + weights.place
    for (let n = 0; n < 4; n++) if (reader.log.cursor !== null) reader.log.read(reader.log.cursor)
    expect(user.held).toBe(12 * each)
    user.shrinkTo(12 * each)
    expect(user.held).toBe(12 * each)
    user.shrinkTo(11 * each)
    expect([user.held, slow]).toEqual([11 * each, []])
    user.shrinkTo(9 * each - 1)
    expect([user.held, slow]).toEqual([8 * each, []])
    const lost = away.log.attach(outlet(), 0)
    expect(lost).toBe(4)
    // Now those with a connection: the first in order, whose reader had not read them.
    user.shrinkTo(7 * each)
    expect([user.held, slow]).toEqual([7 * each, [live.outlet]])
    // One that has read all is not too slow.
    user.shrinkTo(2 * each)
    expect([user.held, slow]).toEqual([2 * each, [live.outlet, live.outlet]])
  })
})

function sessionsOf(parts: Partial<typeof all> = {}) {
  const timers = new Timers()
  const stats = new Stats()
  const limitsOf = { ...all, ...parts }
  let id = 0
  const config = {
    id: 'n',
    incarnation: 1,
    wallOffset: 1_000,
    entropy: (count: number) => new Uint8Array(count).fill(++id),
    limits: limitsOf,
  }
  const host = {
    limits: limitsOf,
    budget: endless(),
    slow: () => {},
    expired: () => {},
    caughtUp: () => {},
    counted: () => {},
    sendOn: () => {},
  }
  const sessions = new Sessions(config, timers, stats, host)
  const attach = (user: string, session = '', expires = 0): ReturnType<Sessions['attach']> => {
    const hello = { session } as MessageOf<'hello'>
    return sessions.attach(outlet(), hello, grant(user, { expires }))
  }
  const open = (user: string): Session => {
    const result = attach(user)
    if (typeof result === 'string') throw new Error(result)
    return result.session
  }
  return { sessions, timers, stats, attach, open }
}

describe('The sessions of a node', () => {
  it('have ids of their own, and go on for their user alone', () => {
    const { sessions, attach, open, stats } = sessionsOf({ sessionsPerUser: 2 })
    const session = open('ann')
    expect(session.id).toBe('01'.repeat(16))
    expect(attach('ann', session.id)).toMatchObject({ session, resumed: true, reason: '' })
    expect(attach('bob', session.id)).toBe('stolen')
    expect(attach('ann', 'gone')).toMatchObject({ resumed: false, reason: 'NOT_FOUND' })
    expect(attach('ann')).toBe('limit')
    expect(sessions.presence('ann')).toEqual({ sessions: 2, connected: 2 })
    sessions.detach(session, 0)
    expect([sessions.presence('ann'), sessions.presence('bob')]).toEqual([
      { sessions: 2, connected: 1 },
      { sessions: 0, connected: 0 },
    ])
    sessions.remove(session, 0)
    expect([sessions.size, stats.sessionsOpened, stats.sessionsResumed, stats.sessionsEnded]).toEqual([
      1, 2, 1, 1,
    ])
    expect(session.payer.held).toBe(weights.session)
  })

  it('make room by the one that is away for longest, rather one without a seat', () => {
    const { sessions, open } = sessionsOf()
    const [one, two, three, live] = ['ann', 'ann', 'ann', 'ann'].map(open) as [
      Session,
      Session,
      Session,
      Session,
    ]
    expect([sessions.loser('ann'), sessions.loser('nobody')]).toEqual([undefined, undefined])
    sessions.detach(three, 10)
    sessions.detach(one, 20)
    sessions.detach(two, 30)
    expect(sessions.loser('ann')).toBe(three)
    three.sit(1, seat('m', 1, []))
    expect(sessions.loser('ann')).toBe(one)
    for (const session of [one, two]) session.sit(1, seat('m', 1, []))
    expect(sessions.loser('ann')).toBe(three)
    for (const session of [one, two, three]) sessions.remove(session, 40)
    expect([sessions.loser('ann'), live.outlet === null]).toEqual([undefined, false])
  })

  it('end with their tokens, in the wall time of the moment', () => {
    const { sessions, timers, attach } = sessionsOf({ sessionKeepMs: 500 })
    const first = attach('ann', '', 61_000)
    if (typeof first === 'string') throw new Error(first)
    const { session } = first
    expect([timers.next, timers.size]).toEqual([60_000, 1])
    sessions.retime()
    expect(timers.next).toBe(60_000)
    sessions.detach(session, 100)
    expect(timers.next).toBe(600)
    // Whoever is away waits for a connection, whatever the wall clock says.
    sessions.retime()
    expect(timers.next).toBe(600)
    attach('ann', session.id)
    expect(timers.size).toBe(0)
    sessions.remove(session, 200)
    expect([sessions.size, timers.size]).toEqual([0, 0])
  })
})

describe('A session whose message waits for an answer', () => {
  it('gives back all that it has held for that, also where it waits again before it has gone on', () => {
    const session = make()
    const message: ClientMessage = { type: 'leave', call: 1, log: 1 }
    const before = session.payer.held
    session.wait(message, 2)
    session.wait(message)
    expect(session.payer.held - before).toBe(weighMessage(message) + weights.question)
    session.goOn()
    expect(session.payer.held).toBe(before)
  })
})
