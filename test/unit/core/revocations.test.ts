import { describe, expect, it } from 'vitest'
import { Revocations } from '../../../src/core/door/revocations.ts'
import type { ToldRevocation } from '../../../src/core/index.ts'
import { framesOf, grant, Harness, type Peer } from './harness.ts'

/** A harness whose tokens are those of a user, issued at a wall time and with an id: `ann 5 a`. */
function harness(limits = {}): { h: Harness; token: (user: string, issued: number, id?: string) => string } {
  const h = new Harness(limits)
  return {
    h,
    token(user, issued, id = '') {
      const token = `${user} ${issued} ${id}`
      h.application.grants.set(token, grant(user, { issued, id }))
      return token
    },
  }
}

function tried(h: Harness, token: string, session = ''): Peer {
  const peer = h.open()
  peer.hello(token, { session })
  h.settle()
  return peer
}

describe('The business', () => {
  it('hears of each connection of a session, and once that the session is over', () => {
    const h = new Harness({ sessionKeepMs: 1_000 })
    const first = h.connect('ann')
    first.hangUp()
    const second = h.connect('ann', { session: first.session })
    h.connect('ann', { session: first.session })
    expect(second.closed).toBe(4404)
    h.connect('bob').hangUp(true)
    h.advance(100_000)
    expect(h.application.presence).toEqual([
      'ann came',
      'ann LOST',
      'ann is back',
      'ann REPLACED',
      'ann is back',
      'bob came',
      'bob LEFT, over',
      'ann SILENT',
      'ann ABANDONED, over',
    ])
  })

  it('hears nothing of connections that never had a session', () => {
    const h = new Harness()
    h.application.grants.set('bad', null)
    tried(h, 'bad')
    h.open().hangUp()
    h.advance(10_000)
    expect(h.application.presence).toEqual([])
    expect(Object.fromEntries(h.node.stats.connectionsLost)).toEqual({ UNAUTHENTICATED: 1, LOST: 1 })
  })

  it('can have a user come back with a fresh ticket', () => {
    const h = new Harness()
    const peers = [h.connect('ann'), h.connect('ann'), h.connect('bob')] as const
    expect(h.node.disconnect('ann', 'new rights', false, h.now)).toBe(2)
    expect(peers.map(({ closed }) => closed)).toEqual([4451, 4451, null])
    expect(peers[0].takeOf('goodbye')).toMatchObject([{ reason: 'new rights' }])
    expect(h.node.presence('ann')).toEqual({ sessions: 2, connected: 0 })
    h.connect('ann', { session: peers[0].session })
    expect(h.application.presence.at(-1)).toBe('ann is back')
    expect(h.node.presence('ann')).toEqual({ sessions: 2, connected: 1 })
    expect(h.node.disconnect('cyd', '', false, h.now)).toBe(0)
  })

  it('can end all sessions of a user, those without a connection too', () => {
    const h = new Harness()
    h.node.openMeeting('m', { frameRate: 0 }, h.now)
    const [here, gone, other] = [h.connect('ann'), h.connect('ann'), h.connect('bob')]
    for (const peer of [here, gone, other]) h.seat(peer, 'm')
    here.request('r')
    h.settle()
    gone.hangUp()
    h.settle()
    other.take()
    expect(h.node.disconnect('ann', 'enough', true, h.now)).toBe(1)
    expect(here.closed).toBe(4402)
    expect(h.node.presence('ann')).toEqual({ sessions: 0, connected: 0 })
    expect(h.application.presence.slice(-2).sort()).toEqual(['ann REVOKED, over', 'ann REVOKED, over'])
    expect(h.application.ended).toMatchObject([{ why: 'CLOSED' }])
    h.settle()
    expect(framesOf(other.take()).flatMap(({ events }) => events)).toMatchObject([
      { type: 'leave', slot: 0, reason: 'kicked' },
      { type: 'leave', slot: 1, reason: 'kicked' },
    ])
    h.advance(100_000)
    expect(
      h.application.presence.filter((line) => line.startsWith('ann') && line.endsWith('over')),
    ).toHaveLength(2)
  })
})

