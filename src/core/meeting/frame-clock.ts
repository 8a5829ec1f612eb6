/** Phases of meetings of equal rate advance by the golden ratio, which spreads any number of them evenly. */
const SPREAD = (Math.sqrt(5) - 1) / 2

type State =
  | { readonly is: 'stopped'; readonly since: number }
  /** Frame `startFrame` is due at `start`. */
  | { readonly is: 'running'; readonly start: number; readonly startFrame: number }

/** When each frame of a meeting is due: one at a time, then at equal intervals. Times in monotonic milliseconds. */
export class FrameClock {
  /**
   * Milliseconds from frame to frame; 0 without a frame rate: frames are sealed whenever there is something to seal.
   */
  readonly interval: number
  readonly #phase: number
  #state: State

  /**
   * `frameRate`: frames a second. `number`: the log's number, which decides the phase. The clock is stopped at first.
   */
  constructor(frameRate: number, number: number, now: number) {
    this.interval = frameRate === 0 ? 0 : 1000 / frameRate
    this.#phase = ((number * SPREAD) % 1) * this.interval
    this.#state = { is: 'stopped', since: now }
  }

  get isRunning(): boolean {
    return this.#state.is === 'running'
  }

  /** The reference point that members are told: when `startFrame` is due. `start` is 0 while there is none. */
  get origin(): { readonly start: number; readonly startFrame: number } {
    if (this.#state.is === 'stopped' || this.interval === 0) return { start: 0, startFrame: 1 }
    return this.#state
  }

  due(frame: number): number {
    const state = this.#state
    return state.is === 'stopped' ? Infinity : state.start + (frame - state.startFrame) * this.interval
  }

  /**
   * Starts the clock: frame `next` is due at the next beat of its phase. Returns how long the clock was stopped, in
   * milliseconds.
   */
  run(next: number, now: number): number {
    const { interval } = this
    const beats = interval === 0 ? 0 : Math.floor((now - this.#phase) / interval) + 1
    const stood = this.#state.is === 'stopped' ? now - this.#state.since : 0
    this.#state = { is: 'running', start: beats * interval + this.#phase, startFrame: next }
    return stood
  }

  /** How long the clock has been stopped, in milliseconds; null while it runs. */
  stoodFor(now: number): number | null {
    return this.#state.is === 'stopped' ? now - this.#state.since : null
  }

  /** Goes on as on another node: frame `next` is due at `start`. */
  goOn(next: number, start: number): void {
    this.#state = { is: 'running', start, startFrame: next }
  }

  stop(now: number): void {
    this.#state = { is: 'stopped', since: now }
  }

  /**
   * Skips the beats that are already late, from frame `next` on, so that `next` is due in the future. Returns their
   * number.
   */
  slip(next: number, now: number): number {
    const late = now - this.due(next)
    if (this.#state.is === 'stopped' || late < 0) return 0
    const missed = Math.floor(late / this.interval) + 1
    const { start, startFrame } = this.#state
    this.#state = { is: 'running', start: start + missed * this.interval, startFrame }
    return missed
  }
}
