import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { RtmsError } from '../../../src/protocol/index.ts'
import { type Answers, Peers, type Round } from '../../../src/server/business/peers.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'
import type { Host } from '../../../src/server/host.ts'
import type { Meeting, Rtms } from '../../../src/server/index.ts'
import { closeAll, Cluster, rejection } from './virtual-cluster.ts'

/* What a business asks of the other nodes: in virtual time, on a bus in memory. */

let run: Cluster

afterEach(() => closeAll(run))

async function nodes(...names: string[]): Promise<Rtms[]> {
  run = new Cluster()
  return run.settled(...names)
}

/** What something that takes time is rejected with. */
const rejected = (work: Promise<unknown>): Promise<unknown> => run.within(rejection(work))

const cutOff = (at: number): unknown => run.cut.add(run.incarnations[at] as number)
const peersOf = (at: number): Peers => new Peers(run.hosts[at] as Host)

describe('The nodes of a cluster', () => {
  it('are listed with what they told: that they drain, how long ago, and whether they are silent', async () => {
    const [a, b, c] = (await nodes('a', 'b', 'c')) as [Rtms, Rtms, Rtms]
    expect(a.cluster.nodes().map(({ status, draining, role }) => [status, draining, role])).toEqual([
      ['self', false, 'core'],
      ['alive', false, 'core'],
      ['alive', false, 'core'],
    ])
    await run.client(b, 'ann', { answers: false })
    void b.drain({ timeoutMs: 60_000 })
    cutOff(2)
    await run.pass(5_000)
    const [, seenB, seenC] = a.cluster.nodes()
    expect([seenB?.status, seenB?.draining, seenC?.status, seenC?.draining]).toEqual([
      'alive',
      true,
      'silent',
      false,
    ])
    expect(seenB?.heardMs).toBeLessThan(600)
    expect(seenC?.heardMs).toBeGreaterThan(4_500)
    expect(seenC?.heardMs).toBeLessThan(5_600)
    expect(b.cluster.nodes()[0]).toMatchObject({ node: 'b', draining: true, heardMs: 0 })
    expect(() => c.cluster.nodes({ hots: 'x' } as object)).toThrow('did you mean host')
  })

  it('that are edges are named in tickets: those that are heard and stay, the emptiest first, or as asked', async () => {
    run = new Cluster()
    const [a] = (await run.settled('a')) as [Rtms]
    const edges: Rtms[] = []
    for (const name of ['e1', 'e2', 'e3', 'e4', 'e5', 'e6'])
      edges.push(await run.start(name, { role: 'edge', ...(name === 'e6' ? { publicUrl: undefined } : {}) }))
    await run.pass(2_000)
    const crowd = async (at: number, count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await run.client(edges[at] as Rtms, `u${at}${n}`)
    }
    await crowd(0, 3)
    await crowd(1, 1)
    await crowd(2, 2)
    await crowd(3, 4)
    await run.pass(2_000)
    const named = async (wish?: readonly string[]): Promise<readonly string[]> => {
      const ticket = await run.within(a.tickets.issue({ user: 'ann', ...(wish ? { edges: wish } : {}) }))
      return (ticket.urls ?? []).slice(1).map((url) => url.split('route=')[1] as string)
    }
    const emptiest = await named()
    expect([emptiest.length, emptiest.slice(1)]).toEqual([serverLimits.ticketEdges, ['e2', 'e3']])
    expect(await named(['e4', 'a', 'e1', 'nobody'])).toEqual(['e4', 'e1'])
    // One that is silent, and one that drains, are not named.
    cutOff(2)
    void edges[2]?.drain({ timeoutMs: 60_000 })
    await run.pass(5_000)
    expect(await named(['e1', 'e2', 'e4'])).toEqual(['e1', 'e4'])
    void edges[3]?.drain({ timeoutMs: 60_000 })
    await run.pass(1_000)
    expect(await named(['e1', 'e2', 'e4'])).toEqual(['e1'])
  })
})

