import { afterEach, describe, expect, it } from 'vitest'
import { ThreadsHub, threads } from '../../src/bus/threads.ts'
import { type Client, connect, type Meeting, type State } from '../../src/client/node.ts'
import type { Rtms } from '../../src/server/index.ts'
import { start } from '../integration/server/peer.ts'
import { endAll, eventually } from './buses.ts'

afterEach(endAll)

const clients: Client[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

/** A client that whatever leads it connects to this node first. */
function at(node: Rtms, user: string): Client {
  const client = connect({
    getTicket: async () => {
      const topics = { read: ['*'], write: ['*'] }
      const ticket = await node.tickets.issue({ user, meetings: ['room'], topics })
      return { ...ticket, url: node.address.url }
    },
  })
  clients.push(client)
  return client
}

/** What a client hears of a meeting: numbers of frames, and inputs. */
function listen(meeting: Meeting<string>): { readonly frames: number[]; readonly inputs: string[] } {
  const heard = { frames: [] as number[], inputs: [] as string[] }
  meeting.onFrame(({ number, inputs }) => {
    heard.frames.push(number)
    heard.inputs.push(...inputs.map(({ data }) => data))
  })
  meeting.onGap(({ from, to }) => heard.inputs.push(`gap ${from} ${to}`))
  return heard
}

describe('A member on the wrong one of three nodes', () => {
  it('is moved to the right one within seconds, while frames flow and inputs, calls and publications are sent', async () => {
    const hub = new ThreadsHub()
    const nodes = await Promise.all(
      ['a', 'b', 'c'].map((nodeId) =>
        start({ bus: threads(hub.seat()), nodeId, publicUrl: 'ws://{host}:{port}/rtms?route={node}' }),
      ),
    )
    const [a, b, c] = nodes as [Rtms, Rtms, Rtms]
    await eventually(() => nodes.every((rtms) => rtms.cluster.nodes().length === 3))
    for (const rtms of nodes) rtms.onRequest('echo', ({ data }) => data)
    // A busy machine may take longer than a claim waits.
    await eventually(() =>
      a.meetings.open('room', { frameRate: 20 }).then(
        () => true,
        () => false,
      ),
    )
    const [near, far, eve] = [at(a, 'ann'), at(b, 'bob'), at(c, 'eve')]
    const states: State[] = []
    far.onState((state) => states.push(state))
    const [rooms, watched] = await Promise.all([
      Promise.all([near.join<string>('room'), far.join<string>('room')]),
      eve.join<string>('room', { spectator: true }),
    ])
    const [ann, bob, spectator] = [listen(rooms[0]), listen(rooms[1]), listen(watched)]
    const news: unknown[] = []
    far.subscribe('news', (item) => news.push(item))
    await eventually(() => far.position('news') !== null)
    expect(far.node).toBe('b')
    const ends: Promise<unknown>[] = []
    let sent = 0
    let movedAt = Infinity
    // Goes on for a while after the move.
    await eventually(() => {
      if (far.node === 'a' && far.state === 'connected') movedAt = Math.min(movedAt, sent)
      a.topics.publish('news', sent)
      ends.push(rooms[1].send(`i${sent}`))
      if (sent % 5 === 0) ends.push(far.request('echo', sent))
      if (sent % 7 === 0) ends.push(far.publish('news', `p${sent}`))
      sent++
      return sent > movedAt + 50
    })
    await Promise.all(ends)
    const all = Array.from({ length: sent }, (_, n) => `i${n}`)
    await eventually(() => [ann, bob, spectator].every(({ inputs }) => inputs.length >= sent))
    for (const { inputs, frames } of [ann, bob, spectator]) {
      expect(inputs).toEqual(all)
      expect(frames).toEqual(frames.map((_, index) => (frames[0] ?? 0) + index))
    }
    const numbers = Array.from({ length: sent }, (_, n) => n)
    await eventually(() => news.includes(sent - 1))
    expect(news.filter((item) => typeof item === 'number')).toEqual(numbers)
    expect(states.filter((state) => state === 'disconnected')).toEqual([])
    expect([near.node, far.node, eve.node]).toEqual(['a', 'a', 'c'])
    expect(a.meetings.get('room')?.info.members).toHaveLength(2)
    expect(await b.metrics()).toMatch(/^rtms_moves_total\{outcome="asked"\} 1$/m)
    await eventually(async () => /^rtms_moves_total\{outcome="arrived"\} 1$/m.test(await a.metrics()))
    expect(await c.metrics()).not.toMatch(/^rtms_moves_total\{/m)
  })
})
