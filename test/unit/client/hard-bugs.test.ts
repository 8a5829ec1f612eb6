import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { joined, live, make, settle, useVirtualTime } from './fake-socket.ts'
import { Rig, welcomeOf } from './rig.ts'

/*
 * Bugs that others shipped and that are the client's to avoid, each with the answer this one gives. The node's have
 * theirs in test/unit/core/hard-bugs.test.ts.
 */

useVirtualTime()

beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
})

afterEach(() => {
  vi.restoreAllMocks()
})

const HEARTBEAT = 8_000
/** Before each reconnect, as chance has it here. */
const WAIT = 200

/** What was promised is done, and no timer has fired. */
const withoutTimers = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('A socket', () => {
  // home-assistant-js-websocket#760: a socket that stayed in CONNECTING told nothing, and nothing was tried after it.
  it('hard bug 2: that hangs while it connects is given up in ten seconds, and another one is opened', async () => {
    const { client, sockets } = make()
    await settle()
    for (let attempt = 0; attempt < 3; attempt++) {
      const stuck = sockets[attempt]
      const { onopen, onclose } = stuck ?? {}
      expect([sockets.length, client.state]).toEqual([attempt + 1, 'connecting'])
      await vi.advanceTimersByTimeAsync(9_999)
      expect([stuck?.closed, client.state]).toEqual([undefined, 'connecting'])
      await vi.advanceTimersByTimeAsync(1)
      expect([stuck?.closed, client.state]).toEqual([3000, 'disconnected'])
      // What it says at last is nobody's business any more.
      onopen?.()
      onclose?.({ code: 1000, reason: '' })
      expect(stuck?.sent).toEqual([])
      await vi.advanceTimersByTimeAsync(WAIT)
    }
    const [, , , socket] = sockets
    socket?.onopen?.()
    await settle()
    socket?.receive(welcomeOf())
    expect([client.state, sockets.length]).toEqual(['connected', 4])
  })

  // ws#2203: a socket whose peer never answered its close frame stayed in CLOSING for 30 s, and whoever waited for its
  // end with it.
  it('hard bug 3: that hangs while it closes keeps nothing waiting, and disturbs nothing when it ends', async () => {
    const { client, sockets, socket } = await live({ heartbeat: HEARTBEAT })
    const { onclose, onmessage } = socket
    await vi.advanceTimersByTimeAsync(2 * HEARTBEAT)
    // It never says that it has closed.
    expect([socket.closed, client.state]).toEqual([3000, 'disconnected'])
    await vi.advanceTimersByTimeAsync(WAIT)
    const [, next] = sockets
    next?.onopen?.()
    await settle()
    next?.receive(welcomeOf({ resumed: true, heartbeat: HEARTBEAT }))
    expect(client.state).toBe('connected')
    onmessage?.({ data: 'late' })
    onclose?.({ code: 1006, reason: '' })
    await settle()
    expect([client.state, next?.closed, sockets.length]).toEqual(['connected', undefined, 2])
    // Nor does the end of the client wait for it.
    client.close()
    expect([client.state, next?.closed, vi.getTimerCount()]).toEqual(['closed', 1000, 0])
  })

  // engine.io-client#649: writes went out in timers, which a hidden tab fires once a second and, after a while, once a
  // minute.
  it('hard bug 4: is written to without any timer, however slow those of a hidden page are', async () => {
    const setup = await live()
    const { client, socket } = setup
    const meeting = await joined(setup)
    const { packets } = socket
    void meeting.send('here')
    void client.request('r').catch(() => {})
    void client.publish('t', 'x').catch(() => {})
    client.subscribe('t', () => {})
    await withoutTimers()
    expect(socket.sent.map(({ type }) => type)).toEqual(['input', 'request', 'publish', 'subscribe'])
    expect(socket.packets).toBe(packets + 1)
    // Nor does what the node waits for: without its pong the connection would be given up.
    socket.receive({ type: 'ping', time: 1 })
    await withoutTimers()
    expect(socket.takeOf('pong')).toMatchObject([{ echo: 1 }])
    const { length } = Array.from({ length: 64 }, () =>
      socket.receive({ type: 'push', name: 'p', data: { text: true, bytes: Uint8Array.of(0x31) } }),
    )
    await withoutTimers()
    expect(socket.takeOf('ack').at(-1)?.received).toBeGreaterThanOrEqual(length)
  })
})

