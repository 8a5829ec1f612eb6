import { describe, expect, it } from 'vitest'
import { Downstream } from '../../../src/core/down/downstream.ts'
import { defaultLimits, fixedLimits, type Limits } from '../../../src/core/ground/config.ts'
import { Stats } from '../../../src/core/ground/stats.ts'
import { costs, Work } from '../../../src/core/ground/work.ts'
import { Gap } from '../../../src/core/log/batches.ts'
import { Encoded } from '../../../src/core/log/encoded.ts'
import { Cursor, type Log, Outlet, type Read } from '../../../src/core/log/log.ts'
import { Account, ratesOf } from '../../../src/core/session/account.ts'
import { Session } from '../../../src/core/session/session.ts'
import { Publishers } from '../../../src/core/topic/publishers.ts'
import { encodeMessage } from '../../../src/protocol/binary.ts'
import { binaryCodec, nowhere, type ServerMessage } from '../../../src/protocol/index.ts'
import { grant, RecordingTransport } from './harness.ts'
import { endless, userOf } from './payers.ts'

const all = { ...defaultLimits, ...fixedLimits }
const ended = (log: number): ServerMessage => ({ type: 'ended', log, error: 'CLOSED', message: '' })

/** A log of `count` messages, in which some positions are something else. It notes its reads. */
class Shelf implements Log {
  readonly number: number
  reads = 0
  count: number
  readonly odd: ReadonlyMap<number, Read>

  constructor(number: number, count: number, odd: ReadonlyMap<number, Read> = new Map()) {
    this.number = number
    this.count = count
    this.odd = odd
  }

  isCurrent({ position }: Cursor): boolean {
    return position === this.count
  }

  read(cursor: Cursor): Read {
    this.reads++
    const at = cursor.position++
    return this.odd.get(at) ?? Encoded.of(ended(this.number))
  }
}

const SIZE = Encoded.of(ended(1)).binary.length

class Rig {
  readonly stats: Stats = new Stats()
  readonly work: Work = new Work()
  readonly publishers: Publishers = new Publishers(7)
  readonly slow: Outlet[] = []
  readonly broken: unknown[] = []
  readonly down: Downstream
  readonly #limits: Limits

  constructor(limits: Partial<Limits> = {}) {
    this.#limits = { ...all, ...limits }
    this.down = new Downstream(
      this.#limits,
      this.stats,
      this.work,
      this.publishers,
      (outlet) => this.slow.push(outlet),
      (_, error) => this.broken.push(error),
    )
  }

  outlet(): Outlet & { readonly transport: RecordingTransport } {
    return new Outlet(new RecordingTransport(() => 0), false, 0) as Outlet & { transport: RecordingTransport }
  }

  cursor(log: Log, outlet: Outlet, lane: Cursor[] = outlet.topicLane): Cursor {
    return new Cursor(log, outlet, lane, 0)
  }

  flush(budget = Infinity, work = Infinity): void {
    this.down.flush(0, budget, work)
  }

