import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import type { Rtms } from '../../src/server/index.ts'
import { Peer, refused, start, subscribe, tokenOf } from '../integration/server/peer.ts'
import { mutable } from './mutable.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

/** Three nodes that know each other; the last one can fall silent. */
let nodes: [a: Rtms, b: Rtms, c: Rtms]
let mute: () => void

beforeEach(async () => {
  const hub = new ThreadsHub()
  const last = mutable(threads(hub.seat()))
  ;({ mute } = last)
  const connectors = [threads(hub.seat()), threads(hub.seat()), last.connector]
  nodes = (await Promise.all(
    connectors.map((bus, at) => start({ bus, nodeId: 'abc'[at], host: '127.0.0.1', secret: 's'.repeat(32) })),
  )) as [Rtms, Rtms, Rtms]
  await eventually(async () => {
    const all = await Promise.all(nodes.map((rtms) => rtms.users.sessions('nobody')))
    return all.every(({ complete }) => complete) && nodes.every((rtms) => rtms.cluster.nodes().length === 3)
  })
})

const login = async (rtms: Rtms, user: string): Promise<Peer> =>
  Peer.connect(rtms.address.url, await tokenOf(rtms, user))

const pushesOf = (peer: Peer): unknown[] =>
  peer.all('push').map(({ data }) => JSON.parse(Buffer.from(data.bytes).toString()) as unknown)

describe('A user of a cluster', () => {
  it('is known, reached in order, listed and disconnected wherever the sessions are', async () => {
    const [a, b, c] = nodes
    const peers = [await login(b, 'ann'), await login(c, 'ann')]
    for (const rtms of nodes) await eventually(async () => (await rtms.users.sessions('ann')).connected === 2)
    expect(await a.users.sessions('ann')).toEqual({ online: true, sessions: 2, connected: 2, complete: true })
    expect(await a.users.sessions('bob')).toEqual({
      online: false,
      sessions: 0,
      connected: 0,
      complete: true,
    })
    const sent = Array.from({ length: 50 }, (_, n) => n)
    expect(await Promise.all(sent.map((n) => a.users.push('ann', 'n', n)))).toEqual(sent.map(() => 2))
    expect(await a.users.push('bob', 'n', 0)).toBe(0)
    for (const peer of peers) {
      await eventually(() => pushesOf(peer).length === 50)
      expect(pushesOf(peer)).toEqual(sent)
    }
    const listed = await a.users.list({ user: 'ann' })
    expect([listed.map(({ node }) => node).toSorted(), listed.missing]).toEqual([['b', 'c'], []])
    expect(await a.users.list({ limit: 1 })).toHaveLength(1)
    expect(await a.users.disconnect('ann', { final: true })).toBe(2)
    await eventually(async () => (await b.users.sessions('ann')).sessions === 0)
  })

  it('whose tickets are revoked has no session on any node, and cannot come back', async () => {
    const [a, b, c] = nodes
    const token = await tokenOf(a, 'ann')
    await Peer.connect(b.address.url, token)
    await Peer.connect(c.address.url, token)
    expect(await a.tickets.revoke({ user: 'ann' })).toBe(2)
    for (const rtms of [b, c]) {
      expect(await refused(rtms.address.url, token)).toMatchObject({ code: 4402 })
    }
  })

  it('is unknown, not absent, where a node does not answer', async () => {
    const [a, b] = nodes
    await login(b, 'ann')
    mute()
    // Each user's home finds it out by itself.
    for (const user of ['nobody', 'ann'])
      await eventually(async () => !(await a.users.sessions(user)).complete)
    expect(await a.users.sessions('nobody')).toEqual({
      online: null,
      sessions: 0,
      connected: 0,
      complete: false,
    })
    await expect(a.users.push('ann', 'n', 1)).rejects.toMatchObject({
      code: 'UNKNOWN',
      message: 'no answer from c; elsewhere 1 sessions were reached',
    })
    expect((await a.users.list()).missing).toEqual(['c'])
    expect((await a.meetings.list()).missing).toEqual(['c'])
  })
})

it('A node that has just started cannot tell before it knows that it is alone', async () => {
  const rtms = await start({ bus: threads(new ThreadsHub().seat()) })
  expect(await rtms.users.sessions('ann')).toMatchObject({ online: null, complete: false })
  await expect(rtms.users.push('ann', 'n', 1)).rejects.toMatchObject({ code: 'UNKNOWN' })
  await eventually(async () => (await rtms.users.sessions('ann')).complete)
  expect(await rtms.users.push('ann', 'n', 1)).toBe(0)
})

describe('The meetings and topics of a cluster', () => {
  it('are listed in order of name, page by page, with their nodes and all their readers', async () => {
    const [a, b, c] = nodes
    const names = Array.from({ length: 12 }, (_, n) => `room.${String.fromCharCode(97 + n)}`)
    for (const [at, name] of names.entries()) await (nodes[at % 3] as Rtms).meetings.open(name)
    const all = await b.meetings.list()
    expect(all.map(({ name, node }) => [name, node])).toEqual(names.map((name, at) => [name, 'abc'[at % 3]]))
    const page = await c.meetings.page({ limit: 5, after: 'room.c' })
    expect(page.map(({ name }) => name)).toEqual(names.slice(3, 8))
    for (const limit of [Number.NaN, Infinity, -1, 0.5])
      for (const lists of [c.meetings, c.topics])
        await expect(lists.page({ limit })).rejects.toThrow(RangeError)
    const readers = [await login(a, 'ann'), await login(b, 'bob')]
    for (const reader of readers) {
      reader.send(subscribe(1, 't'))
      await reader.next('subscribed')
    }
    expect(await c.topics.subscribers('t')).toBe(2)
    expect((await c.topics.page({ limit: 10 })).map(({ name, subscribers }) => [name, subscribers])).toEqual([
      ['t', 2],
    ])
  })
})
