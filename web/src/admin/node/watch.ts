import { History } from '../numbers/history.ts'
import { Reading } from '../numbers/reading.ts'
import type { Info, Metric, Past } from './answers.ts'
import { CallError, type NodeApi } from './api.ts'

const EVERY_MS = 1_000

/**
 * `up`: it answers. `away`: nothing answers, and it is asked again and again. `locked`: it wants a key. `off`: it has
 * no dashboard.
 */
export type NodeState = 'starting' | 'up' | 'away' | 'locked' | 'off'

/** Watches a node: asks it for its metrics every second, and goes on doing so while it is away. */
export class Watch {
  state: NodeState = 'starting'
  info: Info | null = null
  /** Whether the key that was given is not one of the node's. */
  isKeyWrong = false
  /** Since when it is away, in milliseconds since 1970. */
  awaySince = 0
  readonly history = new History()
  readonly #api: NodeApi
  readonly #listeners = new Set<() => void>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAsking = false

  constructor(api: NodeApi) {
    this.#api = api
  }

  /** Calls `listener` after each time it was asked. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): void {
    void this.#ask()
  }

  /** With another key, or none. */
  useKey(key: string): void {
    this.#api.setKey(key)
    this.isKeyWrong = false
    this.state = 'starting'
    void this.#ask()
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    clearTimeout(this.#timer)
    const began = performance.now()
    try {
      await this.#read()
    } catch (error) {
      this.#failed(error instanceof CallError ? error.code : 'AWAY')
    }
    this.#isAsking = false
    for (const listener of this.#listeners) listener()
    // In step with the clock, so that a slow answer does not stretch the seconds.
    const left = EVERY_MS - ((performance.now() - began) % EVERY_MS)
    this.#timer = setTimeout(() => void this.#ask(), left)
  }

  async #read(): Promise<void> {
    // A node that was away may be another one now.
    if (this.state !== 'up') await this.#api.find()
    if (!this.#api.isOpen) {
      this.state = 'locked'
      return
    }
    const [info, { metrics }] = await Promise.all([
      this.#api.get<Info>('/info'),
      this.#api.get<{ metrics: Metric[] }>('/metrics'),
    ])
    // Its node is away, and the balancer has chosen another one.
    if (info.node !== this.#api.access.node) await this.#api.find()
    if (this.history.latest === undefined)
      this.#recall(await this.#api.get<Past>('/metrics/past'), info.uptimeMs)
    this.info = info
    this.state = 'up'
    this.isKeyWrong = false
    const moment = { at: performance.now(), time: Date.now(), uptimeMs: info.uptimeMs }
    this.history.add(new Reading(metrics), moment)
  }

  /** What the node remembers of the time before this page looked. */
  #recall(past: Past, uptimeMs: number): void {
    for (const [i, ago] of past.agoMs.entries()) {
      const moment = { at: performance.now() - ago, time: Date.now() - ago, uptimeMs: uptimeMs - ago }
      this.history.add(Reading.past(past, i), moment)
    }
  }

  #failed(code: string): void {
    if (code === 'UNAUTHENTICATED') {
      this.isKeyWrong = this.#api.hasKey
      this.#api.setKey('')
      this.state = 'locked'
    } else if (code === 'OFF' || code === 'NOT_FOUND') this.state = 'off'
    // More than one window with one key: nothing is missed for long.
    else if (code !== 'RATE') {
      if (this.state !== 'away') this.awaySince = Date.now()
      this.state = 'away'
      this.history.lose()
    }
  }
}