describe('Calls that name a node', () => {
  it('say how far it has drained, without having it drain', async () => {
    const [a, b] = (await nodes('a', 'b')) as [Rtms, Rtms]
    await run.client(b, 'ann')
    for (const name of ['a', 'b'])
      expect(await run.within(a.cluster.drainOf(name))).toMatchObject({ state: 'serving' })
    expect([a.health().status, b.health().status]).toEqual(['ok', 'ok'])
    expect(await run.within(a.cluster.drain('b', { timeoutMs: 1 }))).toMatchObject({ state: 'draining' })
    expect(a.health().status).toBe('ok')
  })

  it('reject for a name that nobody has, for one that does not answer, and for times that are none', async () => {
    const [a] = (await nodes('a', 'b', 'c')) as [Rtms]
    const calls = [
      (name: string) => a.cluster.drain(name),
      (name: string) => a.cluster.drainOf(name),
      (name: string) => a.cluster.cut(name),
      (name: string) => a.cluster.kill(name),
    ]
    for (const call of calls)
      expect(await rejected(call('d'))).toMatchObject({ code: 'NOT_FOUND', message: 'no node "d" is known' })
    cutOff(2)
    await run.pass(100)
    for (const call of calls) {
      const error = (await rejected(call('c'))) as RtmsError
      expect([error.code, error.message]).toEqual(['UNKNOWN', 'c has not answered'])
    }
    for (const name of ['a', 'b'])
      expect(await rejected(a.cluster.kill(name))).toMatchObject({ code: 'FORBIDDEN' })
    for (const ms of [0, 0.9, -1, Number.NaN]) {
      expect(await rejected(a.cluster.drain('b', { timeoutMs: ms }))).toBeInstanceOf(RangeError)
      expect(await rejected(a.cluster.cut('b', { ms }))).toBeInstanceOf(RangeError)
      expect(await rejected(a.cluster.successions({ withinMs: ms }))).toBeInstanceOf(RangeError)
    }
    expect(await rejected(a.cluster.cut('b', { ms: 600_001 }))).toBeInstanceOf(RangeError)
    for (const ms of [1, 600_000])
      expect(await rejected(a.cluster.cut('b', { ms }))).toMatchObject({ code: 'FORBIDDEN' })
    const misnamed = [
      () => a.cluster.drain('b', { timeoutMS: 5 } as object),
      () => a.cluster.cut('b', { MS: 5 } as object),
      () => a.cluster.successions({ withinMS: 5 } as object),
    ]
    for (const call of misnamed)
      expect(await rejected(call())).toMatchObject({
        message: expect.stringContaining('did you mean') as string,
      })
  })
})

