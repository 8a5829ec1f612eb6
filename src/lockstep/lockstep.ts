import type { Frame, Meeting } from '../client/meeting.ts'
import { type Check, isCheck } from './check.ts'

/** Frames that wait for `advance`, or for a state. */
const MOST_WAITING = 10_000
/** Frames from one state that is kept to the next. */
const KEEP_EVERY = 50
/** How long frames may wait and count as live, beyond `delayMs`. */
const LIVE_MS = 250
const LIVE_FRAMES = 5
/** Frames after which the earliest of those before no longer counts: clocks differ in rate. */
const WINDOW = 64
/** How soon a state is asked for again. */
const RETRY_MS = 2_000
/** How long the first frames of a history may take to come, before a state is asked for. */
const FIRST_MS = 1_000

/** A state, and the frame that it is the state after. */
export interface Snapshot<S> {
  readonly frame: number
  readonly state: S
  /** The epoch that it belongs to; without it, the meeting's present one. */
  readonly epoch?: number
}

/** More than half of those who voted, or both of two, have another state after this frame. */
export interface Divergence extends Check {
  /** The hashes of all who voted, the own one included where this page has. */
  readonly votes: unknown[]
}

/**
 * `loading`: frames are missing, and `load` is asked for a state. `catching-up`: frames wait to be applied. `lost`:
 * frames are missing, and there is no state to be had.
 */
export type Phase = 'live' | 'catching-up' | 'loading' | 'lost'

/** What is needed of a `Meeting` of `rtms/client`. */
export type LockstepMeeting<F = unknown, W = unknown> = Pick<
  // oxlint-disable-next-line typescript/no-explicit-any -- What it sends is checked where it is joined.
  Meeting<any, unknown, W, F>,
  | 'slot'
  | 'seed'
  | 'epoch'
  | 'frameRate'
  | 'headAtJoin'
  | 'stable'
  | 'send'
  | 'onFrame'
  | 'onGap'
  | 'onRejoin'
>

export interface LockstepOptions<S, F = unknown, W = unknown> {
  /** The state before frame 1. Called again for each new epoch. */
  readonly start: (meeting: { readonly seed: Uint8Array; readonly epoch: number }) => S
  /** Applies the next frame: changes the state in place, or returns the next one. Depends on nothing else. */
  readonly step: (state: S, frame: Frame<F, W>) => S | undefined | void
  /**
   * A state from elsewhere, for where frames are missing or this page's state is another one than that of the others.
   * Of the frame that it names or, where it is older than the first frame that has come since, asked for again.
   */
  readonly load?: () => Promise<Snapshot<S>>
  /** Members compare it: {@link hashOf}, for instance. Without it, nothing is compared, and nothing sent. */
  readonly hash?: (state: S) => number | string
  /** Frames from one comparison to the next; default 100, at least 2. */
  readonly checkEvery?: number
  /** Most frames that one `advance` applies; default 250. */
  readonly mostSteps?: number
  /**
   * Milliseconds that frames are held back, so that those which come late are in time all the same: motion is smooth,
   * and what players do is seen that much later. Default 0.
   */
  readonly delayMs?: number
  /**
   * Copies a state or a frame; default `structuredClone`. Copies since the last stable frame are kept, for the case
   * that a node of a cluster ends and its last frames are undone; `null`: none are kept, and `load` is asked then.
   */
  readonly copy?: (<T>(value: T) => T) | null
  /**
   * Called after each frame that was applied. `isLive`: it has just come; otherwise it is one of many that are caught
   * up with, whose sounds nobody wants to hear.
   */
  readonly onStep?: (state: S, frame: Frame<F, W>, isLive: boolean) => void
  /** Called where this page's state differs. Then `load` is asked for that of the server, where it is given. */
  readonly onDiverged?: (divergence: Divergence) => void
  /** Called where a new epoch begins with `start`: with the last state of the old one. */
  readonly onRestart?: (before: Snapshot<S>) => void
  /**
   * Called where frames are missing, and `load` is not given or rejects with what cannot be mended (`retry` is `fix`).
   * Without this listener, the error is an unhandled rejection. A new epoch, or `restore`, ends it.
   */
  readonly onLost?: (error: unknown) => void
}

type Settings = Required<Pick<LockstepOptions<unknown>, 'checkEvery' | 'mostSteps' | 'delayMs' | 'copy'>>

