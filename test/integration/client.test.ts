import { afterEach, describe, expect, it } from 'vitest'
import { type Client, connect, type State } from '../../src/client/node.ts'
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