  session(): Session {
    const host = {
      limits: this.#limits,
      budget: endless(),
      slow: () => {},
      expired: () => {},
      caughtUp: () => {},
      counted: () => {},
      sendOn: () => {},
    }
    return new Session(
      's',
      grant('ann'),
      userOf(new Account(ratesOf(this.#limits), 'ann'), host.budget),
      host,
    )
  }
}

/** What was written, write by write: the logs whose messages are in it. */
const logsIn = (outlet: { readonly transport: RecordingTransport }): number[][] =>
  outlet.transport.packets.map((packet) =>
    binaryCodec.decode(packet.bytes, 'server').map((message) => ('log' in message ? message.log : 0)),
  )

describe('A write', () => {
  it('is counted with its messages, bytes and work', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    rig.down.mark(rig.cursor(new Shelf(1, 2), outlet))
    rig.down.control(outlet, { type: 'ping', time: 1 })
    rig.flush()
    const [packet] = outlet.transport.packets
    const size = packet?.bytes.length ?? 0
    expect(rig.stats).toMatchObject({ writes: 1, bytesOut: size, messagesOut: 3 })
    expect(outlet).toMatchObject({ sent: size, lastSent: 0, isUrgent: false, isPatient: false })
    expect(rig.work.done).toBe(2 * costs.walked + costs.write + size * costs.byte)
    rig.flush()
    expect(rig.stats.writes).toBe(1)
  })

  it('has each cursor once, however often it was marked, and none that is current or has left', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    const shelves = [new Shelf(1, 1), new Shelf(2, 1), new Shelf(3, 0)] as const
    const cursors = shelves.map((shelf) => rig.cursor(shelf, outlet))
    for (const cursor of [...cursors, ...cursors]) rig.down.mark(cursor)
    outlet.unmark(cursors[1] as Cursor)
    rig.flush()
    expect(logsIn(outlet)).toEqual([[1]])
    expect([shelves.map(({ reads }) => reads), cursors.map(({ marked }) => marked)]).toEqual([
      [1, 0, 0],
      [false, false, false],
    ])
    // A cursor that was read to its end can be marked anew.
    shelves[0].count = 2
    rig.down.mark(cursors[0] as Cursor)
    rig.flush()
    expect(logsIn(outlet)).toEqual([[1], [1]])
  })

  it('takes a page of each log in turn, up to its bytes; the next one goes on from there', () => {
    const rig = new Rig({ writeBytes: 3 * SIZE })
    const outlet = rig.outlet()
    for (const log of [1, 2]) rig.down.mark(rig.cursor(new Shelf(log, 4), outlet))
    for (let n = 0; n < 4; n++) rig.flush()
    expect(logsIn(outlet)).toEqual([
      [1, 2, 1],
      [2, 1, 2],
      [1, 2],
    ])
  })

  it('carries frames first, of which half of it is left to topics, and what precedes both', () => {
    const rig = new Rig({ writeBytes: 6 * SIZE })
    const outlet = rig.outlet()
    rig.down.mark(rig.cursor(new Shelf(3, 9), outlet))
    rig.down.mark(rig.cursor(new Shelf(2, 9), outlet, outlet.frameLane))
    rig.down.mark(rig.cursor(new Shelf(1, 1), outlet, outlet.sessionLane))
    rig.flush()
    expect(logsIn(outlet)).toEqual([[1, 2, 2, 3, 3, 3]])
  })

  it('ends with its work as well, and counts what was looked at for nothing', () => {
    const rig = new Rig({ writeWork: 3 * costs.walked })
    const outlet = rig.outlet()
    const shelf = new Shelf(1, 9, new Map(Array.from({ length: 9 }, (_, at) => [at, 'nothing'])))
    rig.down.mark(rig.cursor(shelf, outlet))
    const reads = [1, 2, 3, 4].map(() => {
      rig.flush()
      return shelf.reads
    })
    // Nothing was written, so nobody goes on by itself: the cursor stays in its lane.
    expect([reads, outlet.transport.packets.length]).toEqual([[3, 6, 9, 9], 0])
    expect(rig.work.done).toBe(9 * costs.walked)
  })

  it('counts gaps by what they stand for', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    const odd = new Map<number, Read>([
      [0, new Gap(1, 5, 9, nowhere, 'NO_SNAPSHOT')],
      [1, new Gap(1, 5, 9, { epoch: 1, at: 12, numbers: [] }, 'SLOW')],
      [2, new Gap(1, 5, 9, { epoch: 1, at: 0, numbers: [] }, 'RETENTION')],
    ])
    rig.down.mark(rig.cursor(new Shelf(1, 4, odd), outlet))
    rig.flush()
    expect([Object.fromEntries(rig.stats.gaps), Object.fromEntries(rig.stats.entriesSkipped)]).toEqual([
      { NO_SNAPSHOT: 1, SLOW: 1, RETENTION: 1 },
      { NO_SNAPSHOT: 4, SLOW: 7 },
    ])
  })

  it('names publishers before topics, once, and its bytes count', () => {
    const rig = new Rig({ writeBytes: 1 })
    rig.publishers.of(8)
    const outlet = rig.outlet()
    rig.down.mark(rig.cursor(new Shelf(2, 1), outlet, outlet.frameLane))
    rig.flush()
    expect(outlet.publishersTold).toBe(1)
    rig.down.mark(rig.cursor(new Shelf(1, 2), outlet))
    for (let n = 0; n < 4; n++) rig.flush()
    const types = outlet.transport.packets.map((packet) =>
      binaryCodec.decode(packet.bytes, 'server').map(({ type }) => type),
    )
    expect(types).toEqual([['ended'], ['publishers'], ['ended'], ['ended']])
    expect(outlet.publishersTold).toBe(2)
  })

  it('waits for credit: fewer bytes than the window are on their way', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    outlet.window = SIZE
    const shelf = new Shelf(1, 1)
    const cursor = rig.cursor(shelf, outlet)
    const more = (): number => {
      shelf.count++
      rig.down.mark(cursor)
      rig.flush()
      return outlet.transport.packets.length
    }
    expect([more(), rig.stats.creditStalls, more(), more()]).toEqual([1, 1, 1, 1])
    const sent = outlet.sent
    outlet.acknowledged = sent - SIZE
    expect(more()).toBe(1)
    outlet.acknowledged++
    rig.down.wake(outlet)
    rig.flush()
    expect(outlet.transport.packets).toHaveLength(2)
    rig.down.wake(outlet)
    expect(rig.down.hasWork).toBe(false)
  })

