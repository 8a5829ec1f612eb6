import { PassThrough } from 'node:stream'
import { afterEach, expect, it, vi } from 'vitest'
import { Reading } from '../../../src/server/edge/reading.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const sockets: PassThrough[] = []

/** A socket whose bytes take time to handle, and what `ws` does with it. */
class Peer {
  readonly socket: PassThrough = new PassThrough({ highWaterMark: 65_536 })
  /** The lengths of what was handed on, and all of it. */
  readonly slices: number[] = []
  readonly bytes: number[] = []
  /** When bytes arrived. */
  readonly heardAt: number[] = []
  isStopped = false
  isCut = false
  readonly pause = vi.fn(() => {
    this.isStopped = true
    this.socket.pause()
  })
  readonly resume = vi.fn(() => {
    this.isStopped = false
    this.socket.resume()
  })
  readonly inflow
  readonly take: (chunk: Buffer) => void

  constructor(clock: Clock, payer: string) {
    this.take = (chunk) => {
      this.slices.push(chunk.length)
      this.bytes.push(...chunk)
      clock.now += chunk.length * clock.msPerByte
    }
    this.socket.on('data', this.take)
    sockets.push(this.socket)
    const terminate = (): void => {
      this.isCut = true
      this.socket.destroy()
    }
    this.inflow = clock.reading.follow(
      { pause: this.pause, resume: this.resume, terminate },
      this.socket,
      () => payer,
      (now) => this.heardAt.push(now),
    )
  }

  /** Bytes arrive. */
  send(count: number): void {
    this.socket.emit('data', Buffer.alloc(count, this.bytes.length))
  }
}

class Clock {
  now = 0
  msPerByte = 1 / 2_048
  readonly failed: unknown[] = []
  readonly reading: Reading = new Reading(
    (error) => this.failed.push(error),
    () => this.now,
  )
}

afterEach(() => {
  vi.restoreAllMocks()
  // What is left would be handed on in the turns of later tests.
  for (const socket of sockets.splice(0)) socket.destroy()
})

it('What is short is handed on at once, for a few milliseconds in each turn of the event loop', async () => {
  const clock = new Clock()
  const peers = Array.from({ length: 6 }, (_, n) => new Peer(clock, `${n}`))
  for (const peer of peers) peer.send(2_048)
  expect(peers.map(({ slices }) => slices.length)).toEqual([1, 1, 1, 1, 0, 0])
  await turn()
  expect(peers.map(({ slices }) => slices.length)).toEqual([1, 1, 1, 1, 1, 1])
  // So little does not stop anybody's socket.
  for (const { pause } of peers) expect(pause).not.toHaveBeenCalled()
  peers[0]?.send(100)
  expect(peers[0]?.slices).toEqual([2_048, 100])
})

it('A few bytes of many sockets are handed on in each turn, however long the process was put aside in it', () => {
  const clock = new Clock()
  const peers = Array.from({ length: 60 }, (_, n) => new Peer(clock, `${n}`))
  for (const peer of peers) {
    peer.send(40)
    clock.now += 20
  }
  expect(peers.filter(({ slices }) => slices.length === 1)).toHaveLength(51)
})

it('Bytes are heard when they arrive, though they are handed on later', async () => {
  const clock = new Clock()
  clock.msPerByte = 0
  const peer = new Peer(clock, 'a')
  clock.now = 10
  peer.send(2_048)
  expect(peer.inflow.at).toBe(10)
  peer.inflow.pause()
  clock.now = 500
  peer.send(100)
  clock.now = 700
  peer.send(100)
  expect(peer.heardAt).toEqual([10, 500, 700])
  expect(peer.inflow.at).toBe(10)
  clock.now = 900
  peer.inflow.resume()
  await turn()
  expect(peer.slices).toEqual([2_048, 100, 100])
  expect(peer.inflow.at).toBe(900)
})

it('Whoever sends much is read in slices, in turns with others, and stopped meanwhile', async () => {
  const clock = new Clock()
  const [much, little] = [new Peer(clock, 'a'), new Peer(clock, 'b')]
  much.send(65_536)
  expect(much.slices).toEqual([2_048])
  expect(much.isStopped).toBe(true)
  // Three milliseconds are left of this turn.
  clock.msPerByte = 1
  little.send(3)
  little.send(5)
  expect(little.slices).toEqual([3])
  clock.msPerByte = 1 / 2_048
  for (let turns = 0; much.isStopped; turns++) {
    expect(turns).toBeLessThan(10)
    // oxlint-disable-next-line no-await-in-loop
    await turn()
  }
  expect(much.slices).toEqual(Array.from({ length: 32 }, () => 2_048))
  expect(much.pause).toHaveBeenCalledTimes(1)
  expect(much.resume).toHaveBeenCalledTimes(1)
  expect(little.slices).toEqual([3, 5])
  expect(clock.reading.size).toBe(0)
})

it('Whoever sends what takes long to handle rests, with all sockets, and goes on afterwards', async () => {
  const clock = new Clock()
  const [first, second, alice] = ['mallory', 'mallory', 'alice'].map((payer) => new Peer(clock, payer)) as [
    Peer,
    Peer,
    Peer,
  ]
  clock.msPerByte = 0.004
  first.send(4_096)
  second.send(100)
  alice.send(100)
  for (let turns = 0; turns < 3; turns++) {
    // oxlint-disable-next-line no-await-in-loop
    await turn()
    clock.now += 1
  }
  expect([first, second, alice].map(({ slices }) => slices.length)).toEqual([1, 0, 1])
  alice.send(100)
  await vi.waitFor(() => expect([first, second].map(({ bytes }) => bytes.length)).toEqual([4_096, 100]))
  await turn()
  expect(alice.slices).toEqual([100, 100])
  expect(clock.reading.size).toBe(0)
})