describe('Where a meeting is', () => {
  it('is told with the node that has it, those that have a copy, and those that did not answer', async () => {
    const [a, b, c] = (await nodes('a', 'b', 'c')) as [Rtms, Rtms, Rtms]
    await run.within(a.meetings.open('m'))
    const { peer } = await run.client(b, 'ann')
    peer.join('m')
    await run.pass(500)
    for (const node of [a, b, c])
      expect(await run.within(node.cluster.whereabouts('m'))).toEqual({
        owner: 'a',
        replicas: ['b'],
        missing: [],
      })
    expect(await run.within(a.cluster.whereabouts('n'))).toEqual({ owner: null, replicas: [], missing: [] })
    cutOff(1)
    expect(await run.within(c.cluster.whereabouts('m'))).toEqual({ owner: 'a', replicas: [], missing: ['b'] })
    expect(await rejected(a.cluster.whereabouts(''))).toMatchObject({ code: 'BAD_NAME' })
  })

  it('is told by a node alone of itself', async () => {
    run = new Cluster()
    const rtms = await run.start('a', { bus: undefined })
    await run.within(rtms.meetings.open('m'))
    const [m, n] = [await rtms.cluster.whereabouts('m'), await rtms.cluster.whereabouts('n')]
    expect([m.owner, n.owner]).toEqual(['a', null])
  })

  it('and from where to where meetings have gone on is told by all, the oldest first', async () => {
    const [a, b, c] = (await nodes('a', 'b', 'c')) as [Rtms, Rtms, Rtms]
    expect(await run.within(a.cluster.successions())).toEqual([])
    for (const [node, name] of [
      [a, 'early'],
      [b, 'late'],
    ] as const) {
      await run.within(node.meetings.open(name))
      await run.within(node.drain({ timeoutMs: 5_000 }))
      await run.pass(3_000)
    }
    const told = await run.within(c.cluster.successions())
    const ages = told.map(({ agoMs }) => agoMs)
    expect(ages).toEqual(ages.toSorted((one, other) => other - one))
    expect(told[0]).toMatchObject({ meeting: 'early', from: 'a', how: 'handover' })
    const late = told.find(({ meeting }) => meeting === 'late')
    expect(late).toMatchObject({ from: 'b', how: 'handover', node: 'c' })
    const [first = 0, last = 0] = [ages[0], late?.agoMs]
    expect(first - last).toBeGreaterThan(2_000)
    const recent = await run.within(c.cluster.successions({ withinMs: last + 100 }))
    expect(recent.every(({ from }) => from === 'b')).toBe(true)
    expect(recent).toContainEqual({ ...late, agoMs: recent.at(-1)?.agoMs })
  })
})

describe('Calls about a meeting of another node', () => {
  async function pair(): Promise<{ here: Rtms; there: Rtms; away: Meeting }> {
    const [here, there] = (await nodes('here', 'there')) as [Rtms, Rtms]
    there.meetings.define('k', {
      onCall: ({ method, data, meeting }) => {
        if (method === 'fail') throw new RtmsError('FORBIDDEN', 'not today')
        return [method, data, meeting.name]
      },
      snapshot: () => 1,
      restore() {},
    })
    await run.within(there.meetings.open('m', { kind: 'k' }))
    const away = (await run.within(here.meetings.find('m'))) as Meeting
    return { here, there, away }
  }

  it('reach the slot that is named, and none where no slot is', async () => {
    const { there, away } = await pair()
    const [ann, bob] = [(await run.client(there, 'ann')).peer, (await run.client(there, 'bob')).peer]
    for (const peer of [ann, bob]) {
      peer.join('m')
      await run.pass(100)
    }
    for (const slot of [-1, 0.5, 255, 256, 300, 2 ** 40, Number.NaN]) {
      away.sendTo(slot, 'x')
      away.kick(slot)
    }
    await run.pass(200)
    expect(there.meetings.get('m')?.members.map(({ user }) => user)).toEqual(['ann', 'bob'])
    away.sendTo(0, 'for ann')
    away.kick(1)
    await run.pass(200)
    expect(there.meetings.get('m')?.members.map(({ user }) => user)).toEqual(['ann'])
    expect([ann, bob].map((peer) => peer.all('direct').length)).toEqual([1, 0])
  })

  it('reject with what it says, where it is silent with UNKNOWN, and after its end with CLOSED', async () => {
    const { here, there, away } = await pair()
    expect(await rejected(away.call('fail'))).toMatchObject({ code: 'FORBIDDEN', message: 'not today' })
    expect(await run.within(away.call('add', 3))).toEqual(['add', 3, 'm'])
    const names = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']
    for (const name of names) await run.within(there.meetings.open(name))
    const others = await run.within(Promise.all(names.map((name) => here.meetings.find(name))))
    cutOff(1)
    // Where the silent node is the registrar as well, nobody says who has the meeting.
    const errors = (await run.within(
      Promise.all(others.map((other) => rejected((other as Meeting).call('add', 3)))),
    )) as RtmsError[]
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['BUSY', 'UNKNOWN']))
    const at = errors.findIndex(({ code }) => code === 'UNKNOWN')
    expect(errors[at]?.message).toBe(
      `there has ${names[at]} and did not answer: whether it was done is unknown`,
    )
    // What nobody waits for is logged.
    run.lines.length = 0
    away.sendTo(0, 'x')
    await run.pass(3_000)
    expect(run.lines).toContain('a call for a meeting of another node failed')
    run.cut.clear()
    await run.pass(3_000)
    there.meetings.close('m')
    await run.pass(200)
    expect(await rejected(away.look())).toMatchObject({ code: 'CLOSED' })
  })

  it('run here once it is here', async () => {
    const { here, there, away } = await pair()
    here.meetings.define('k', { onCall: () => 'here', snapshot: () => 1, restore() {} })
    await run.within(there.drain({ timeoutMs: 5_000 }))
    await run.pass(1_000)
    expect(here.meetings.get('m')?.name).toBe('m')
    expect(await run.within(away.call('add', 3))).toBe('here')
  })
})

