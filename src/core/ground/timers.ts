/** Something that happens at a time. One object serves for any number of settings. */
export class Timer {
  at: number = Infinity
  /** Place in the heap, −1 where it is not set. */
  index = -1
  order = 0
  readonly fire: (now: number) => void

  constructor(fire: (now: number) => void) {
    this.fire = fire
  }
}

/** All deadlines of a node: a binary heap by (time, order of setting). Times are monotonic milliseconds. */
export class Timers {
  readonly #heap: Timer[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** The earliest deadline, `Infinity` where there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  /** Sets or moves a timer. */
  set(timer: Timer, at: number): void {
    timer.at = at
    timer.order = this.#order++
    if (timer.index < 0) {
      timer.index = this.#heap.length
      this.#heap.push(timer)
      this.#up(timer)
    } else {
      this.#up(timer)
      this.#down(timer)
    }
  }

  clear(timer: Timer): void {
    const { index } = timer
    if (index < 0) return
    timer.index = -1
    timer.at = Infinity
    const last = this.#heap.pop() as Timer
    if (last === timer) return
    last.index = index
    this.#heap[index] = last
    this.#up(last)
    this.#down(last)
  }

  /** Fires all that is due at `now`, in order. What is set meanwhile waits for the next run, however early it is due. */
  run(now: number): void {
    const end = this.#order
    for (let timer = this.#heap[0]; timer !== undefined; timer = this.#heap[0]) {
      if (timer.at > now || timer.order >= end) return
      this.runOne(now)
    }
  }

  /** Fires the earliest. There must be one. */
  runOne(now: number): void {
    const timer = this.#heap[0] as Timer
    this.clear(timer)
    timer.fire(now)
  }

  #before(a: Timer, b: Timer): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #place(timer: Timer, index: number): void {
    timer.index = index
    this.#heap[index] = timer
  }

  #up(timer: Timer): void {
    let { index } = timer
    while (index > 0) {
      const parent = this.#heap[(index - 1) >> 1] as Timer
      if (!this.#before(timer, parent)) break
      this.#place(parent, index)
      index = (index - 1) >> 1
    }
    this.#place(timer, index)
  }

  #down(timer: Timer): void {
    let { index } = timer
    for (;;) {
      const left = 2 * index + 1
      let child = this.#heap[left]
      if (child === undefined) break
      const right = this.#heap[left + 1]
      if (right !== undefined && this.#before(right, child)) child = right
      if (!this.#before(child, timer)) break
      const next = child.index
      this.#place(child, index)
      index = next
    }
    this.#place(timer, index)
  }
}
