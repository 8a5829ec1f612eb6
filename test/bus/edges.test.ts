import { once } from 'node:events'
import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import { type Client, connect } from '../../src/client/node.ts'
import type { Rtms, RtmsOptions, Ticket } from '../../src/server/index.ts'
import { start } from '../integration/server/peer.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

const clients: Client[] = []
const ways: { server: Server; sockets: Set<Socket> }[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const { server, sockets } of ways.splice(0)) {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
})

/** A port from which everything takes so long to another one, and back. */
async function farFrom(port: number, ms: number): Promise<number> {
  const sockets: Set<Socket> = new Set()
  const server = createServer((near) => {
    const there = dial(port, '127.0.0.1')
    for (const [from, to] of [
      [near, there],
      [there, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => setTimeout(() => to.write(data), ms))
      from.on('error', () => {})
      from.on('close', () => setTimeout(() => to.destroy(), ms))
    }
  })
  ways.push({ server, sockets })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Two nodes, and an edge that knows them. */
async function cluster(): Promise<{ a: Rtms; b: Rtms; edge: Rtms }> {
  const hub = new ThreadsHub()
  const node = (nodeId: string, options: Partial<RtmsOptions> = {}): Promise<Rtms> =>
    start({
      bus: threads(hub.seat()),
      nodeId,
      publicUrl: 'ws://127.0.0.1:{port}/rtms?route={node}',
      ...options,
    })
  const [a, b, edge] = await Promise.all([node('a'), node('b'), node('edge', { role: 'edge' })])
  await eventually(() => [a, b, edge].every((each) => each.cluster.nodes().length === 3))
  return { a, b, edge }
}

/** A client with this ticket, whenever it asks. */
function at(getTicket: () => Promise<Ticket> | Ticket): Client {
  const client = connect({ getTicket })
  clients.push(client)
  return client
}

async function opened(rtms: Rtms, name: string): Promise<void> {
  // A busy machine may take longer than a claim waits.
  await eventually(() =>
    rtms.meetings.open(name, { frameRate: 20 }).then(
      () => true,
      () => false,
    ),
  )
}

describe('An edge', () => {
  it('is named in the tickets of readers, and opens no meeting but those that others have', async () => {
    const { a, b, edge } = await cluster()
    expect(a.cluster.nodes().map(({ node, role }) => [node, role])).toEqual(
      expect.arrayContaining([
        ['a', 'core'],
        ['b', 'core'],
        ['edge', 'edge'],
      ]),
    )
    await opened(b, 'room')
    expect((await edge.meetings.open('room')).name).toBe('room')
    await expect(edge.meetings.open('hall')).rejects.toThrow('an edge, which opens no meetings')
    const read = { user: 'u1', topics: { read: ['*'] } }
    const { url, urls } = await a.tickets.issue(read)
    expect([new URL(url).search, urls?.map((each) => new URL(each).search)]).toEqual([
      '?route=a',
      ['?route=a', '?route=edge'],
    ])
    // A watcher is led to the owner of the meeting, or to an edge.
    const watcher = await a.tickets.issue({ user: 'u1', meetings: [{ name: 'room', role: 'spectator' }] })
    expect(watcher.urls?.map((each) => new URL(each).search)).toEqual(['?route=b', '?route=edge'])
    expect((await a.tickets.issue({ user: 'u1', meetings: ['room'] })).urls).toBeUndefined()
    expect((await a.tickets.issue({ ...read, edges: ['edge', 'gone'] })).urls).toHaveLength(2)
    expect((await a.tickets.issue({ ...read, edges: ['gone', 'b'] })).urls).toBeUndefined()
    // One that is about to leave is not named.
    void edge.drain()
    await eventually(async () => (await a.tickets.issue(read)).urls === undefined)
  })

  it('is where its nearest clients go, and when it has gone they go on at the node that is left', async () => {
    const { a, edge } = await cluster()
    await opened(a, 'room')
    for (const each of [a, edge]) each.topics.define('price', { entries: 1_000 })
    const far = await farFrom(a.address.port, 60)
    const tickets: (readonly string[] | undefined)[] = []
    const client = at(async () => {
      const ticket = await a.tickets.issue({
        user: 'u1',
        meetings: [{ name: 'room', role: 'spectator' }],
        topics: { read: ['price'] },
      })
      const led = (url: string): string => url.replace(`:${a.address.port}/`, `:${far}/`)
      const urls = ticket.urls?.map(led)
      tickets.push(urls)
      return { ...ticket, url: led(ticket.url), ...(urls === undefined ? {} : { urls }) }
    })
    const prices: number[] = []
    const gaps: unknown[] = []
    client.subscribe<number>('price', (price) => prices.push(price), { onGap: (gap) => gaps.push(gap) })
    const room = await client.join('room', { spectator: true })
    const frames: number[] = []
    room.onFrame(({ number }) => frames.push(number))
    expect(client.node).toBe('edge')
    expect(tickets).toHaveLength(1)
    let price = 0
    await eventually(() => {
      a.topics.publish('price', ++price)
      return prices.length > 10 && frames.length > 5
    })
    const resumed: boolean[] = []
    client.onReconnect(({ recovered }) => resumed.push(recovered))
    await edge.close()
    const before = prices.length
    await eventually(() => {
      a.topics.publish('price', ++price)
      return client.node === 'a' && client.state === 'connected' && prices.length > before + 10
    })
    // Nothing was missed on the way.
    expect(prices).toEqual(prices.map((_, index) => (prices[0] ?? 0) + index))
    expect(frames).toEqual(frames.map((_, index) => (frames[0] ?? 0) + index))
    expect([gaps, resumed.length]).toEqual([[], 1])
  })
})