describe('The users of a cluster', () => {
  it('are reached, seen and disconnected wherever they are', async () => {
    const [a, b] = (await nodes('a', 'b', 'c')) as [Rtms, Rtms, Rtms]
    for (const user of ['ann', 'bob', 'cid', 'dan']) {
      await run.client(b, user)
      await run.client(a, user)
    }
    await run.pass(1_000)
    for (const user of ['ann', 'bob', 'cid', 'dan']) {
      for (const at of [0, 1, 2]) {
        const found = await run.within(peersOf(at).whereabouts(user))
        expect([found.isComplete, new Set(found.places.map(({ node }) => node))]).toEqual([
          true,
          new Set(run.incarnations.slice(0, 2)),
        ])
        const others = run.incarnations.slice(0, 2).filter((_, node) => node !== at)
        expect(new Set(await run.within(peersOf(at).nodesOf(user)))).toEqual(new Set(others))
      }
      expect(await run.within(a.users.push(user, 'p', 1))).toBe(2)
    }
    const listed = await run.within(a.users.list({ user: 'ann' }))
    expect(listed.map(({ node }) => node).toSorted()).toEqual(['a', 'b'])
    expect(await run.within(a.users.disconnect('ann'))).toBe(2)
  })

  it('may be on any node while one is silent, and a push says who did not answer', async () => {
    const [a] = (await nodes('a', 'b')) as [Rtms]
    await run.client(a, 'ann')
    cutOff(1)
    await run.pass(5_000)
    for (const user of ['ann', 'u1', 'u2', 'u3', 'u4', 'u5']) {
      expect((await run.within(peersOf(0).whereabouts(user))).isComplete).toBe(false)
      expect(await run.within(peersOf(0).nodesOf(user))).toEqual(run.incarnations.slice(1))
    }
    expect(await rejected(a.users.push('ann', 'p', 1))).toMatchObject({
      code: 'UNKNOWN',
      message: 'no answer from b; elsewhere 1 sessions were reached',
    })
  })

  it('are known to a node alone as far as it goes', async () => {
    run = new Cluster()
    await run.start('a', { bus: undefined })
    expect(await peersOf(0).whereabouts('ann')).toEqual({ isComplete: false, places: [] })
  })
})