  it('to a socket that takes no more is the last one until that drains', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    outlet.transport.accepts = false
    const shelf = new Shelf(1, 1)
    const cursor = rig.cursor(shelf, outlet)
    rig.down.mark(cursor)
    rig.flush()
    expect([rig.stats.socketStalls, rig.stats.creditStalls, outlet.writable]).toEqual([1, 0, false])
    shelf.count = 3
    rig.down.mark(cursor)
    expect(rig.down.hasWork).toBe(false)
    outlet.transport.accepts = true
    outlet.writable = true
    rig.down.wake(outlet)
    rig.flush()
    expect([outlet.transport.packets.length, rig.stats.socketStalls]).toEqual([2, 1])
  })
})

const turns = (budget: number, work: number): number[][] => {
  const rig = new Rig()
  const outlets = [1, 2, 3, 4, 5].map((log) => {
    const outlet = rig.outlet()
    rig.down.mark(rig.cursor(new Shelf(log, 1), outlet))
    return outlet
  })
  const counts: number[][] = []
  while (rig.down.hasWork) {
    rig.flush(budget, work)
    counts.push([
      outlets.filter(({ transport }) => transport.packets.length > 0).length,
      rig.stats.sweepsCutDown,
    ])
  }
  return counts
}

describe('A flush', () => {
  it('ends with its bytes or its work; who was not reached comes first in the next', () => {
    const each = costs.walked + costs.write + SIZE * costs.byte
    expect(turns(2 * SIZE, Infinity)).toEqual([
      [2, 1],
      [4, 2],
      [5, 2],
    ])
    expect(turns(2 * SIZE + 1, Infinity)).toEqual([
      [3, 1],
      [5, 1],
    ])
    expect(turns(Infinity, 2 * each)).toEqual([
      [2, 1],
      [4, 2],
      [5, 2],
    ])
    expect(turns(Infinity, 2 * each + 1)).toEqual([
      [3, 1],
      [5, 1],
    ])
    expect(turns(5 * SIZE, Infinity)).toEqual([[5, 0]])
  })

  it('writes nothing to a reader that is given up, and tells of it once', () => {
    const rig = new Rig()
    const outlet = rig.outlet()
    const odd = new Map<number, Read>([[1, 'disconnect']])
    const cursor = rig.cursor(new Shelf(1, 5, odd), outlet)
    rig.down.mark(cursor)
    rig.down.mark(rig.cursor(new Shelf(2, 5), outlet))
    rig.flush()
    expect([rig.slow, outlet.outflow]).toEqual([[outlet], 'doomed'])
    const written = outlet.transport.packets.length
    rig.down.doom(outlet)
    rig.down.control(outlet, { type: 'pong', echo: 1, time: 1, lateness: 0 })
    expect(rig.down.hasWork).toBe(false)
    rig.down.hurry(cursor, 0)
    rig.flush()
    expect([rig.slow.length, outlet.transport.packets.length]).toEqual([1, written])
  })

  it('passes over an outlet that was given up while it waited', () => {
    const rig = new Rig()
    const [one, two] = [rig.outlet(), rig.outlet()]
    for (const outlet of [one, two]) rig.down.mark(rig.cursor(new Shelf(1, 1), outlet))
    rig.down.doom(one)
    rig.flush()
    expect([one.transport.packets.length, two.transport.packets.length]).toEqual([0, 1])
  })
})

