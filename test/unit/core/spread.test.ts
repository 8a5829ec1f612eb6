import { describe, expect, it } from 'vitest'
import { defaultLimits, RtmsNode } from '../../../src/core/index.ts'
import { binaryCodec, type ServerMessage } from '../../../src/protocol/index.ts'
import { FakeApplication, Harness, RecordingBus, RecordingTransport } from './harness.ts'

/*
 * When many clients are sent away at once, each is told a wait of its own. Chance is fixed at both ends here, and then
 * drawn evenly.
 */

const range = { reconnectMinMs: 300, reconnectMaxMs: 1_300 }

/** The waits that `count` clients are told whose node is drained, where chance is `draw`. */
function waitsOf(count: number, draw: (n: number) => readonly number[], limits: Partial<typeof range> = {}) {
  let draws = 0
  let isOver = false
  const node = new RtmsNode(
    {
      id: 'n1',
      incarnation: 7,
      wallOffset: 0,
      entropy: (size) => Uint8Array.from(isOver && size === 2 ? draw(draws++) : new Uint8Array(size).fill(1)),
      limits: { ...defaultLimits, ...range, ...limits },
    },
    { application: new FakeApplication(), bus: new RecordingBus(), fault: () => {} },
  )
  const heard: ServerMessage[] = []
  for (let i = 0; i < count; i++) {
    const take = (packet: { readonly bytes: Uint8Array }): void =>
      void heard.push(...(binaryCodec.decode(packet.bytes, 'server') as ServerMessage[]))
    node.handleOpen(new RecordingTransport(() => 1_000, take), binaryCodec, 1_000)
  }
  isOver = true
  node.drain(1_000)
  node.sweep(1_000)
  return heard.flatMap((message) => (message.type === 'goodbye' ? [message.retryAfter] : []))
}

describe('The wait that a goodbye names', () => {
  it('is the least of the welcome’s range at one end of chance, and the greatest at the other', () => {
    expect(waitsOf(2, () => [0, 0])).toEqual([300, 300])
    expect(waitsOf(2, () => [255, 255])).toEqual([1_300, 1_300])
  })

  it('is drawn for each client, and evenly over the range', () => {
    const waits = waitsOf(1_000, (n) => {
      const number = Math.floor((n / 1_000) * 65_536)
      return [number >> 8, number & 255]
    })
    expect(waits).toHaveLength(1_000)
    for (let tenth = 0; tenth < 10; tenth++) {
      const from = 300 + 100 * tenth
      const within = waits.filter((wait) => wait >= from && wait < from + 100)
      expect(Math.abs(within.length - 100)).toBeLessThanOrEqual(2)
    }
  })

  it('uses all bits of its draw: two clients whose draws differ little are told apart', () => {
    const waits = waitsOf(256, (n) => [7, n], { reconnectMaxMs: 60_300 })
    expect(new Set(waits).size).toBeGreaterThan(200)
  })

  it('is the least where the range is empty', () => {
    expect(waitsOf(2, (n) => [n * 255, n * 255], { reconnectMaxMs: 300 })).toEqual([300, 300])
    expect(waitsOf(2, (n) => [n * 255, n * 255], { reconnectMaxMs: 100 })).toEqual([300, 300])
  })
})

describe('The range that a welcome names for the first reconnect', () => {
  /** The greatest wait that the last of so many clients is told. */
  function greatestOf(count: number, limits: Partial<typeof range> = {}): number {
    const h = new Harness({ connectionsPerAddress: count, handshakes: count, ...limits })
    for (let n = 1; n < count; n++) h.connect(`u${n}`)
    const last = h.open()
    last.hello('last')
    h.settle()
    const [welcome] = last.take()
    if (welcome?.type !== 'welcome') throw new Error('no welcome')
    return welcome.reconnectMax
  }

  it('is short where few clients would come back, and gives each of many a fifth of a millisecond', () => {
    const { reconnectMinMs, reconnectMaxMs } = defaultLimits
    expect([reconnectMinMs, reconnectMaxMs, greatestOf(1)]).toEqual([25, 2_000, 100])
    const limits = { reconnectMinMs: 10 }
    expect([1, 200, 300].map((count) => greatestOf(count, limits))).toEqual([40, 40, 60])
  })

  it('is never longer than the limit', () => {
    expect(greatestOf(300, { reconnectMinMs: 10, reconnectMaxMs: 50 })).toBe(50)
    expect(greatestOf(1, { reconnectMinMs: 300, reconnectMaxMs: 1_000 })).toBe(1_000)
    expect(greatestOf(1, { reconnectMinMs: 300, reconnectMaxMs: 2_000 })).toBe(1_200)
  })
})