describe('A revocation', () => {
  it('of a user ends its sessions, and refuses what was issued until then, for a resume too', () => {
    const { h, token } = harness()
    const old = h.connect(token('ann', 100))
    const other = h.connect(token('bob', 100))
    expect(h.node.revoke({ user: 'ann' }, 200, h.now)).toBe(1)
    expect(old.closed).toBe(4402)
    expect(old.takeOf('goodbye')).toMatchObject([{ code: 4402, retryAfter: 0 }])
    expect(other.closed).toBe(null)
    expect(h.node.sessions).toBe(1)
    expect(tried(h, token('ann', 200), old.session).closed).toBe(4402)
    expect(h.node.sessions).toBe(1)
    expect(tried(h, token('ann', 201)).closed).toBe(null)
  })

  it('of a token concerns what it opened and nothing else of its user', () => {
    const { h, token } = harness()
    const [a, b] = [h.connect(token('ann', 1, 'a')), h.connect(token('ann', 1, 'b'))]
    expect(h.node.revoke({ id: 'a' }, 200, h.now)).toBe(1)
    expect([a.closed, b.closed]).toEqual([4402, null])
    expect(tried(h, token('ann', 300, 'a')).closed).toBe(4402)
    expect(tried(h, token('ann', 1)).closed).toBe(null)
  })

  it('concerns a token whose check is under way', () => {
    const { h, token } = harness()
    h.slowTokens = true
    const peer = tried(h, token('ann', 100))
    expect(h.node.revoke({ user: 'ann' }, 200, h.now)).toBe(0)
    h.authenticate(true)
    expect(peer.closed).toBe(4402)
  })

  it('closes a connection that would refresh with a revoked token', () => {
    const { h, token } = harness()
    const peer = h.connect(token('ann', 1, 'a'))
    h.node.revoke({ id: 'b' }, 200, h.now)
    peer.send({ type: 'refresh', call: peer.call(), token: token('ann', 1, 'b') })
    h.settle()
    h.authenticate()
    h.settle()
    expect(peer.closed).toBe(4402)
  })

  it('ends sessions that wait for a connection', () => {
    const { h, token } = harness()
    h.connect(token('ann', 100)).hangUp()
    expect(h.node.revoke({ user: 'ann' }, 200, h.now)).toBe(0)
    expect(h.node.sessions).toBe(0)
    expect(h.application.presence).toEqual(['ann came', 'ann LOST', 'ann REVOKED, over'])
  })

  it('is kept as long as a token may live, and only so many are', () => {
    const { h, token } = harness({ tokenMs: 1_000, revocations: 2 })
    const start = h.now
    expect(h.node.revoke({ user: 'ann' }, start, h.now)).toBe(0)
    h.advance(100)
    expect(h.node.revoke({ id: 'a' }, h.now, h.now)).toBe(0)
    expect(h.node.revoke({ user: 'bob' }, h.now, h.now)).toBe('LIMIT')
    expect(tried(h, token('bob', 1)).closed).toBe(null)
    // Again is not one more, and never less.
    expect(h.node.revoke({ user: 'ann' }, start + 200, h.now)).toBe(0)
    expect(h.node.revoke({ user: 'ann' }, start + 150, h.now)).toBe(0)
    expect(tried(h, token('ann', start + 200)).closed).toBe(4402)
    h.advance(1_000)
    expect(h.node.revoke({ user: 'bob' }, h.now, h.now)).toBe(1)
    expect(tried(h, token('cyd', 1, 'a')).closed).toBe(null)
    expect(tried(h, token('ann', start + 200)).closed).toBe(4402)
  })

  it('of a user ends every session, also one whose token seems to come from the future', () => {
    const { h, token } = harness()
    const peer = h.connect(token('ann', h.now + 3_600_000))
    expect(h.node.revoke({ user: 'ann' }, h.now, h.now)).toBe(1)
    expect(peer.closed).toBe(4402)
  })

  it('at the first millisecond of a wall clock that was never set covers what was issued then', () => {
    const { h, token } = harness()
    const peer = h.connect(token('ann', 0))
    expect(h.node.revoke({ user: 'ann' }, 0, h.now)).toBe(1)
    expect(peer.closed).toBe(4402)
    expect(tried(h, token('ann', 0)).closed).toBe(4402)
    expect(tried(h, token('ann', 1)).closed).toBe(null)
  })

  it('is not one of what came after it, whatever the clock of who issued that', () => {
    const { h, token } = harness()
    h.node.revoke({ user: 'ann' }, h.now + 5_000, h.now)
    const after = h.node.revokedUntil('ann')
    expect([after, h.node.revokedUntil('bob')]).toEqual([h.now + 5_000, 0])
    expect(tried(h, token('ann', h.now)).closed).toBe(4402)
    h.application.grants.set('fresh', grant('ann', { issued: h.now, after }))
    expect(tried(h, 'fresh').closed).toBe(null)
    h.node.revoke({ user: 'ann' }, h.now + 5_001, h.now)
    expect(tried(h, 'fresh').closed).toBe(4402)
  })

  it.each([
    ['of 2039', Date.UTC(2039, 9)],
    ['of 1970', 0],
  ])('made by a wall clock %s holds as long as any other, and makes room afterwards', (_, wall) => {
    const { h, token } = harness({ tokenMs: 1_000, revocations: 1 })
    h.node.handleWallClock(wall - h.now)
    expect(h.node.revoke({ user: 'ann' }, wall + 5_000, h.now)).toBe(0)
    h.node.handleWallClock(Date.UTC(2026, 0) - h.now)
    expect(tried(h, token('ann', wall)).closed).toBe(4402)
    h.advance(500)
    expect(h.node.revoke({ user: 'bob' }, Date.UTC(2026, 0), h.now)).toBe('LIMIT')
    h.advance(1_500)
    expect(h.node.revoke({ user: 'bob' }, Date.UTC(2026, 0), h.now)).toBe(0)
  })
})

