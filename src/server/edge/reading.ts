import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { serverLimits } from '../ground/limits.ts'
import { Pace } from '../ground/pace.ts'
import { nextTurn, Turn } from '../ground/turn.ts'

/** Bytes of a socket that are handed on at a time: the worst, tiny messages, take less than a millisecond. */
const SLICE = 2_048

/**
 * How long handing on one slice may take, in milliseconds: the last slice of a large message has all of it handled at
 * once. A payer that takes longer rests for so many times as long; what takes more than this for each byte is not the
 * sender's doing, but that of the machine.
 */
const SLICE_MS = 2
const REST = 4
const BYTE_MS = 0.005

/** What of a WebSocket the reading needs. */
export type ReadSocket = Pick<WebSocket, 'pause' | 'resume' | 'terminate'>

/**
 * Hands on what sockets read, some of it in each turn of the event loop. Node reads up to 2 MiB from each socket before
 * it does anything else, and messages of a few bytes cost a few microseconds each: one client could keep everybody
 * waiting for seconds. Whoever sends much waits, in slices and in turns; who sends little hardly ever does. Whoever
 * sends what takes long to handle has a fifth of the time at most.
 */
export class Reading {
  readonly #now: () => number
  readonly #waiting: Pace<Inflow>
  /** Bytes of those that wait. */
  #held = 0
  readonly #turn: Turn = new Turn(nextTurn, () => (this.#handed = 0))
  /**
   * Bytes that this turn has handed on as they arrived. The first {@link SLICE} of them do not wait, whatever the time:
   * on a busy machine it passes while the process is put aside, and turns come rarely.
   */
  #handed = 0
  /** Payers that rest, and those of their sockets whose turn has come meanwhile. */
  readonly #resting: Map<string, Inflow[]> = new Map()

  /** `failed`: told what handing on has thrown. `now` is for tests. */
  constructor(failed: (error: unknown) => void, now: () => number = () => performance.now()) {
    this.#now = now
    this.#waiting = new Pace<Inflow>(
      (inflow) => this.#goOn(inflow),
      (inflow, error) => {
        inflow.cut()
        failed(error)
      },
      now,
    )
  }

  /** Number of sockets that have sent more than was handed on. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Stands between a socket and its `ws` from now on. `payer`: the party that takes turns with others, asked for anew
   * each time. `heard`: called with the time when bytes arrive.
   */
  follow(ws: ReadSocket, socket: Duplex, payer: () => string, heard: (now: number) => void): Inflow {
    return new Inflow(ws, socket, payer, heard, {
      now: this.#now,
      hasTime: (inflow, length, now) => this.#hasTime(length, now) && !this.#rests(inflow),
      spent: (inflow, ms) => this.#spent(inflow, ms),
      wait: (inflow) => this.#wait(inflow),
    })
  }

  #rests(inflow: Inflow): boolean {
    return this.#resting.size > 0 && this.#resting.has(inflow.payer())
  }

  #spent(inflow: Inflow, ms: number): void {
    const payer = inflow.payer()
    if (ms <= SLICE_MS || this.#resting.has(payer)) return
    const inflows: Inflow[] = []
    this.#resting.set(payer, inflows)
    const goOn = (): void => {
      this.#resting.delete(payer)
      for (const each of inflows) this.#waiting.add(each, payer)
    }
    setTimeout(goOn, REST * ms).unref()
  }

  #hasTime(length: number, now: number): boolean {
    const hasTime = this.#turn.hasTime(now)
    this.#handed += length
    return hasTime || this.#handed <= SLICE
  }

  /** Above the limit, a socket of the payer with most of them makes room, or else the one that asks for much. */
  #wait(inflow: Inflow): void {
    const payer = inflow.payer()
    while (this.#held + inflow.held > serverLimits.unreadBytes) {
      const other = this.#waiting.makeRoom(payer)
      if (other === undefined) break
      this.#held -= other.counted
      other.cut()
    }
    if (inflow.held > SLICE && this.#held + inflow.held > serverLimits.unreadBytes) {
      inflow.cut()
      return
    }
    inflow.counted = inflow.held
    this.#held += inflow.counted
    this.#waiting.add(inflow, payer)
  }

  #goOn(inflow: Inflow): void {
    const resting = this.#resting.get(inflow.payer())
    if (resting !== undefined) {
      resting.push(inflow)
      return
    }
    this.#held -= inflow.counted
    inflow.goOn()
  }
}