/** Keeps a state true to a meeting's frames. Made by {@link lockstep}. */
export class Lockstep<S, F = unknown, W = unknown> {
  /** As of {@link frame}. */
  state: S
  /** The last frame that was applied; 0: none yet. */
  frame = 0
  /** How much of the time until the next frame has passed, from 0 to 1, as of the last `advance`. */
  alpha = 0
  /** Why `load` failed last, or why the state is lost; null where it is well. */
  error: unknown = null
  readonly #meeting: LockstepMeeting<F, W>
  readonly #options: LockstepOptions<S, F, W> & Settings
  /** Frames a millisecond. */
  readonly #perMs: number
  /**
   * What all frames have in common: when they were due, in frames, less their numbers. Frames come unevenly, and the
   * earliest one counts, of this window and the last.
   */
  #origin = Infinity
  #recent = Infinity
  #notes = 0
  /** The own hash that pages compare, and the first that each of the others has told, by slot. */
  #mine: Check | null = null
  #votes: unknown[] = []
  /** Frames that are yet to be applied, by number. */
  readonly #waiting: Map<number, Frame<F, W>> = new Map()
  /** A state, at or before the last stable frame, and all frames that were applied since; a later state, to follow it. */
  #base: Snapshot<S> | null = null
  #later: Snapshot<S> | null = null
  readonly #kept: Map<number, Frame<F, W>> = new Map()
  /** The last frame that has come; that the clock was told of; that is missing for good. */
  #received = 0
  #noted = 0
  #gone = 0
  #epoch: number
  /** The time of the last `advance`. */
  #now = 0
  #isLost = false
  /** The state does not count, though no frame is missing. */
  #isVoid = false
  /** The question to `load` whose answer is awaited. */
  #asked: object | null = null
  #askAt = -Infinity
  /** When `advance` was called first. */
  #began: number | null = null
  readonly #removers: readonly (() => void)[]