describe('A connection after one that was lost', () => {
  const lost: [string, (rig: Rig) => void][] = [
    ['was silent', (rig) => rig.advance(2 * HEARTBEAT)],
    [
      'was asked and did not answer',
      (rig) => {
        rig.advance(HEARTBEAT)
        rig.machine.probe(rig.now)
        rig.advance(5_000)
      },
    ],
    [
      'closed while it was asked',
      (rig) => {
        rig.machine.probe(rig.now)
        rig.lose()
      },
    ],
    [
      'closed shortly before it would have been silent for too long',
      (rig) => {
        rig.advance(2 * HEARTBEAT - 300)
        rig.lose()
      },
    ],
  ]

  // supabase-js#2625: a heartbeat that the old socket still owed was held against the next one, which was closed though
  // healthy.
  it.each(lost)('hard bug 5: is measured by its own silence alone, where that one %s', (_, lose) => {
    for (const heartbeat of [HEARTBEAT, 20_000]) {
      const rig = new Rig()
      rig.live({ heartbeat: HEARTBEAT })
      for (let round = 1; round <= 3; round++) {
        rig.chance = 0
        lose(rig)
        expect(rig.machine.phase).toBe('waiting')
        rig.live({ heartbeat, resumed: true })
        const { attempt } = rig
        const before = rig.closed.length
        // A node with much to do: its first word after the welcome comes as late as may be.
        rig.advance(2 * heartbeat - 1)
        expect([rig.machine.phase, rig.closed.length]).toEqual(['live', before])
        rig.receive({ type: 'pong', echo: 0, time: 0, lateness: 0 })
        rig.advance(2 * heartbeat - 1)
        expect([rig.machine.phase, rig.attempt]).toEqual(['live', attempt])
        // And its own silence does end it.
        rig.advance(1)
        expect([rig.machine.phase, rig.closed.at(-1)]).toEqual(['waiting', { attempt, code: 3000 }])
        rig.live({ heartbeat: HEARTBEAT, resumed: true })
      }
    }
  })
})

const CLIENTS = 1_000

/** How long each waits for its next attempt: their chances stand evenly between 0 and 1. */
function waits(lose: (rig: Rig) => void): number[] {
  return Array.from({ length: CLIENTS }, (_, at) => {
    const rig = new Rig()
    rig.chance = at / CLIENTS
    lose(rig)
    expect(rig.machine.phase).toBe('waiting')
    return rig.machine.deadline - rig.now
  })
}

/** The most of them that come within any time of so many milliseconds. */
function most(times: readonly number[], ms: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return Math.max(
    ...sorted.map((from, at) => {
      const end = sorted.findIndex((time, later) => later > at && time >= from + ms)
      return (end === -1 ? sorted.length : end) - at
    }),
  )
}

function expectSpread(times: readonly number[]): void {
  expect([Math.min(...times), Math.max(...times)]).toEqual([200, expect.closeTo(2_000, -1)])
  // In a hundredth of the time comes a hundredth of the clients; one more may stand on its edge.
  expect(most(times, 18)).toBeLessThanOrEqual(CLIENTS / 100 + 1)
}

describe('Clients that lose their node in one moment', () => {
  // livekit client-sdk-js#1852: the first attempt had no jitter, so all of a room were back, and thrown out, in one
  // moment.
  it.each<[string, (rig: Rig) => void]>([
    ['it dies', (rig) => rig.lose()],
    ['it stops', (rig) => rig.lose(4454, 'DRAINING')],
    [
      'it says goodbye',
      (rig) => {
        rig.receive({
          type: 'goodbye',
          code: 4454,
          reason: '',
          retryAfter: 200,
          route: '',
          least: 0,
          most: 0,
        })
        rig.lose(4454, 'DRAINING')
      },
    ],
    ['it falls silent', (rig) => rig.advance(2 * HEARTBEAT)],
  ])(
    'hard bug 18: come back spread over the time the welcome named, the first attempt too: %s',
    (_, lose) => {
      expectSpread(
        waits((rig) => {
          rig.live({ resumed: true, reconnectMin: 200, reconnectMax: 2_000 })
          lose(rig)
        }),
      )
    },
  )

  it('hard bug 18: and get their network back in one moment, come back spread as well', () => {
    const times = waits((rig) => {
      rig.live({ resumed: true, reconnectMin: 200, reconnectMax: 2_000 })
      rig.lose()
      rig.machine.probe(rig.now)
    })
    expect(Math.max(...times)).toBeLessThanOrEqual(200)
    expect(most(times, 2)).toBeLessThanOrEqual(CLIENTS / 100 + 1)
  })

  it('hard bug 18: come back spread where no node has ever welcomed them', () => {
    expectSpread(
      waits((rig) => {
        rig.machine.start(rig.now)
        rig.giveTicket()
        rig.lose()
      }),
    )
  })
})
