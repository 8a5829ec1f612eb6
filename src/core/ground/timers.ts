/** Every kind of deadline in the core, and what it means when it passes. */
export type TimerName =
  /** A connection has not sent its HELLO, or is silent. */
  | 'heartbeat'
  /** A session has had no connection for too long, or its token expires. */
  | 'expiry'
  /**
   * A question has no answer yet: a token's verification; `authorize`; `openMissing`; where a meeting is; a request.
   */
  | 'verification'
  | 'authorization'
  | 'opening'
  | 'search'
  | 'request'
  /**
   * A meeting's next frame is due; frames are due for its delayed spectators; the meeting has been empty for too long.
   */
  | 'frame'
  | 'reveal'
  | 'ttl'
  /** Throttled groups of one rate are flushed; topics are checked for expired entries. */
  | 'rung'
  | 'aging'
  /**
   * A heartbeat to the other nodes is due; this node knows of no other; the view has changed; a claim for a meeting's name has no answer; nor
   * has a question to another node.
   */
  | 'beat'
  | 'settling'
  | 'telling'
  | 'claim'
  | 'question'
  /** A topic has waited long enough for what other nodes keep of it; topics that fell quiet are told of. */
  | 'catchUp'
  | 'digest'
  /** What other nodes have not confirmed is looked at. */
  | 'link'
  /**
   * Replicas and their owners say where they stand; members whose node was lost have not come back in time.
   */
  | 'mesh'
  | 'grace'
  /** A session may be asked to move to the node that owns its meetings. */
  | 'move'

/** A callback with a deadline. One object can be set any number of times. */
export class Timer<Name extends string = TimerName> {
  readonly name: Name
  at: number = Infinity
  /** Index in the heap; −1 when the timer is not set. */
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

  /** Number of timers set, by name. */
  get counts(): ReadonlyMap<Name, number> {
    const counts = new Map<Name, number>()
    for (const { name } of this.#heap) counts.set(name, (counts.get(name) ?? 0) + 1)
    return counts
  }

  /** The earliest deadline; `Infinity` when no timer is set. */
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
   * Fires the timers due at `now`, in order, at most so many. A timer that is set meanwhile waits for the next run,
   * however early it is due.
   */
  run(now: number, most: number = Infinity): void {
    const end = this.#order
    for (let fired = 0; fired < most; fired++) {
      const timer = this.#heap[0]
      if (timer === undefined || timer.at > now || timer.order >= end) return
      this.runOne(now)
    }
  }

  /** Fires the earliest timer. At least one must be set. */
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
