import { Heap } from './heap.ts'

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
  /** Readers whose seats have ended may have their last frames. */
  | 'parting'
  /** Throttled groups of one rate are flushed; topics are checked for expired entries. */
  | 'rung'
  | 'aging'
  /**
   * A heartbeat to the other nodes is due; this node knows of no other; the view has changed; a claim for a meeting's
   * name has no answer; nor has a question to another node.
   */
  | 'beat'
  | 'settling'
  | 'telling'
  | 'claim'
  | 'question'
  /** Members may need a new charter; a member takes too long to show what it has kept. */
  | 'charters'
  | 'recall'
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
  /** The hand-over of meetings goes on. */
  | 'handover'
  /** Meetings whose node has ended wait for another one. */
  | 'revival'
  /** A few more connections are moved, because the node drains. */
  | 'drain'
  /** Connections are compared with those of the other nodes. */
  | 'balance'
  /** An edge looks whether it still hears the nodes that it serves copies of. */
  | 'retreat'
  /** A session may be asked to move to the node that owns its meetings. */
  | 'move'

/** A callback with a deadline. One object can be set any number of times. */
export class Timer<Name extends string = TimerName> {
  readonly name: Name
  at: number = Infinity
  /** Where it is in the heap; −1 when it is not set. */
  index = -1
  order = 0
  readonly fire: (now: number) => void

  constructor(name: Name, fire: (now: number) => void) {
    this.name = name
    this.fire = fire
  }
}

/** All deadlines of a node, by time and then by order of setting. Times are monotonic milliseconds. */
export class Timers<Name extends string = TimerName> {
  readonly #heap: Heap<Timer<Name>> = new Heap()
  #order = 0

  get size(): number {
    return this.#heap.size
  }

  /** Number of timers set, by name. */
  get counts(): ReadonlyMap<Name, number> {
    const counts = new Map<Name, number>()
    for (const { name } of this.#heap.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
    return counts
  }

  /** The earliest deadline; `Infinity` when no timer is set. */
  get next(): number {
    return this.#heap.first?.at ?? Infinity
  }

  /** Sets or moves a timer. */
  set(timer: Timer<Name>, at: number): void {
    timer.at = at
    timer.order = this.#order++
    this.#heap.set(timer)
  }

  clear(timer: Timer<Name>): void {
    this.#heap.delete(timer)
    timer.at = Infinity
  }

  /**
   * Fires the timers due at `now`, in order, at most so many, and none once it `isOver`. A timer that is set meanwhile
   * waits for the next run, however early it is due.
   */
  run(now: number, most: number = Infinity, isOver: () => boolean = () => false): void {
    const end = this.#order
    for (let fired = 0; fired < most && !isOver(); fired++) {
      const timer = this.#heap.first
      if (timer === undefined || timer.at > now || timer.order >= end) return
      this.runOne(now)
    }
  }

  /** Fires the earliest timer. At least one must be set. */
  runOne(now: number): void {
    const timer = this.#heap.first as Timer<Name>
    this.clear(timer)
    timer.fire(now)
  }
}
