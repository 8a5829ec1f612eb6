/** All that happens in the core by itself. */
export type TimerName =
  /** A connection's HELLO is late, or the connection is silent. */
  | 'heartbeat'
  /** A session has no connection for too long, or its token expires. */
  | 'expiry'
  /**
   * A question outside has no answer: whether a token is good; whether something is allowed; whether to open a meeting;
   * a request.
   */
  | 'verification'
  | 'authorization'
  | 'opening'
  | 'request'
  /** A meeting's next frame is due; frames may be shown to its delayed spectators; nobody is in it for too long. */
  | 'frame'
  | 'reveal'
  | 'ttl'
  /** Throttled groups of one rate are flushed; topics are looked at for what has grown too old. */
  | 'rung'
  | 'aging'

/** Something that happens at a time. One object serves for any number of settings. */
export class Timer<Name extends string = TimerName> {
  readonly name: Name
  at: number = Infinity
  /** Place in the heap, −1 where it is not set. */
  index = -1
  order = 0
  readonly fire: (now: number) => void

  constructor(name: Name, fire: (now: number) => void) {
    this.name = name
    this.fire = fire
  }
}

/** All deadlines of a node: a binary heap by (time, order of setting). Times are monotonic milliseconds. */
export class Timers<Name extends string = TimerName> {
  readonly #heap: Timer<Name>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** How many are set of each name. */
  get counts(): ReadonlyMap<Name, number> {
    const counts = new Map<Name, number>()
    for (const { name } of this.#heap) counts.set(name, (counts.get(name) ?? 0) + 1)
    return counts
  }

  /** The earliest deadline, `Infinity` where there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  /** Sets or moves a timer. */
  set(timer: Timer<Name>, at: number): void {
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

  clear(timer: Timer<Name>): void {
    const { index } = timer
    if (index < 0) return
    timer.index = -1
    timer.at = Infinity
    const last = this.#heap.pop() as Timer<Name>
    if (last === timer) return
    last.index = index
    this.#heap[index] = last
    this.#up(last)
    this.#down(last)
  }

  /**
   * Fires all that is due at `now`, in order. What is set meanwhile waits for the next run, however early it is due.
   */
  run(now: number): void {
    const end = this.#order
    for (let timer = this.#heap[0]; timer !== undefined; timer = this.#heap[0]) {
      if (timer.at > now || timer.order >= end) return
      this.runOne(now)
    }
  }

  /** Fires the earliest. There must be one. */
  runOne(now: number): void {
    const timer = this.#heap[0] as Timer<Name>
    this.clear(timer)
    timer.fire(now)
  }

  #before(a: Timer<Name>, b: Timer<Name>): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #place(timer: Timer<Name>, index: number): void {
    timer.index = index
    this.#heap[index] = timer
  }

  #up(timer: Timer<Name>): void {
    let { index } = timer
    while (index > 0) {
      const parent = this.#heap[(index - 1) >> 1] as Timer<Name>
      if (!this.#before(timer, parent)) break
      this.#place(parent, index)
      index = (index - 1) >> 1
    }
    this.#place(timer, index)
  }

  #down(timer: Timer<Name>): void {
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