describe('An entry of a session log', () => {
  it('is charged as work, and marks the cursor of the connection, if there is one', () => {
    const rig = new Rig()
    const session = rig.session()
    const message: ServerMessage = { type: 'done', call: 1, value: 0 }
    const size = encodeMessage(message).length
    rig.down.send(session, message)
    expect([rig.work.done, rig.down.hasWork]).toEqual([costs.encoded + size * costs.text, false])
    const outlet = rig.outlet()
    session.state = { is: 'live', outlet }
    rig.down.resume(session)
    rig.down.send(session, message)
    expect(rig.down.hasWork).toBe(false)
    session.log.attach(outlet, 2)
    rig.down.resume(session)
    expect(rig.down.hasWork).toBe(false)
    session.log.attach(outlet, 1)
    rig.down.resume(session)
    expect(rig.down.hasWork).toBe(true)
    rig.down.send(session, message)
    rig.flush()
    expect(rig.stats.messagesOut).toBe(2)
  })

  it('of a session that has ended is nothing', () => {
    const rig = new Rig()
    const session = rig.session()
    session.state = { is: 'ended' }
    rig.down.sendEncoded(session, new Uint8Array(5))
    expect([session.log.last, session.payer.held]).toEqual([0, 0])
  })

  it('that pushes out an unread one gives up the reader, not a session that is away', () => {
    const rig = new Rig({ sessionLogEntries: 1 })
    const [session, away] = [rig.session(), rig.session()]
    const outlet = rig.outlet()
    session.state = { is: 'live', outlet }
    for (const each of [session, away]) each.log.attach(outlet, 0)
    for (let n = 0; n < 2; n++) rig.down.sendEncoded(away, new Uint8Array(5))
    expect(rig.slow).toEqual([])
    for (let n = 0; n < 2; n++) rig.down.sendEncoded(session, new Uint8Array(5))
    expect(rig.slow).toEqual([outlet])
  })
})

it('A GOODBYE goes behind what is the connection’s own where that has credit, and is counted', () => {
  const goodbye = {
    type: 'goodbye',
    code: 4450,
    reason: '',
    retryAfter: 0,
    route: '',
    least: 0,
    most: 0,
  } as const
  for (const [window, count] of [
    [0, 2],
    [1, 1],
  ] as const) {
    const rig = new Rig()
    const outlet = rig.outlet()
    Object.assign(outlet, { window, sent: 5 })
    outlet.control.push(Encoded.of(ended(1)))
    rig.down.farewell(outlet, goodbye, 9)
    expect([rig.stats.messagesOut, outlet.lastSent, outlet.transport.packets.length]).toEqual([count, 9, 1])
  }
})
