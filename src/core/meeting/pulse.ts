import type { MeetingOptions } from './options.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import type { Work } from '../ground/work.ts'
import { FrameClock } from './frame-clock.ts'
import { AHEAD_MS, type FrameShare, payForHooks } from './frame-shares.ts'
import type { ClockState } from './owner-state.ts'

/** How often a meeting that is paused looks whether it may go on, in milliseconds. */
const LOOK_MS = 100

/** Where frames are later than this, in milliseconds, users have their shares. */
const LATE_MS = 20
/** How many milliseconds late count like one that a user is less ahead. */
const PATIENCE = 4

/** What the pulse of a meeting needs and calls. */
export interface PulseHost {
  readonly timers: Timers
  readonly work: Pick<Work, 'ofHooks' | 'areTimersBusy'>
  readonly share: Pick<FrameShare, 'aheadMs' | 'pay'>
  /** The next frame is due. Without a frame rate: it looks whether it may go on, or more is stable. */
  readonly tick: (now: number) => void
  /** The meeting has been empty for its TTL. */
  expired(now: number): void
}

/** When a meeting seals, and how long it is kept while its clock stands still because nobody is in it. */
export class Pulse {
  readonly clock: FrameClock
  readonly #timers: Timers
  readonly #ttlMs: number
  /** Fires when the next frame is due, and while it is paused when it looks whether it may go on. */
  readonly #beat: Timer
  /** Fires when the meeting has been empty for its TTL. */
  readonly #ttl: Timer
  readonly #host: PulseHost
  /** When the beat was due first. */
  #dueAt = 0
  /** Since when it is paused; null while it is not. */
  #pausedSince: number | null = null

  /** `number`: of the meeting's log. */
  constructor({ frameRate, ttlMs }: MeetingOptions, number: number, now: number, host: PulseHost) {
    this.clock = new FrameClock(frameRate, number, now)
    this.#host = host
    this.#timers = host.timers
    this.#ttlMs = ttlMs
    this.#beat = new Timer('frame', (at) => this.#onBeat(at))
    this.#ttl = new Timer('ttl', (at) => host.expired(at))
    this.#timers.set(this.#ttl, now + ttlMs)
  }

  /** On a node that is late, meetings of users whose hooks take too much of the time leave frames out. */
  #onBeat(now: number): void {
    const { share, work, tick } = this.#host
    const lateMs = now - this.#dueAt
    if (this.interval > 0 && lateMs > LATE_MS) {
      const ahead = share.aheadMs(now)
      // Whoever has waited for longest comes first, but takes no sweep from those who have had less.
      if (ahead > AHEAD_MS && (work.areTimersBusy || ahead > AHEAD_MS + lateMs / PATIENCE))
        return this.#timers.set(this.#beat, now + this.interval)
    }
    const before = work.ofHooks
    tick(now)
    payForHooks(share, work.ofHooks - before, now)
  }

  /** Milliseconds from frame to frame; 0 without a frame rate. */
  get interval(): number {
    return this.clock.interval
  }

  get isRunning(): boolean {
    return this.clock.isRunning
  }

  /** When frame `next` is due; `Infinity` while the clock stands still, or without one. */
  due(next: number): number {
    return this.interval === 0 ? Infinity : this.clock.due(next)
  }

  /** Starts the clock where it stands still. Returns for how long it has, in milliseconds; null where it runs. */
  run(next: number, now: number): number | null {
    if (this.isPaused) this.look(now)
    if (this.isRunning || this.isPaused) return null
    this.#timers.clear(this.#ttl)
    const stood = this.clock.run(next, now)
    this.wait(next)
    return stood
  }

  /** Fires when frame `next` is due. */
  wait(next: number): void {
    if (this.interval !== 0) this.#set(this.clock.due(next))
  }

  get isPaused(): boolean {
    return this.#pausedSince !== null
  }

  /** Its owner may not seal for now. False: it was so before. */
  pause(isDeserted: boolean, now: number): boolean {
    const isFirst = !this.isPaused
    if (isFirst) this.clock.stop(now)
    this.#pausedSince ??= now
    if (!isDeserted) this.look(now + LOOK_MS)
    else if (this.#ttl.index < 0) this.#timers.set(this.#ttl, now + this.#ttlMs)
    return isFirst
  }

  /** While it is paused: looks then whether it may go on. */
  look(at: number): void {
    this.#timers.clear(this.#ttl)
    this.#set(at)
  }

  #set(at: number): void {
    this.#dueAt = at
    this.#timers.set(this.#beat, at)
  }

  /** Without a frame rate: looks now whether there is something to seal. */
  wake(now: number): void {
    if (this.interval === 0 && !this.isPaused) this.#set(now)
  }

  /** It may go on. Returns how long it was paused. */
  resume(next: number, now: number): number {
    const since = this.#pausedSince
    if (since === null) return 0
    this.#pausedSince = null
    this.#timers.clear(this.#beat)
    this.run(next, now)
    return now - since
  }

  stop(now: number): void {
    this.#pausedSince = null
    this.clock.stop(now)
    this.#timers.clear(this.#beat)
    this.#timers.set(this.#ttl, now + this.#ttlMs)
  }

  end(): void {
    this.#pausedSince = null
    this.#timers.clear(this.#beat)
    this.#timers.clear(this.#ttl)
  }

  /** As another node goes on with it. */
  state(next: number, now: number): ClockState {
    if (this.isPaused) return { is: 'running', dueInMs: 0 }
    const stoodMs = this.clock.stoodFor(now)
    if (stoodMs !== null) return { is: 'stopped', stoodMs }
    return { is: 'running', dueInMs: this.interval === 0 ? 0 : Math.max(0, this.clock.due(next) - now) }
  }

  /** Goes on as on another node. */
  restore(state: ClockState, next: number, now: number): void {
    if (state.is === 'stopped') {
      this.stop(now)
      this.clock.stop(now - state.stoodMs)
      return
    }
    this.#timers.clear(this.#ttl)
    this.clock.goOn(next, now + state.dueInMs)
    this.wait(next)
  }
}