describe('The revocations that a node knows', () => {
  const told = (name: string, until: number, leftMs = 500, ofUser = true): ToldRevocation => ({
    ofUser,
    name,
    until,
    leftMs,
  })
  const knowing = (revocations = 10): Revocations => new Revocations({ tokenMs: 1_000, revocations } as never)
  const namesOf = ({ told: all }: ReturnType<Revocations['list']>): string[] => all.map(({ name }) => name)

  it('are told in the order in which they came, from any number on, as long as they are in force', () => {
    const known = knowing()
    expect([known.last, known.list(0, 9, 0)]).toEqual([0, { told: [], next: 0, isAll: true }])
    known.add({ user: 'ann' }, 5, 0, 0)
    known.add({ id: 'a' }, 7, 0.5, 0)
    known.learn(told('bob', 3, 2_500), 0)
    expect(known.list(0, 9, 1)).toEqual({
      told: [told('ann', 5, 1_004), told('a', 7, 1_006, false), told('bob', 3, 1_999)],
      next: 3,
      isAll: true,
    })
    expect([known.last, namesOf(known.list(1, 9, 1)), namesOf(known.list(3, 9, 1))]).toEqual([
      3,
      ['a', 'bob'],
      [],
    ])
    // What is renewed is told anew.
    known.learn(told('ann', 6), 1)
    expect([known.last, namesOf(known.list(1, 9, 1))]).toEqual([4, ['a', 'bob', 'ann']])
    expect(namesOf(known.list(0, 9, 1_007))).toEqual(['bob'])
    expect([namesOf(known.list(0, 9, 1_999)), namesOf(known.list(0, 9, 2_000))]).toEqual([['bob'], []])
  })

  it('are told a few at a time, each once', () => {
    const known = knowing()
    for (const name of ['a', 'b', 'c', 'd']) known.learn(told(name, 1), 0)
    const first = known.list(0, 3, 0)
    expect([namesOf(first), first.next, first.isAll]).toEqual([['a', 'b', 'c'], 3, false])
    const rest = known.list(first.next, 3, 0)
    expect([namesOf(rest), rest.next, rest.isAll]).toEqual([['d'], 4, true])
    expect(known.list(1, 3, 0)).toMatchObject({ next: 4, isAll: true })
  })

  it('are learnt of other nodes where they are new', () => {
    const known = knowing()
    const learnt = [
      told('ann', 0),
      told('ann', 0),
      told('ann', 2),
      told('ann', 1),
      told('ann', 1, 500, false),
    ]
    expect(learnt.map((each) => known.learn(each, 0))).toEqual([true, false, true, false, true])
    expect([known.until('ann'), known.knows(told('ann', 2)), known.knows(told('ann', 3))]).toEqual([
      2,
      true,
      false,
    ])
    expect(known.knows(told('bob', 0))).toBe(false)
  })

  it('are forgotten when they are over, also where it is other nodes alone that make any', () => {
    const known = knowing(2)
    known.learn(told('ann', 1, 1_000), 0)
    known.learn(told('bob', 1, 1_000), 0)
    expect(known.learn(told('cid', 1), 999)).toBe(false)
    expect(known.learn(told('cid', 1), 1_000)).toBe(true)
    expect([known.until('ann'), known.until('cid')]).toEqual([0, 1])
  })

  it('last as long as a token may that was issued before, by the clock of the wall', () => {
    const known = knowing()
    const wall = 9_000_000
    known.add({ user: 'ann' }, wall, 0, wall)
    known.add({ user: 'bob' }, wall + 300, 0, wall)
    expect(known.list(0, 9, 0).told.map(({ leftMs }) => leftMs)).toEqual([1_000, 1_300])
  })
})
