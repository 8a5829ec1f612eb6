import type { Client, Frame, Meeting } from 'rtms/client'
import { digest, newState, type Player, type State, step, type Wish } from '../../../src/demo/battle/index.ts'
import type { Meter } from './meter.ts'

/** Frames whose digest is kept. */
const KEPT = 2_000
/** Frames that wait for the server's state. */
const WAITING = 10_000

/** What this page could not follow, said openly. */
export type Break =
  | { readonly type: 'skipped'; readonly count: number }
  | { readonly type: 'restarted' | 'revived' | 'failed' }

/**
 * The battle as this page knows it: every frame of the room applied in order, and nothing else. Where frames are
 * missing it asks the server for the state behind them, and says so.
 */
export class Follower {
  state: State = newState()
  /** When the latest frame was applied, in the page's milliseconds. */
  appliedAt = 0
  break: Break | null = null
  readonly #client: Client
  readonly #meeting: Meeting<Wish>
  readonly #meter: Meter
  readonly #applied: (state: State, live: boolean) => void
  readonly #digests: Map<number, string> = new Map()
  /** Frames behind a gap, until the state that they follow is here. */
  #waiting: Frame<Wish>[] | null = null
  #epoch: number

  constructor(
    client: Client,
    meeting: Meeting<Wish>,
    meter: Meter,
    applied: (state: State, live: boolean) => void,
  ) {
    this.#client = client
    this.#meeting = meeting
    this.#meter = meter
    this.#applied = applied
    this.#epoch = meeting.epoch
    meeting.onRejoin(({ recovered, reason, next }) => {
      meter.rejoins++
      if (recovered) meter.recovered++
      meter.forgetClock()
      if (meeting.epoch !== this.#epoch) this.#startAnew()
      // What was undone cannot be taken out of the state.
      else if (reason === 'REWOUND' && next <= this.state.frame) void this.#bridge(null)
    })
    meeting.onGap(({ from, to }) => void this.#bridge({ type: 'skipped', count: to - from }))
    meeting.onFrame((frame) => {
      if (this.#waiting === null) this.#apply(frame)
      else if (this.#waiting.length < WAITING) this.#waiting.push(frame)
    })
  }

  /** Whether the state is one to draw: frames have come, and none is missing before the last. */
  get inStep(): boolean {
    return this.#waiting === null && this.state.frame > 0
  }

  /** The own player; undefined where another window plays it. */
  get own(): Player | undefined {
    return this.state.players.find(({ slot }) => slot === this.#meeting.slot)
  }

  digestAt(frame: number): string | undefined {
    return this.#digests.get(frame)
  }

  /**
   * Asks for something; the frame that holds it decides. Without a connection it is dropped: it would come too late.
   */
  send(wish: Wish): void {
    const asked = performance.now()
    this.#meeting.send(wish, { offline: 'refuse' }).then(
      () => this.#meter.input(performance.now() - asked),
      () => {},
    )
  }

  #apply(frame: Frame<Wish>): void {
    // The server's state may be ahead of the frames that are on their way.
    if (frame.number <= this.state.frame) return
    const now = performance.now()
    if (frame.events.some(({ type }) => type === 'resume' || type === 'slip')) this.#meter.forgetClock()
    step(this.state, frame)
    const live = frame.number > this.#meeting.headAtJoin
    // Of a long history only the end is kept.
    if (frame.number > this.#meeting.headAtJoin - KEPT) this.#digests.set(frame.number, digest(this.state))
    this.#digests.delete(frame.number - KEPT)
    if (live) this.#meter.frame(frame.number, now)
    this.appliedAt = now
    this.#applied(this.state, live)
  }

  #startAnew(): void {
    const { epoch, headAtJoin } = this.#meeting
    this.#epoch = epoch
    // Another node may go on with the frames that it has, all of which come again.
    this.break = { type: 2 * headAtJoin > this.state.frame ? 'revived' : 'restarted' }
    this.#digests.clear()
    this.#waiting = null
    this.state = newState()
  }

  /** Frames are gone for good, or undone: goes on from the server's state. `told`: what is said of it. */
  async #bridge(told: Break | null): Promise<void> {
    const waiting: Frame<Wish>[] = []
    this.#waiting = waiting
    try {
      const state = await this.#client.request<State>('battle.state', { meeting: this.#meeting.name })
      // Another gap, or another start, has made this answer worthless.
      if (this.#waiting !== waiting) return
      this.#waiting = null
      this.#digests.clear()
      this.state = state
      this.#digests.set(state.frame, digest(state))
      if (told !== null) this.break = told
      for (const frame of waiting) if (frame.number > state.frame) this.#apply(frame)
    } catch {
      if (this.#waiting === waiting) this.break = { type: 'failed' }
    }
  }
}
