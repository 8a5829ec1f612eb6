/** The largest value of the last seconds: the running second and so many before it that they are `seconds` together. */
export class Worst {
  /** The largest of each second, at its number modulo their count. */
  readonly #values: number[]
  #second = 0

  constructor(seconds: number) {
    this.#values = Array.from({ length: seconds }, () => 0)
  }

  /** Notes a value of 0 or more, at monotonic milliseconds. */
  note(value: number, now: number): void {
    this.#turn(now)
    const at = this.#second % this.#values.length
    if (value > (this.#values[at] as number)) this.#values[at] = value
  }

  /** The largest value; 0 where none was noted. */
  at(now: number): number {
    this.#turn(now)
    return Math.max(...this.#values)
  }

  /** Forgets the seconds that have dropped out. */
  #turn(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    const { length } = this.#values
    for (let passed = Math.min(second - this.#second, length); passed > 0; passed--)
      this.#values[(second - passed + 1) % length] = 0
    this.#second = second
  }
}
