import { afterEach, describe, expect, it } from 'vitest'
import { connect } from '../../../src/client/node.ts'
import type { Logger } from '../../../src/server/index.ts'
import { eventually, hello, join, Peer, start, stopAll, tokenOf } from './peer.ts'

afterEach(stopAll)

/** A logger that keeps what went wrong. */
function log(): { logger: Logger; errors: string[] } {
  const errors: string[] = []
  const error = (_: object, text: string): void => void errors.push(text)
  return { logger: { debug() {}, info() {}, warn() {}, error }, errors }
}

const openRoom = (name: string): { frameRate: number } | null => (name === 'room' ? { frameRate: 60 } : null)

const answers = (peer: Peer): string[] =>
  peer.heard.flatMap((message) =>
    message.type === 'failed'
      ? [message.error]
      : message.type === 'joined'
        ? [`joined ${message.meeting}`]
        : [],
  )

describe('A meeting that is not open', () => {
  it('is opened on demand: a server that was started anew serves the tickets it gave out before', async () => {
    const first = await start()
    first.meetings.onMissing(openRoom)
    const ticket = await first.tickets.issue({ user: 'u1', meetings: ['room'] })
    const { port } = first.address
    let tickets = 0
    const client = connect({
      getTicket: () => {
        tickets++
        return ticket
      },
      maxBackoffMs: 100,
    })
    const room = await client.join('room')
    const reasons: string[] = []
    room.onRejoin(({ reason }) => void reasons.push(reason))
    const inputs: unknown[] = []
    room.onFrame((frame) => void inputs.push(...frame.inputs.map(({ data }) => data)))
    await room.send('before')
    await first.close({ timeoutMs: 0 })
    const second = await start({ port, nodeId: first.node })
    second.meetings.onMissing(openRoom)
    await eventually(() => reasons.length === 1)
    expect(reasons).toEqual(['NEW_EPOCH'])
    await room.send('after')
    expect(inputs).toEqual(['before', 'after'])
    expect((await second.meetings.list()).map(({ name, frameRate }) => [name, frameRate])).toEqual([
      ['room', 60],
    ])
    expect(tickets).toBeLessThanOrEqual(3)
    client.close()
  })

  it('is asked about once, whoever wants to join it meanwhile, and what the sessions send behind it waits', async () => {
    const rtms = await start()
    const asked: string[] = []
    let answer: (() => void) | undefined
    rtms.meetings.onMissing(async (name) => {
      asked.push(name)
      await new Promise<void>((resolve) => (answer = resolve))
      return { kind: 'duel', metadata: { level: 3 } }
    })
    rtms.meetings.define('duel', { onOpen: (meeting) => void meeting.addBot('robot') })
    const peers = await Promise.all(
      ['u1', 'u2', 'u3'].map(async (user) => Peer.connect(rtms.address.url, await tokenOf(rtms, user))),
    )
    for (const peer of peers) peer.send(join(1, 'm'), { type: 'leave', call: 2, log: 99 })
    await eventually(() => asked.length > 0)
    // Whoever pings is answered: the connection goes on.
    peers[0]?.send({ type: 'ping', time: 1 })
    await peers[0]?.next('pong')
    expect(peers.map(answers)).toEqual([[], [], []])
    answer?.()
    for (const peer of peers) await peer.next('failed')
    expect(peers.map(answers)).toEqual(peers.map(() => ['joined m', 'NOT_JOINED']))
    expect(asked).toEqual(['m'])
    const { members, metadata, kind } = rtms.meetings.get('m')?.info ?? {}
    expect([kind, metadata]).toEqual(['duel', { level: 3 }])
    expect(members?.map(({ user }) => user).toSorted()).toEqual(['robot', 'u1', 'u2', 'u3'])
  })

  it('is not asked about where the ticket or `authorize` does not allow it, and by spectators it is', async () => {
    const rtms = await start()
    const asked: string[] = []
    rtms.meetings.onMissing((name) => {
      asked.push(name)
      return {}
    })
    const { url, token } = await rtms.tickets.issue({
      user: 'u1',
      meetings: ['mine.*', { name: 'seen', role: 'spectator' }],
    })
    const peer = await Peer.connect(url, token)
    peer.send(join(1, 'other'), join(2, 'seen'), join(3, 'seen', true), join(4, 'mine.1'))
    await peer.next('joined', ({ meeting }) => meeting === 'mine.1')
    const off = rtms.authorize(() => false)
    peer.send(join(5, 'mine.2'))
    await peer.next('failed', ({ call }) => call === 5)
    off()
    expect(answers(peer)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'joined seen', 'joined mine.1', 'FORBIDDEN'])
    expect(asked).toEqual(['seen', 'mine.1'])
  })

  it('is NOT_FOUND where the business has none, fails, says nonsense or says nothing, and the log says which', async () => {
    const { logger, errors } = log()
    const rtms = await start({ logger, limits: { authorizeMs: 50 } })
    const stop = rtms.meetings.onMissing(async (name) => {
      if (name === 'fails') throw new Error('the database is away')
      if (name === 'never') await new Promise(() => {})
      if (name === 'opens') await rtms.meetings.open('opens', { capacity: 7 })
      return name === 'nonsense' ? { capacity: -1 } : null
    })
    expect(() => rtms.meetings.onMissing(() => null)).toThrow('a handler already')
    const peer = await Peer.connect(rtms.address.url, await tokenOf(rtms))
    peer.send(...['none', 'fails', 'nonsense', 'never', 'opens'].map((name, n) => join(n + 1, name)))
    await peer.next('joined')
    expect(answers(peer)).toEqual([...Array.from({ length: 4 }, () => 'NOT_FOUND'), 'joined opens'])
    expect(errors).toEqual([
      'a meeting could not be opened on demand',
      'a meeting could not be opened on demand',
      'the handler of onMissing did not answer in time',
    ])
    stop()
    peer.send(join(6, 'later'))
    await peer.next('failed', ({ call }) => call === 6)
    expect(answers(peer).at(-1)).toBe('NOT_FOUND')
    rtms.meetings.onMissing(() => ({}))
    peer.send(join(7, 'later'))
    await peer.next('joined', ({ call }) => call === 7)
  })

  it('has its place: one user who asks for many does not keep the others out', async () => {
    const rtms = await start({ limits: { authorizeMs: 10_000 } })
    const begun: string[] = []
    const waiting: (() => void)[] = []
    rtms.meetings.onMissing(async (name) => {
      begun.push(name)
      await new Promise<void>((resolve) => waiting.push(resolve))
      return {}
    })
    const token = await tokenOf(rtms, 'greedy')
    const greedy = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(rtms.address.url, token)))
    greedy.forEach((peer, n) => peer.send(join(1, `g.${n}`)))
    await eventually(() => begun.length === 8)
    const ann = await Peer.connect(rtms.address.url, await tokenOf(rtms, 'ann'))
    ann.send(join(1, 'a'))
    await eventually(() => begun.includes('a'))
    expect(begun).toHaveLength(9)
    for (const done of waiting.splice(0)) done()
    await ann.next('joined')
  })

  it('does not hold up the end of a session, which may come back', async () => {
    const rtms = await start()
    let answer: (() => void) | undefined
    rtms.meetings.onMissing(async () => {
      await new Promise<void>((resolve) => (answer = resolve))
      return {}
    })
    const token = await tokenOf(rtms)
    const peer = await Peer.connect(rtms.address.url, token)
    const session = peer.all('welcome')[0]?.session ?? ''
    peer.send(join(1, 'm'))
    await eventually(() => answer !== undefined)
    peer.ws.close(3000)
    await peer.closed
    const back = await new Peer(rtms.address.url).opened()
    back.send(hello(token, { session }))
    await back.next('welcome')
    back.send(join(2, 'm'))
    answer?.()
    await back.next('joined', ({ call }) => call === 2)
    back.ws.close(1000)
    await eventually(() => rtms.health().sessions === 0)
  })
})
