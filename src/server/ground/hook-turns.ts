import type { Outside } from './outside.ts'
import { Pace } from './pace.ts'
import { Turn } from './turn.ts'

/** How many hooks of one meeting wait at most, then the first runs at once: as many as it has members, and a few frames. */
const MOST_WAITING = 300
/** How many of them may run in one go, because something else has to come behind them. */
const FEW_WAITING = 4

/**
 * Hooks of meetings that nobody waits for: a few milliseconds' worth run in each turn of the event loop. One user may
 * leave thousands of seats at once, as whoever closes, expires or is revoked does with all sessions.
 */
export class HookTurns {
  readonly #now: () => number
  readonly #turn: Turn
  readonly #later: Pace<HookQueue>

  constructor({ now, soon }: Pick<Outside, 'now' | 'soon'>) {
    this.#now = now
    this.#turn = new Turn(soon)
    // None throws: what a hook throws is logged.
    const [act, failed] = [(queue: HookQueue): void => this.#goOn(queue), (): void => {}]
    this.#later = new Pace<HookQueue>(act, failed, now, 1, soon)
  }

  get hasTime(): boolean {
    return this.#turn.hasTime(this.#now())
  }

  /** Runs the hooks of a queue in later turns, one each time, queues taking turns. */
  add(queue: HookQueue): void {
    this.#later.add(queue, queue.name)
  }

  #goOn(queue: HookQueue): void {
    queue.runOne()
    queue.isListed = queue.size > 0
    if (queue.isListed) this.add(queue)
  }
}

/** The hooks of one meeting that nobody waits for, in order. Each of its other hooks runs behind them. */
export class HookQueue {
  /** Of the meeting. */
  readonly name: string
  readonly #turns: Pick<HookTurns, 'hasTime' | 'add'>
  readonly #waiting: (() => void)[] = []
  /** Whether it has a turn to come, in which it may have nothing left. */
  isListed = false

  constructor(name: string, turns: Pick<HookTurns, 'hasTime' | 'add'>) {
    this.name = name
    this.#turns = turns
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Whether more wait than may run in one go. */
  get isLong(): boolean {
    return this.size > FEW_WAITING
  }

  /** Runs a hook in this turn of the event loop, if that has time, else in a later one. */
  run(hook: () => void): void {
    if (this.size > 0) this.runBehind(hook)
    else if (this.#turns.hasTime) hook()
    else {
      this.#waiting.push(hook)
      if (!this.isListed) this.#turns.add(this)
      this.isListed = true
    }
  }

  /** Runs a hook now, unless others wait: then behind them. */
  runBehind(hook: () => void): void {
    if (this.size === 0) return hook()
    this.#waiting.push(hook)
    if (this.size > MOST_WAITING) this.runOne()
  }

  /** Runs the first of those that wait. */
  runOne(): void {
    this.#waiting.shift()?.()
  }

  /** Runs all that wait. */
  flush(): void {
    while (this.size > 0) this.runOne()
  }
}
