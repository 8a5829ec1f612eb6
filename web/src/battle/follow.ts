import type { Client, Meeting } from 'rtms/client'
import { lockstep, type Lockstep } from 'rtms/lockstep'
import { digest, newState, type Player, type State, step, type Wish } from '../../../src/demo/battle/index.ts'
import type { Meter } from './meter.ts'

/** Frames whose digest is kept. */
const KEPT = 2_000

/** What this page could not follow, said openly. */
export type Break =
  | { readonly type: 'skipped'; readonly count: number }
  | { readonly type: 'restarted' | 'revived' | 'diverged' | 'failed' }

/**
 * The battle as this page knows it: `rtms/lockstep` applies every frame of the room in order, and nothing else. Where
 * frames are missing, or the others have another state, it takes that of the server, which is said.
 */
export class Follower {
  break: Break | null = null
  /** When the latest frame came, in the page's milliseconds. */
  arrivedAt: number = performance.now()
  readonly #meeting: Meeting<Wish>
  readonly #meter: Meter
  readonly #game: Lockstep<State, Wish>
  readonly #digests: Map<number, string> = new Map()
  /** What is said once the state of the server is here. */
  #untold: Break | null = null

  /** `applied` is called after each frame; `isLive`: it has just come. */
  constructor(
    client: Client,
    meeting: Meeting<Wish>,
    meter: Meter,
    applied: (state: State, isLive: boolean) => void,
  ) {
    this.#meeting = meeting
    this.#meter = meter
    this.#game = lockstep(meeting, {
      start: newState,
      step,
      hash: digest,
      load: async () => {
        const state = await client.request<State>('battle.state', { meeting: meeting.name })
        return { frame: state.frame, state }
      },
      onStep: (state, { number }, isLive) => {
        // Of a long history only the end is kept.
        if (number > meeting.headAtJoin - KEPT) this.#digests.set(number, digest(state))
        this.#digests.delete(number - KEPT)
        applied(state, isLive)
      },
      onDiverged: () => (this.#untold = { type: 'diverged' }),
      onRestart: (before) => {
        this.#digests.clear()
        // Another node may go on with the frames that it has, all of which come again.
        this.break = { type: 2 * meeting.headAtJoin > before.frame ? 'revived' : 'restarted' }
      },
      onLost: () => (this.break = { type: 'failed' }),
    })
    meeting.onGap(({ from, to }) => (this.#untold = { type: 'skipped', count: to - from }))
    meeting.onRejoin(({ recovered }) => {
      meter.rejoins++
      if (recovered) meter.recovered++
      meter.forgetClock()
    })
    meeting.onFrame(({ number, events }) => {
      const now = performance.now()
      this.arrivedAt = now
      if (events.some(({ type }) => type === 'resume' || type === 'slip')) meter.forgetClock()
      if (number > meeting.headAtJoin) meter.frame(number, now)
    })
  }

  get state(): State {
    return this.#game.state
  }

  /** How much of the time until the next frame has passed, from 0 to 1. */
  get alpha(): number {
    return this.#game.alpha
  }

  /** Whether the state is one to draw: frames have come, and none is missing before the last. */
  get inStep(): boolean {
    const { phase, frame } = this.#game
    return frame > 0 && (phase === 'live' || phase === 'catching-up')
  }

  /** The own player; undefined where another window plays it. */
  get own(): Player | undefined {
    return this.state.players.find(({ slot }) => slot === this.#meeting.slot)
  }

  /** Applies what has come, before a picture is drawn. */
  advance(now: number): void {
    this.#game.advance(now)
    if (this.#untold === null || !this.inStep) return
    this.break = this.#untold
    this.#untold = null
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
}
