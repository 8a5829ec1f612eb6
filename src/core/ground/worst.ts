/** The largest value within the last `seconds` calendar seconds, the current one included. */
export class Worst {
  /** The largest value of each second, at index second modulo length. */
  readonly #values: number[]
  #second = 0

  constructor(seconds: number) {
    this.#values = Array.from({ length: seconds }, () => 0)
  }

  /** Notes a value, 0 or more; `now` in monotonic milliseconds. */
  note(value: number, now: number): void {
    this.#turn(now)
    const at = this.#second % this.#values.length
    if (value > (this.#values[at] as number)) this.#values[at] = value
  }

  /** The largest value; 0 when none was noted. */
  at(now: number): number {
    this.#turn(now)
    return Math.max(...this.#values)
  }

  /** Clears the seconds that have dropped out of the window. */
  #turn(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    const { length } = this.#values
    for (let passed = Math.min(second - this.#second, length); passed > 0; passed--)
      this.#values[(second - passed + 1) % length] = 0
    this.#second = second
  }
}