describe('What nodes are asked', () => {
  const none: Answers<number> = { answers: new Map(), missing: [], refusal: null }

  it('is summed where all have answered, and says otherwise who has not', async () => {
    await nodes('a')
    const peers = peersOf(0)
    const answers = new Map([
      [1, 3],
      [2, 4],
    ])
    expect([peers.sum(5, none, 'x'), peers.sum(5, { ...none, answers }, 'x')]).toEqual([5, 12])
    expect(() => peers.sum(5, { ...none, answers, missing: ['b', 'c'] }, 'cows')).toThrow(
      'no answer from b, c; elsewhere 12 cows',
    )
    const refusal = new RtmsError('LIMIT', 'b: full')
    expect(() => peers.sum(5, { answers, missing: ['b'], refusal }, 'x')).toThrow(refusal)
  })

  it('counts who is not known yet as missing, and who has ended as nobody', async () => {
    run = new Cluster()
    await run.start('a')
    expect([peersOf(0).isAlone, await run.within(peersOf(0).ask('part', { meeting: 'm' }))]).toEqual([
      false,
      { answers: new Map(), missing: ['nodes that this one has yet to meet'], refusal: null },
    ])
    await run.pass(4_000)
    expect(peersOf(0).isAlone).toBe(true)
    const b = await run.start('b')
    await run.pass(4_000)
    expect(peersOf(0).isAlone).toBe(false)
    const [, number = 0] = run.incarnations
    expect([peersOf(0).nameOf(number), peersOf(1).nameOf(number), peersOf(0).nameOf(77)]).toEqual([
      'b',
      'b',
      '77',
    ])
    cutOff(1)
    const asked = peersOf(0).ask('part', { meeting: 'm' })
    run.cut.clear()
    await run.within(b.close({ timeoutMs: 0 }))
    expect(await run.within(asked)).toEqual(none)
  })

  it('is refused in the words of the first that refuses, with its name where several were asked', async () => {
    run = new Cluster()
    const a = await run.start('a')
    const limits = { revocations: 1 }
    await run.start('b', { limits })
    await run.pass(4_000)
    await run.within(a.tickets.revoke({ user: 'ann' }))
    const refused = async (): Promise<RtmsError> =>
      (await rejected(a.tickets.revoke({ user: 'bob' }))) as RtmsError
    const alone = await refused()
    await run.start('c')
    await run.pass(4_000)
    const [named, { code }] = [await refused(), alone]
    expect([code, named.code, named.message]).toEqual(['LIMIT', 'LIMIT', `b: ${alone.message}`])
  })

  it('comes in pages: the first names of all, each once, whatever each node has', async () => {
    await nodes('a', 'b')
    const peers = peersOf(0)
    const incarnations = [1, 2]
    const names = fc.uniqueArray(
      fc.integer({ min: 0, max: 999 }).map((n) => `n${String(n).padStart(3, '0')}`),
      {
        maxLength: 450,
        size: 'max',
      },
    )
    type Item = { readonly name: string }
    const pageOf = (all: readonly string[], { count, after }: Round): Item[] =>
      all
        .filter((name) => name > after)
        .slice(0, count)
        .map((name) => ({ name }))
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.tuple(names, names),
        fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 150, max: 900 })),
        fc.integer({ min: 0, max: 400 }),
        async (mine, theirs, limit, from) => {
          const [own, ...others] = [mine, ...theirs].map((each) => each.toSorted())
          const after = `n${String(from).padStart(3, '0')}`
          const rounds: Round[] = []
          const found = await peers.page(
            { count: limit, after },
            async (round) => pageOf(own as string[], round),
            async (round) => {
              rounds.push(round)
              const answers = new Map(
                incarnations.map((node, at) => [node, pageOf(others[at] as string[], round)]),
              )
              return { answers, missing: ['c'], refusal: null }
            },
            (items) => {
              const sorted = items.map(([, { name }]) => name)
              expect(sorted).toEqual(sorted.toSorted())
              return [...new Set(sorted)].map((name) => ({ name }))
            },
          )
          const all = [...new Set([...(own as string[]), ...others.flat()])].toSorted()
          expect(found.map(({ name }) => name)).toEqual(all.filter((name) => name > after).slice(0, limit))
          expect(found.missing).toEqual(['c'])
          expect(rounds.every(({ count }) => count === Math.min(limit, serverLimits.peerPage))).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('ends where a broken node names again what was named before', async () => {
    await nodes('a', 'b')
    let asked = 0
    const found = await peersOf(0).page(
      { count: 5, after: 'b' },
      async () => [],
      async () => {
        asked++
        const stale = ['a', 'a', 'b', 'b', 'b'].map((name) => ({ name }))
        return { answers: new Map([[1, stale]]), missing: [], refusal: null }
      },
      () => [],
    )
    expect([asked, [...found]]).toEqual([1, []])
  })
})
