import { afterEach, describe, expect, it } from 'vitest'
import {
  type Client,
  connect,
  type Position,
  type State,
  type SubscribeOptions,
} from '../../src/client/node.ts'
import { Rtms } from '../../src/server/index.ts'

/* The real client on the real server, over real sockets. */

const SECRET = 'a secret for this test only, of more than thirty-two bytes'
const open: { close(): unknown }[] = []

async function start(options: Partial<Parameters<typeof Rtms.start>[0]> = {}): Promise<Rtms> {
  const rtms = await Rtms.start({ port: 0, host: '127.0.0.1', secret: SECRET, ...options })
  open.push(rtms)
  return rtms
}

function client(rtms: Rtms, user: string, expiresIn = 3_600): { client: Client; tickets: () => number } {
  let tickets = 0
  const made = connect({
    getTicket: () => {
      tickets++
      return rtms.tickets.issue({
        user,
        meetings: ['room'],
        topics: { read: ['*'], write: ['*'] },
        expiresIn,
      })
    },
    maxBackoffMs: 500,
  })
  open.push(made)
  return { client: made, tickets: () => tickets }
}

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

describe('rtms/client in Node', () => {
  it('replaces a ticket in passing: a session outlives its first token without a break', async () => {
    const rtms = await start()
    const { client: made, tickets } = client(rtms, 'ann', 2)
    const states: State[] = []
    made.onState((state) => states.push(state))
    await expect.poll(() => made.state).toBe('connected')
    await expect.poll(tickets, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
    expect(states.filter((state) => state === 'disconnected')).toEqual([])
    expect(rtms.stats.connectionsOpened).toBe(1)
  })

  it('comes back when its node is started anew, and goes on in a new meeting of the same name', async () => {
    const first = await start()
    const { port } = first.address
    await first.meetings.open('room')
    let current = first
    const made = connect({
      getTicket: () => current.tickets.issue({ user: 'ann', meetings: ['room'] }),
      maxBackoffMs: 500,
    })
    open.push(made)
    const meeting = await made.join('room')
    const frames: number[] = []
    const rejoined: string[] = []
    meeting.onRejoin(({ reason }) => rejoined.push(reason))
    meeting.onFrame(({ number }) => frames.push(number))
    await expect.poll(() => frames.length).toBeGreaterThan(3)
    await first.close()
    current = await start({ port })
    await current.meetings.open('room')
    await expect.poll(() => rejoined, { timeout: 10_000 }).toEqual(['NEW_EPOCH'])
    await expect.poll(() => frames.filter((number) => number === 1).length).toBe(2)
    expect(await meeting.send({ still: 'here' })).toBeGreaterThan(0)
  })

  it('hears from another member who closes for good at once', async () => {
    const rtms = await start()
    await rtms.meetings.open('room')
    const [a, b] = [client(rtms, 'ann').client, client(rtms, 'bob').client]
    const room = await a.join('room')
    const events: string[] = []
    const inputs: unknown[] = []
    room.onFrame((frame) => {
      for (const event of frame.events) events.push(event.type)
      for (const input of frame.inputs) inputs.push(input.data)
    })
    const other = await b.join('room')
    void other.send('last words')
    b.close()
    await expect.poll(() => [inputs, events]).toEqual([['last words'], ['join', 'join', 'leave']])
  })

  it('publishes with keys, conflates, and gets what is left after a removal', async () => {
    const rtms = await start()
    const [a, b] = [client(rtms, 'ann').client, client(rtms, 'bob').client]
    await a.publish('board', 1, { key: 'x' })
    await a.publish('board', 2, { key: 'y' })
    await a.publish('board', null, { key: 'x', remove: true })
    const seen: [string, unknown][] = []
    b.subscribe('board', (data, { key }) => seen.push([key, data]), { conflate: true })
    await expect.poll(() => seen).toEqual([['y', 2]])
  })

  it('begins some publications back, and goes on where a page that is gone had stood', async () => {
    const rtms = await start()
    rtms.topics.define('log', { entries: 5 })
    for (let n = 1; n <= 4; n++) rtms.topics.publish('log', n)
    /** Reads until `last` came, and tells what it was told and where it stands. */
    const read = async (options: SubscribeOptions, last: number): Promise<[unknown[], Position | null]> => {
      const { client: made } = client(rtms, 'ann')
      const heard: unknown[] = []
      const gap = ({ reason }: { reason: string }): number => heard.push(`gap ${reason}`)
      made.subscribe('log', (data) => heard.push(data), {
        ...options,
        onSubscribed: ({ recovered, reason }) => heard.push(`${recovered} ${reason}`),
        onGap: gap,
      })
      await expect.poll(() => heard.at(-1)).toBe(last)
      const position = made.position('log')
      made.close()
      return [heard, position]
    }
    const [first, position] = await read({ history: 2 }, 4)
    expect(first).toEqual(['false ', 3, 4])
    const since = JSON.parse(JSON.stringify(position)) as Position
    for (let n = 5; n <= 7; n++) rtms.topics.publish('log', n)
    expect((await read({ since }, 7))[0]).toEqual(['true ', 5, 6, 7])
    for (let n = 8; n <= 12; n++) rtms.topics.publish('log', n)
    await expect.poll(() => rtms.topics.history('log').length).toBe(5)
    expect((await read({ since }, 12))[0]).toEqual(['false RETENTION', 'gap RETENTION', 8, 9, 10, 11, 12])
    const other = await start()
    for (let n = 1; n <= 2; n++) other.topics.publish('log', `other ${n}`)
    const { client: moved } = client(other, 'ann')
    const heard: unknown[] = []
    moved.subscribe('log', (data) => heard.push(data), {
      since,
      onSubscribed: ({ recovered, reason }) => heard.push(`${recovered} ${reason}`),
    })
    await expect.poll(() => heard).toEqual(['false NEW_EPOCH', 'other 1', 'other 2'])
  })

  it('publishes with the pressure of the topic for an answer', async () => {
    const rtms = await start()
    const { client: made } = client(rtms, 'ann')
    const pressure = await made.publish('feed', 1)
    expect(pressure).toBeGreaterThanOrEqual(0)
    expect(pressure).toBeLessThanOrEqual(1)
  })

  it('tells why a subscription, a join and a request fail', async () => {
    const rtms = await start()
    const { client: made } = client(rtms, 'ann')
    await expect(made.join('elsewhere')).rejects.toMatchObject({ code: 'FORBIDDEN', retry: 'fix' })
    await expect(made.join('room')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(made.request('nothing.here')).rejects.toMatchObject({ code: 'NO_HANDLER' })
    const controller = new AbortController()
    const waiting = made.join('room', { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})
