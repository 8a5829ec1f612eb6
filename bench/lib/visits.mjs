/** Visits that begin at a steady pace, whether or not earlier ones have ended. */
export class Visits {
  #running = new Set()
  #timer

  /**
   * @param {number} everyMs
   * @param {(number: number) => Promise<void>} visit gets the number of the visit, from 0 on
   */
  begin(everyMs, visit) {
    let next = 0
    this.#timer = setInterval(() => {
      const one = visit(next++).finally(() => this.#running.delete(one))
      this.#running.add(one)
    }, everyMs)
  }

  /** Begins no more, and waits for those under way. */
  async end() {
    clearInterval(this.#timer)
    await Promise.all(this.#running)
  }
}
