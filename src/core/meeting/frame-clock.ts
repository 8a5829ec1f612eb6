/** Phases of equal-rate meetings by the golden ratio: any number of them stays evenly spread. */
const SPREAD = (Math.sqrt(5) - 1) / 2

/** When each frame of a meeting is due: one at a time, then at equal intervals. Times in monotonic milliseconds. */
export class FrameClock {
  /** Milliseconds from frame to frame; 0: a frame is due whenever there is something to seal. */
  readonly interval: number
  readonly #phase: number
  /** Frame `startFrame` is due at `start`. */
  start = 0
  startFrame = 1

  /** `frameRate`: frames a second. `number`: the log's; it decides the phase. */
  constructor(frameRate: number, number: number) {
    this.interval = frameRate === 0 ? 0 : 1000 / frameRate
    this.#phase = ((number * SPREAD) % 1) * this.interval
  }

  due(frame: number): number {
    return this.start + (frame - this.startFrame) * this.interval
  }

  /** From now on: `next` is due at the first moment of this clock's phase. */
  run(next: number, now: number): void {
    this.start = (Math.floor((now - this.#phase) / this.interval) + 1) * this.interval + this.#phase
    this.startFrame = next
  }

  /** Gives up the time of the frames that are late by now, `next` the first of them. Returns their number. */
  slip(next: number, now: number): number {
    const late = now - this.due(next)
    if (late < 0) return 0
    const missed = Math.floor(late / this.interval) + 1
    this.start += missed * this.interval
    return missed
  }
}
