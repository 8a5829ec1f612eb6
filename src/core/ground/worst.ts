/** The largest value noted in the running second and in the `seconds − 1` before it. Time is monotonic milliseconds. */
export class Worst {
  /** One for each second, the running one at `#second % length`. */
  readonly #values: number[]
  #second = 0

  constructor(seconds: number) {
    this.#values = Array.from({ length: seconds }, () => 0)
  }

  note(value: number, now: number): void {
    this.#turn(now)
    const at = this.#second % this.#values.length
    if (value > (this.#values[at] as number)) this.#values[at] = value
  }

  at(now: number): number {
    this.#turn(now)
    return Math.max(...this.#values)
  }

  #turn(now: number): void {
    const { length } = this.#values
    const second = Math.floor(now / 1000)
    for (let passed = Math.min(second - this.#second, length); passed > 0; passed--)
      this.#values[(second - passed + 1) % length] = 0
    this.#second = second
  }
}
