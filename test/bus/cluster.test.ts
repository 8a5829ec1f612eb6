import { afterEach, describe, expect, it } from 'vitest'
import type { BusConnector } from '../../src/bus/connector.ts'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import type { Meeting, Rtms } from '../../src/server/index.ts'
import { RtmsError } from '../../src/protocol/index.ts'
import { join, Peer, start, tokenOf } from '../integration/server/peer.ts'
import { framesOf } from '../../src/testing/index.ts'
import { mutable } from './mutable.ts'
import { endAll, eventually, onNats } from './buses.ts'

afterEach(endAll)

const inputsIn = (heard: Peer['heard']): number => framesOf(heard).flatMap(({ inputs }) => inputs).length

/** Nodes a, b, … that know each other. */
async function cluster(connectors: readonly BusConnector[]): Promise<Rtms[]> {
  const nodes = await Promise.all(
    connectors.map((bus, at) => start({ bus, nodeId: 'abc'[at], host: '127.0.0.1' })),
  )
  await eventually(() => nodes.every((rtms) => rtms.cluster.nodes().length === nodes.length))
  return nodes
}

describe('Three nodes', () => {
  it('on the bus of threads open a name once, and one that closes gives it back', async () => {
    const hub = new ThreadsHub()
    const nodes = await cluster([1, 2, 3].map(() => threads(hub.seat())))
    const opened: string[] = []
    for (const rtms of nodes)
      rtms.meetings.define('battle', { onOpen: ({ name }) => void opened.push(`${rtms.node} ${name}`) })
    // Before any of them is sure of the others; they wait until they are.
    const first = await Promise.all(nodes.map((rtms) => rtms.meetings.open('lobby', { kind: 'battle' })))
    expect(first.map(({ name }) => name)).toEqual(['lobby', 'lobby', 'lobby'])
    expect(opened).toHaveLength(1)
    const names = Array.from({ length: 50 }, (_, n) => `room.${n}`)
    await Promise.all(
      names.flatMap((name) => nodes.map((rtms) => rtms.meetings.open(name, { kind: 'battle' }))),
    )
    expect(new Set(opened.map((line) => line.split(' ')[1]))).toEqual(new Set(['lobby', ...names]))
    expect(opened).toHaveLength(51)
    const owner = nodes.find((rtms) => opened[0]?.startsWith(rtms.node)) as Rtms
    const [other] = nodes.filter((rtms) => rtms !== owner) as [Rtms]
    const peer = await Peer.connect(other.address.url, await tokenOf(other))
    peer.send(join(1, 'lobby'))
    const joined = await peer.next('joined')
    expect(joined).toMatchObject({ meeting: 'lobby', slot: 0 })
    for (let seq = 1; seq <= 20; seq++) peer.input(joined.log, seq)
    const near = await Peer.connect(owner.address.url, await tokenOf(owner, 'near'))
    near.send(join(1, 'lobby', true))
    await eventually(() => [peer, near].every(({ heard }) => inputsIn(heard) === 20))
    const at = owner.meetings.get('lobby')?.info.frame ?? 0
    await eventually(() => [peer, near].every(({ heard }) => framesOf(heard).length >= at))
    expect(framesOf(peer.heard).slice(0, at)).toEqual(framesOf(near.heard).slice(0, at))
    await owner.close({ timeoutMs: 100 })
    const left = nodes.filter((rtms) => rtms !== owner)
    await eventually(() => left.every((rtms) => rtms.cluster.nodes().length === 2))
    await other.meetings.open('lobby', { kind: 'battle' })
    expect(opened.at(-1)).toBe(`${other.node} lobby`)
    expect(other.cluster.nodes().map(({ node }) => node)).not.toContain(owner.node)
    expect(await other.metrics()).toMatch(/^rtms_peers\{state="alive"\} 1$/m)
  })

  it('reach a meeting from any of them, and its hooks run where it is', async () => {
    const hub = new ThreadsHub()
    const [a, b] = (await cluster([1, 2].map(() => threads(hub.seat())))) as [Rtms, Rtms]
    const heard: string[] = []
    for (const rtms of [a, b])
      rtms.meetings.define('battle', {
        onLeave: ({ user, reason }) => void heard.push(`${rtms.node} ${user} ${reason}`),
        onClose: ({ name }) => void heard.push(`${rtms.node} ${name} closed`),
        onCall: ({ method, data, meeting }) => {
          if (method === 'refuse') throw new RtmsError('FORBIDDEN', 'not you')
          return [rtms.node, method, data, meeting.members.length]
        },
      })
    const name = (await a.meetings.open({ kind: 'battle', metadata: { map: 'woods' } })).name
    const peer = await Peer.connect(a.address.url, await tokenOf(a, 'ann'))
    peer.send(join(1, name))
    const { slot } = await peer.next('joined')
    const there = await b.meetings.open(name, { kind: 'battle' })
    expect(b.meetings.get(name)).toBeUndefined()
    expect(await b.meetings.find('nowhere')).toBeUndefined()
    expect((await b.meetings.find(name))?.name).toBe(name)
    const { members, metadata, kind } = await there.look()
    expect([members.map(({ user }) => user), metadata, kind]).toEqual([['ann'], { map: 'woods' }, 'battle'])
    expect(() => there.info).toThrow(/not open on this node: use look\(\)/)
    const here = (await a.meetings.find(name)) as Meeting
    for (const meeting of [here, there]) {
      expect(await meeting.call('count', { n: 1 })).toEqual([a.node, 'count', { n: 1 }, 1])
      expect(await meeting.call('count')).toEqual([a.node, 'count', null, 1])
      await expect(meeting.call('refuse')).rejects.toMatchObject({ code: 'FORBIDDEN', message: 'not you' })
      await expect(meeting.call('')).rejects.toMatchObject({ code: 'BAD_NAME' })
      await expect(meeting.call('count', 'x'.repeat(40_000))).rejects.toMatchObject({ code: 'TOO_LARGE' })
    }
    await a.meetings.open('plain')
    const plain = await b.meetings.open('plain')
    await expect(plain.call('count')).rejects.toMatchObject({ code: 'NO_HANDLER' })
    there.sendTo(slot, { hello: 1 })
    expect(Buffer.from((await peer.next('direct')).data.bytes).toString()).toBe('{"hello":1}')
    // Slots that cannot be are nobody's, on whatever node.
    for (const nobody of [Number.NaN, Infinity, -1, slot + 0.5, 255])
      for (const meeting of [here, there]) {
        meeting.sendTo(nobody, 'x')
        meeting.kick(nobody)
      }
    expect((await there.look()).members).toHaveLength(1)
    there.kick(slot, 'rude')
    expect((await peer.next('ended')).message).toBe('rude')
    await eventually(() => heard.length > 0)
    b.meetings.close(name)
    await eventually(() => heard.length > 1)
    expect(heard).toEqual([`${a.node} ann kicked`, `${a.node} ${name} closed`])
    await expect(there.look()).rejects.toMatchObject({ code: 'CLOSED' })
    for (const meeting of [here, there])
      await expect(meeting.call('count')).rejects.toMatchObject({ code: 'CLOSED' })
    // A handle stands for whatever is open under its name, also if this node opens it.
    await a.meetings.open('lobby', { kind: 'battle' })
    const lobby = await b.meetings.open('lobby')
    lobby.close()
    await eventually(() => heard.length > 2)
    await b.meetings.open('lobby', { kind: 'battle' })
    expect(lobby.info.name).toBe('lobby')
    expect((await (await a.meetings.open('lobby')).look()).kind).toBe('battle')
  })

  it('on NATS find out that one of them has ended, though nobody says so, by its address', async () => {
    const connector = await onNats()
    const { connector: last, mute } = mutable(connector())
    const nodes = await cluster([connector(), connector(), last])
    const [a, b, c] = nodes as [Rtms, Rtms, Rtms]
    const names = Array.from({ length: 30 }, (_, n) => `room.${n}`)
    await Promise.all(names.map((name) => c.meetings.open(name)))
    expect(await c.meetings.list()).toHaveLength(30)
    mute()
    await c.close({ timeoutMs: 100 })
    await eventually(() => [a, b].every((rtms) => rtms.cluster.nodes().length === 2))
    await Promise.all(names.flatMap((name) => [a, b].map((rtms) => rtms.meetings.open(name))))
    expect(await a.meetings.list()).toHaveLength(30)
  })
})
