/** A virtual event loop: `next` begins a turn, in which what was put off is done. */
export class Loop {
  time = 0
  asked = 0
  #soon: (() => void)[] = []

  readonly now = (): number => this.time

  readonly soon = (action: () => void): (() => void) => {
    this.asked++
    this.#soon.push(action)
    return () => {}
  }

  /** Lets promises that are resolved go on, and then begins a turn. */
  async next(): Promise<void> {
    await microtasks()
    const due = this.#soon
    this.#soon = []
    for (const action of due) action()
    await microtasks()
  }
}

export async function microtasks(): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- One behind the other.
  for (let n = 0; n < 5; n++) await Promise.resolve()
}