it('What takes long for its size is not the fault of who has sent it', async () => {
  const clock = new Clock()
  const ann = new Peer(clock, 'ann')
  clock.msPerByte = 5
  ann.send(10)
  await turn()
  ann.send(10)
  expect(ann.slices).toEqual([10, 10])
})

it('Payers take turns, however many sockets one of them has', async () => {
  const clock = new Clock()
  const crowd = Array.from({ length: 10 }, () => new Peer(clock, 'mallory'))
  for (const peer of crowd) peer.send(65_536)
  const alice = new Peer(clock, 'alice')
  alice.send(4_096)
  expect(alice.slices).toEqual([])
  await turn()
  expect(alice.slices).toEqual([2_048, 2_048])
})

it('Nothing is handed on while the node wants nothing, and all of it in order afterwards', async () => {
  const clock = new Clock()
  const peer = new Peer(clock, 'a')
  peer.inflow.pause()
  peer.inflow.pause()
  peer.send(3)
  peer.send(5_000)
  await turn()
  expect(peer.slices).toEqual([])
  expect(peer.pause).toHaveBeenCalledTimes(1)
  peer.inflow.resume()
  expect(peer.isStopped).toBe(true)
  await turn()
  await turn()
  expect(peer.slices).toEqual([3, 2_048, 2_048, 904])
  expect(peer.isStopped).toBe(false)
  expect(peer.bytes).toHaveLength(5_003)
})

it('A socket is not read on while the node wants nothing, though what it had sent was handed on', async () => {
  const clock = new Clock()
  const peer = new Peer(clock, 'a')
  peer.send(6_144)
  expect(peer.isStopped).toBe(true)
  peer.inflow.pause()
  await turn()
  expect(peer.slices).toEqual([2_048])
  peer.inflow.resume()
  expect(peer.isStopped).toBe(true)
  await turn()
  expect(peer.slices).toEqual([2_048, 2_048, 2_048])
  expect(peer.isStopped).toBe(false)
})

it('Once ws wants nothing more, nothing is handed on', async () => {
  const clock = new Clock()
  const peer = new Peer(clock, 'a')
  peer.send(65_536)
  peer.socket.off('data', peer.take)
  await turn()
  expect(peer.slices).toEqual([2_048])
  expect(clock.reading.size).toBe(0)
  peer.send(10)
  expect(peer.slices).toEqual([2_048])
})

it('What a socket has not handed on when it closes is dropped, also what it has yet to read', async () => {
  const clock = new Clock()
  const peer = new Peer(clock, 'a')
  const left = vi.fn()
  peer.socket.on('close', () => left(peer.socket.readableLength))
  peer.send(65_536)
  peer.socket.write(Buffer.alloc(1_000))
  await turn()
  const before = peer.slices.length
  peer.socket.destroy()
  await turn()
  await turn()
  await turn()
  expect(peer.slices).toHaveLength(before)
  expect(left).toHaveBeenCalledWith(0)
  expect(clock.reading.size).toBe(0)
})

it('What waits is bounded: a socket of whoever has most is cut off', async () => {
  const clock = new Clock()
  clock.msPerByte = 1
  const most = serverLimits.unreadBytes / 65_536
  new Peer(clock, 'first').send(2_048)
  const crowd = Array.from({ length: most }, () => new Peer(clock, 'mallory'))
  for (const peer of crowd) peer.send(65_536)
  expect(crowd.filter(({ isCut }) => isCut)).toHaveLength(0)
  const alice = new Peer(clock, 'alice')
  alice.send(65_536)
  expect(alice.isCut).toBe(false)
  expect(crowd.filter(({ isCut }) => isCut)).toEqual([crowd[0]])
  const last = new Peer(clock, 'mallory')
  last.send(65_536)
  expect(last.isCut).toBe(true)
  expect(crowd.filter(({ isCut }) => isCut)).toEqual([crowd[0]])
})

it('Where everybody waits with one socket, one that sends much is cut off, and one that sends little is not', () => {
  const clock = new Clock()
  clock.msPerByte = 1
  new Peer(clock, 'first').send(2_048)
  const most = serverLimits.unreadBytes / 65_536
  for (let n = 0; n < most; n++) new Peer(clock, `${n}`).send(65_536)
  const [large, small] = [new Peer(clock, 'large'), new Peer(clock, 'small')]
  large.send(65_536)
  small.send(2_048)
  expect([large.isCut, small.isCut]).toEqual([true, false])
})

it('A socket at which handing on throws is cut off', async () => {
  const clock = new Clock()
  const peer = new Peer(clock, 'a')
  peer.send(65_536)
  clock.msPerByte = Number.NaN
  const error = new Error('broken')
  peer.bytes.push = () => {
    throw error
  }
  await turn()
  expect(clock.failed).toEqual([error])
  expect(peer.isCut).toBe(true)
  expect(clock.reading.size).toBe(0)
})