  /** @internal */
  constructor(meeting: LockstepMeeting<F, W>, options: LockstepOptions<S, F, W>) {
    // A runtime without `structuredClone` says so here.
    const copy = options.copy === undefined ? structuredClone : options.copy
    const all = { checkEvery: 100, mostSteps: 250, delayMs: 0, ...options, copy }
    if (!(all.checkEvery >= 2 && all.mostSteps >= 1 && all.delayMs >= 0))
      throw new RangeError('expected checkEvery >= 2, mostSteps >= 1, delayMs >= 0')
    this.#meeting = meeting
    this.#options = all
    this.#perMs = meeting.frameRate / 1_000
    this.#epoch = meeting.epoch
    this.state = options.start(meeting)
    this.#removers = [
      meeting.onFrame((frame) => this.#receive(frame)),
      meeting.onGap(({ to }) => (this.#gone = to - 1)),
      meeting.onRejoin(({ reason, next }) => {
        this.#origin = this.#recent = Infinity
        if (meeting.epoch !== this.#epoch || reason === 'PROTOCOL') this.#restart()
        else if (reason === 'REWOUND') this.#rewind(next)
        // A state that is ahead of the frames may be one of frames that are undone.
        else if (options.load && this.frame > this.#received) this.#isVoid = true
      }),
    ]
  }

  get phase(): Phase {
    if (this.#isLost) return 'lost'
    if (this.#isMissing) return 'loading'
    const fresh = LIVE_FRAMES + (LIVE_MS + this.#options.delayMs) * this.#perMs
    return this.frame < this.#meeting.headAtJoin || this.behind >= fresh ? 'catching-up' : 'live'
  }

  /** How many frames there are, as far as it is known, that are yet to be applied. */
  get behind(): number {
    return Math.max(this.#meeting.headAtJoin, this.#received, this.frame) - this.frame
  }

  /**
   * Applies the frames that have come, `mostSteps` of them at most; the next call goes on. Call it before each picture
   * is drawn. `now`: monotonic milliseconds, such as the time that `requestAnimationFrame` gives.
   */
  advance(now: number): this {
    this.#now = now
    this.#began ??= now
    // Without frames of a history, as where it was joined from now on, none is seen to be missing.
    if (this.#options.load && this.#received === 0 && this.behind > 0 && now - this.#began >= FIRST_MS)
      this.#isVoid = true
    if (this.#noted !== this.#received) {
      this.#noted = this.#received
      const origin = now * this.#perMs - this.#noted
      this.#origin = Math.min(this.#origin, origin)
      this.#recent = Math.min(this.#recent, origin)
      if (++this.#notes % WINDOW === 0) {
        this.#origin = this.#recent
        this.#recent = Infinity
      }
    }
    const before = this.frame
    while (this.frame - before < this.#options.mostSteps && !this.#isMissing && this.#isDue) this.#apply()
    if (this.#isMissing && !this.#isLost) void this.#ask()
    const passed = this.#perMs > 0 ? this.#passed(this.frame) : 1
    // The time that frames are due is known better and better, which must not turn motion back.
    this.alpha = Math.min(1, Math.max(this.frame > before ? 0 : this.alpha, passed))
    return this
  }

  /** A copy of the state, to go on from in {@link restore}: in another page, or in this one once it is loaded anew. */
  snapshot(): Snapshot<S> {
    return { frame: this.frame, state: this.#copy(this.state), epoch: this.#epoch }
  }

  #copy<T>(value: T): T {
    const { copy } = this.#options
    return copy ? copy(value) : value
  }

  /**
   * Goes on from a state that was had elsewhere. False where it is of another epoch, or frames that follow it are
   * missing: then nothing has changed.
   */
  restore(snapshot: Snapshot<S>): boolean {
    const { frame, state, epoch = this.#epoch } = snapshot
    const isFollowed = frame >= this.#received || this.#waiting.has(frame + 1) || this.#kept.has(frame + 1)
    if (epoch !== this.#meeting.epoch || frame < this.#gone || !isFollowed) return false
    this.#begin(frame, this.#copy(state), Infinity)
    return true
  }

  /** Hears of no more frames. Leaves the meeting to whoever joined it. */
  close(): void {
    for (const remove of this.#removers) remove()
    this.#asked = null
  }

  /** Whether the next frame will not come. */
  get #isMissing(): boolean {
    const next = this.frame + 1
    return this.#isVoid || (!this.#waiting.has(next) && (this.#waiting.size > 0 || this.#gone >= next))
  }

  /** Whether the next frame is here, and its time has come. */
  get #isDue(): boolean {
    const next = this.frame + 1
    return this.#waiting.has(next) && (this.#options.delayMs === 0 || this.#passed(next) >= 0)
  }

  /** How much of a frame's time has passed, 1 being when the next one is due; less than 0 before. */
  #passed(frame: number): number {
    return (this.#now - this.#options.delayMs) * this.#perMs - this.#origin - frame
  }

  #receive(frame: Frame<F, W>): void {
    this.#received = frame.number
    if (frame.events.some(({ type }) => type === 'resume' || type === 'slip'))
      this.#origin = this.#recent = Infinity
    if (frame.number <= this.frame) return
    const waiting = this.#waiting
    waiting.set(frame.number, frame)
    if (waiting.size <= MOST_WAITING) return
    // A page that is hidden draws nothing, and must not keep all that comes for later.
    if (this.#isMissing) waiting.delete(waiting.keys().next().value as number)
    else this.#apply()
  }

  /** Applies the next frame, which is here. */
  #apply(): void {
    const { step, onStep } = this.#options
    const number = this.frame + 1
    const frame = this.#waiting.get(number) as Frame<F, W>
    this.#waiting.delete(number)
    this.#keep(frame)
    // A step that throws, throws on all pages.
    this.frame = number
    this.state = step(this.state, frame) ?? this.state
    const isLive = this.phase === 'live'
    this.#compare(frame, isLive)
    onStep?.(this.state, frame, isLive)
  }

  /** Half way to the next check, the votes are counted: whoever is not with more than half of them has diverged. */
  #compare({ number, inputs }: Frame<F, W>, isLive: boolean): void {
    const { hash, load, onDiverged, checkEvery } = this.#options
    const mine = this.#mine
    if (mine) {
      for (const { slot, data } of inputs)
        if (isCheck(data) && data.check === mine.check) this.#votes[slot] ??= data.hash
      const votes = Object.values(this.#votes)
      const agree = votes.filter((vote) => vote === mine.hash).length
      if (number === mine.check + (checkEvery >> 1) && agree * 2 <= votes.length && votes.length > 0) {
        this.#isVoid = load !== undefined
        onDiverged?.({ ...mine, votes })
      }
    }
    if (!hash || number % checkEvery > 0) return
    this.#mine = { check: number, hash: hash(this.state) }
    this.#votes = []
    // Whoever is late, or looks on, compares without a word.
    if (isLive && this.#meeting.slot < 255) void this.#meeting.send(this.#mine)
  }

  /** Keeps what leads to the frames that may be undone yet: those which are not stable. */
  #keep(frame: Frame<F, W>): void {
    if (this.#options.copy === null) return
    const { stable } = this.#meeting
    const kept = this.#kept
    if (stable >= this.frame || kept.size >= MOST_WAITING) this.#forget()
    const later = this.#later
    if (later && stable >= later.frame) {
      for (const number of kept.keys()) if (number <= later.frame) kept.delete(number)
      this.#base = later
      this.#later = null
    }
    if (stable >= frame.number) return
    this.#base ??= this.snapshot()
    if (!this.#later && this.frame - this.#base.frame >= KEEP_EVERY) this.#later = this.snapshot()
    // What the rules do with what is in a frame must not change it for the second time.
    kept.set(frame.number, this.#copy(frame))
  }

  #forget(): void {
    this.#base = this.#later = null
    this.#kept.clear()
  }

  /** Frames from `next` on are undone, and others follow in their place. */
  #rewind(next: number): void {
    for (const number of this.#waiting.keys()) if (number >= next) this.#waiting.delete(number)
    this.#received = Math.min(this.#received, next - 1)
    this.#gone = Math.min(this.#gone, next - 1)
    this.#asked = null
    if (this.frame < next) return
    const base = this.#base
    if (base && base.frame < next) return this.#begin(base.frame, this.#copy(base.state), next)
    // What is kept is behind that state, and undone with it.
    this.#forget()
    this.#isVoid = true
  }

  /** Goes on from this state, and with the frames that were applied since, up to `next`. */
  #begin(frame: number, state: S, next: number): void {
    for (const [number, kept] of this.#kept)
      if (number > frame && number < next) this.#waiting.set(number, kept)
    for (const number of this.#waiting.keys()) if (number <= frame) this.#waiting.delete(number)
    this.#forget()
    this.#mine = null
    this.#isVoid = this.#isLost = false
    this.#asked = this.error = null
    this.state = state
    this.frame = frame
  }

  /** Another history has begun. */
  #restart(): void {
    const { state, frame } = this
    const before = { state, frame, epoch: this.#epoch }
    this.#epoch = this.#meeting.epoch
    this.#waiting.clear()
    this.#forget()
    this.#received = this.#gone = 0
    this.#begin(0, this.#options.start(this.#meeting), 0)
    this.#options.onRestart?.(before)
  }

  /** Asks for a state, unless it is asked for or was just now. Rejects where the game is lost, and nobody hears of it. */
  async #ask(): Promise<void> {
    const { load } = this.#options
    if (load === undefined)
      return this.#lose(new Error(`frame ${this.frame + 1} is missing, and there is no load`))
    if (this.#asked !== null || this.#now < this.#askAt) return
    const asked = (this.#asked = {})
    try {
      const snapshot = await load()
      if (asked === this.#asked && !this.restore(snapshot))
        throw new Error(`load gave a state after frame ${snapshot.frame}, which does not fit`)
    } catch (error) {
      if (asked !== this.#asked) return
      this.#asked = null
      this.#askAt = this.#now + RETRY_MS
      if ((error as { retry?: unknown } | null)?.retry === 'fix') this.#lose(error)
      this.error = error
    }
  }

  #lose(error: unknown): void {
    const { onLost } = this.#options
    this.error = error
    this.#isLost = true
    if (!onLost) throw error
    onLost(error)
  }
}

/**
 * Follows a meeting in lockstep: every page that applies the same frames to the same `start` has the same state. Call
 * it in the turn in which `join` has resolved, before anything else listens to the meeting's frames, and
 * {@link Lockstep.advance} before each picture.
 */
export function lockstep<S, F = unknown, W = unknown>(
  meeting: LockstepMeeting<F, W>,
  options: LockstepOptions<S, F, W>,
): Lockstep<S, F, W> {
  return new Lockstep(meeting, options)
}