/** What an {@link Inflow} needs of all reading. */
interface ReadingHost {
  now(): number
  /** Whether this turn of the event loop has time left for so many bytes of the socket. */
  hasTime(inflow: Inflow, length: number, now: number): boolean
  /** What was handed on has taken so long. */
  spent(inflow: Inflow, ms: number): void
  /** Calls `goOn` when the turn of the socket has come. */
  wait(inflow: Inflow): void
}

/** The bytes of one socket on their way to `ws`. */
export class Inflow {
  readonly payer: () => string
  readonly #ws: ReadSocket
  readonly #socket: Duplex
  readonly #heard: (now: number) => void
  readonly #host: ReadingHost
  /** The listener of `ws`. */
  readonly #take: (chunk: Buffer) => void
  /** Read and not yet handed on. */
  #chunks: Buffer[] = []
  /** Bytes of these; and those that were counted when the socket began to wait. */
  held = 0
  counted = 0
  /** When bytes were last handed on. */
  at = 0
  #isWaiting = false
  /** Bytes that were handed on of what may be one message. */
  #handed = 0
  /** Why the socket is not read from: the node wants no more, or too much is held. */
  #isPaused = false
  #isFull = false
  #isStopped = false

  constructor(
    ws: ReadSocket,
    socket: Duplex,
    payer: () => string,
    heard: (now: number) => void,
    host: ReadingHost,
  ) {
    this.payer = payer
    this.#ws = ws
    this.#socket = socket
    this.#heard = heard
    this.#host = host
    this.#take = socket.listeners('data').at(-1) as (chunk: Buffer) => void
    socket.off('data', this.#take)
    // Where `ws` wants nothing more it removes its own listener: like one of `once`, this one is removed in its place.
    const listener = Object.assign((chunk: Buffer): void => this.#arrived(chunk), { listener: this.#take })
    socket.on('data', listener)
    // What was not handed on by then is nobody's any more; `ws` would read all of it at once.
    socket.prependListener('close', () => {
      this.#drop()
      socket.off('data', listener)
      socket.read()
    })
  }

  /** Nothing more is handed on until {@link resume}. */
  pause(): void {
    this.#isPaused = true
    this.#stop()
  }

  resume(): void {
    this.#isPaused = false
    this.#settle()
  }

  /** Cuts the connection off. */
  cut(): void {
    this.#isWaiting = false
    this.#drop()
    this.#ws.terminate()
  }

  #drop(): void {
    this.#chunks = []
    this.held = 0
  }

  #arrived(chunk: Buffer): void {
    const now = this.#host.now()
    this.#heard(now)
    const isNext = this.held === 0 && !this.#isPaused && this.#host.hasTime(this, chunk.length, now)
    if (isNext && chunk.length <= SLICE) {
      this.#hand(chunk, now)
      return
    }
    this.#chunks.push(chunk)
    this.held += chunk.length
    if (isNext) this.#slice(now)
    this.#settle()
  }

  /** Its turn has come. */
  goOn(): void {
    this.#isWaiting = false
    if (!this.#isPaused && this.held > 0) this.#slice(this.#host.now())
    this.#settle()
  }

  /** Hands the next slice on. */
  #slice(now: number): void {
    const [chunk] = this.#chunks as [Buffer]
    const slice = chunk.subarray(0, SLICE)
    if (slice.length === chunk.length) this.#chunks.shift()
    else this.#chunks[0] = chunk.subarray(SLICE)
    this.held -= slice.length
    if (this.#socket.listeners('data').includes(this.#take)) this.#hand(slice, now)
    else this.#drop()
  }

  #hand(slice: Buffer, now: number): void {
    this.at = now
    this.#handed += slice.length
    this.#take.call(this.#socket, slice)
    // So little takes no time that counts; reading the clock would take longer.
    if (this.#handed * BYTE_MS > SLICE_MS)
      this.#host.spent(this, Math.min(this.#host.now() - now, this.#handed * BYTE_MS))
    if (slice.length < SLICE) this.#handed = 0
  }

  #settle(): void {
    // A little may be held while the socket is read: to stop it costs more.
    if (this.held > SLICE) this.#isFull = true
    else if (this.held === 0) this.#isFull = false
    this.#stop()
    if (this.held === 0 || this.#isPaused || this.#isWaiting) return
    this.#isWaiting = true
    this.#host.wait(this)
  }

  #stop(): void {
    const isStopped = this.#isPaused || this.#isFull
    if (isStopped === this.#isStopped) return
    this.#isStopped = isStopped
    if (isStopped) this.#ws.pause()
    else this.#ws.resume()
  }
}
