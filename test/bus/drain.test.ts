import { afterEach, describe, expect, it, vi } from 'vitest'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import { type Client, connect, type Meeting } from '../../src/client/node.ts'
import type { DrainProgress, Rtms } from '../../src/server/index.ts'
import { join, Peer, SECRET, start, tokenOf } from '../integration/server/peer.ts'
import { framesOf } from '../../src/testing/index.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

const TICK_MS = 100

const clients: Client[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

/** Nodes a, b and c that know each other. */
async function cluster(): Promise<[a: Rtms, b: Rtms, c: Rtms]> {
  const hub = new ThreadsHub()
  const nodes = await Promise.all(
    ['a', 'b', 'c'].map((nodeId) =>
      start({ bus: threads(hub.seat()), nodeId, host: '127.0.0.1', secret: SECRET }),
    ),
  )
  await eventually(() => nodes.every((rtms) => rtms.cluster.nodes().length === 3))
  return nodes as [Rtms, Rtms, Rtms]
}

/** A client of a node, and of another one once that drains. */
async function member(first: Rtms, then: Rtms, name: string, numbers: number[]): Promise<Meeting> {
  const client = connect({
    getTicket: () =>
      (first.ready().status === 'draining' ? then : first).tickets.issue({ user: 'ann', meetings: [name] }),
    maxBackoffMs: 200,
  })
  clients.push(client)
  const meeting = await client.join(name)
  meeting.onFrame(({ number }) => numbers.push(number))
  return meeting
}

describe('A node that drains', () => {
  it('hands a meeting over while frames flow, and its members go on: nothing is lost or doubled', async () => {
    const [a, b, c] = await cluster()
    /** Node, frame and time of each frame that the business was told of. */
    const told: [node: string, frame: number, at: number][] = []
    const events: string[] = []
    for (const rtms of [a, b, c]) {
      const scores = new Map<string, number>()
      rtms.meetings.define('battle', {
        frameRate: 1_000 / TICK_MS,
        onOpen: ({ name }) => void scores.set(name, 0),
        onInput: ({ meeting }) => void scores.set(meeting.name, (scores.get(meeting.name) ?? Number.NaN) + 1),
        onFrame: ({ number }) => void told.push([rtms.node, number, performance.now()]),
        onCall: ({ meeting }) => [rtms.node, scores.get(meeting.name)],
        onClose: ({ name }) => void events.push(`${rtms.node} closes ${name}`),
        snapshot: ({ name }) => ({ score: scores.get(name) }),
        restore: (state, { name }) => void scores.set(name, (state as { score: number }).score),
      })
    }
    await a.meetings.open('m', { kind: 'battle', metadata: { map: 'woods' } })
    const numbers: number[] = []
    const moving = await member(a, b, 'm', numbers)
    const peers = await Promise.all(
      [b, c].map(async (rtms) => Peer.connect(rtms.address.url, await tokenOf(rtms, rtms.node))),
    )
    const logs: number[] = []
    for (const peer of peers) {
      peer.send(join(1, 'm'))
      // oxlint-disable-next-line no-await-in-loop -- The order of their slots.
      logs.push((await peer.next('joined')).log)
    }
    await eventually(() => numbers.length > 3)
    let sent = 0
    const own: Promise<unknown>[] = []
    const playing = setInterval(() => {
      sent++
      own.push(moving.send({ sent }).catch(() => 'unknown'))
      peers.forEach((peer, at) => peer.input(logs[at] as number, sent))
    }, 40)
    const progress: DrainProgress[] = []
    const left = await a.drain({ timeoutMs: 15_000, onProgress: (each) => progress.push(each) })
    await new Promise((resolve) => setTimeout(resolve, 500))
    clearInterval(playing)
    expect(left).toEqual({ meetings: 0, staying: 0, connections: 0, requests: 0, sessions: 0 })
    expect(progress[0]).toMatchObject({ meetings: 1, connections: 1 })
    expect([a.ready().status, b.health().status]).toEqual(['draining', 'ok'])

    // Also those of the client that was on the drained node, which were under way when it went to another one.
    expect((await Promise.all(own)).filter((end) => end === 'unknown')).toEqual([])
    const inputsOf = (peer: Peer): string[] =>
      framesOf(peer.heard).flatMap((frame) => frame.inputs.map(({ slot, seq }) => `${slot} ${seq}`))
    const fromOthers = (peer: Peer): number => inputsOf(peer).filter((each) => !each.startsWith('0 ')).length
    await eventually(() => peers.every((peer) => fromOthers(peer) === 2 * sent))
    const [owner] = (await b.meetings.list()).map(({ node }) => node)
    expect(['b', 'c']).toContain(owner)
    expect(await (await b.meetings.find('m'))?.call('score')).toEqual([
      owner,
      inputsOf(peers[0] as Peer).length,
    ])
    expect(inputsOf(peers[0] as Peer).length).toBe(3 * sent)
    // Each frame was sealed once, in order.
    told.forEach(([, frame], at) => expect(frame).toBe(at + 1))
    const first = told.findIndex(([node]) => node !== 'a')
    const gaps = told.slice(1).map(([, , at], n) => at - (told[n]?.[2] ?? 0))
    // At most a tick late, as virtual time shows; here a busy machine is late with any frame.
    const others = Math.max(...gaps.filter((_, n) => n !== first - 1))
    expect(gaps[first - 1]).toBeLessThan(others + 4 * TICK_MS)
    expect(new Set(told.slice(first).map(([node]) => node))).toEqual(new Set([owner]))
    // Whoever was on the drained node has all of them, too.
    await eventually(() => numbers.length >= told.length - 3)
    numbers.forEach((number, at) => expect(number).toBe((numbers[0] as number) + at))
    for (const peer of peers) expect(new Set(inputsOf(peer)).size).toBe(inputsOf(peer).length)
    expect(events).toEqual([])
    await a.close({ timeoutMs: 200 })
    expect((await b.meetings.find('m'))?.name).toBe('m')
  }, 40_000)

  it('may be told so by another node, which sees how far it is', async () => {
    const [a, b] = await cluster()
    await a.meetings.open('m')
    expect(await b.cluster.drainOf('a')).toMatchObject({ state: 'serving', meetings: 1, connections: 0 })
    expect(await b.cluster.drain('a', { timeoutMs: 15_000 })).toMatchObject({ state: 'draining' })
    await vi.waitFor(async () => {
      expect(await b.cluster.drainOf('a')).toMatchObject({ state: 'drained', meetings: 0, staying: 0 })
    })
    await eventually(() => b.cluster.nodes().find(({ node }) => node === 'a')?.draining === true)
    expect([a.ready().status, b.ready().status]).toEqual(['draining', 'ready'])
    await expect(b.cluster.drain('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(b.cluster.drain('a', { timeoutMs: 0 })).rejects.toThrow(RangeError)
  })

  it('answers the requests that it has before their clients move, and takes nothing new', async () => {
    const [a, b] = await cluster()
    let answer: ((text: string) => void) | undefined
    a.onRequest('slow', () => new Promise<string>((resolve) => (answer = resolve)))
    const client = connect({
      getTicket: () => (a.ready().status === 'draining' ? b : a).tickets.issue({ user: 'ann' }),
    })
    clients.push(client)
    const asked = client.request('slow', {})
    await eventually(() => answer !== undefined)
    const drained = a.drain({ timeoutMs: 10_000 })
    await expect(a.meetings.open('late')).rejects.toMatchObject({ code: 'DRAINING' })
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(a.health()).toMatchObject({ status: 'draining', connections: 1 })
    answer?.('at last')
    expect(await asked).toBe('at last')
    expect(await drained).toMatchObject({ connections: 0, requests: 0 })
    await eventually(() => b.health().connections === 1)
  }, 20_000)

  it('closes what is left at its deadline, and all at once where it is alone', async () => {
    const [a, b] = await cluster()
    for (const rtms of [a, b]) rtms.meetings.define('heavy', { onFrame: () => {} })
    await a.meetings.open('stays', { kind: 'heavy' })
    let isAsked = false
    a.onRequest('hangs', () => new Promise(() => (isAsked = true)))
    const peer = await Peer.connect(a.address.url, await tokenOf(a, 'ann'))
    peer.send({
      type: 'request',
      call: 1,
      method: 'hangs',
      data: { text: true, bytes: new Uint8Array([48]) },
      timeout: 0,
    })
    await eventually(() => isAsked)
    const began = performance.now()
    expect(await a.drain({ timeoutMs: 1_000 })).toMatchObject({ meetings: 0, staying: 1 })
    expect(performance.now() - began).toBeLessThan(3_000)
    await eventually(() => a.health().connections === 0)
    await eventually(() => peer.all('goodbye').length === 1)
    const alone = await start()
    const lone = await Peer.connect(alone.address.url, await tokenOf(alone))
    await alone.meetings.open('m')
    expect(await alone.drain()).toEqual({ meetings: 0, staying: 1, connections: 0, requests: 0, sessions: 1 })
    await eventually(() => lone.all('goodbye').length === 1)
  }, 20_000)
})
