import {
  type Application,
  type Bus,
  type Connection,
  defaultLimits,
  type NodeLimits,
  type Outcome,
  type Question,
  type RequestCall,
  RtmsNode,
} from '../core/index.ts'
import { type Codec, type Payload, RtmsError } from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import type { Link } from './link.ts'
import type { Observer } from './observer.ts'
import type { Random } from './random.ts'
import { textOf, textPayload } from './text.ts'

/** What a token of the simulator says: the user, and everything is allowed. Real tokens are the server's matter. */
const TOKEN = /^user:(.+)$/

/** The business of a simulated node: checks tokens and answers requests, late, wrongly or never, as chance will have it. */
class SimApplication implements Application {
  readonly #node: () => SimNode
  readonly #random: Random
  readonly #observer: Observer

  constructor(node: () => SimNode, random: Random, observer: Observer) {
    this.#node = node
    this.#random = random
    this.#observer = observer
  }

  authenticate(connection: object, token: string): void {
    const user = TOKEN.exec(token)?.[1]
    const outcome =
      user === undefined
        ? { ok: false as const, error: new RtmsError('UNAUTHENTICATED') }
        : {
            ok: true as const,
            value: {
              user,
              id: '',
              issued: 0,
              expires: 0,
              meetings: [{ name: '*', role: 'member' as const }],
              read: ['*'],
              write: ['*'],
            },
          }
    const node = this.#node()
    node.later(this.#random.int(0, 20), (now) =>
      node.core.handleAuthenticated(connection as Connection, outcome, now),
    )
  }

  request(call: RequestCall): void {
    const node = this.#node()
    const text = textOf(call.data)
    this.#observer.requestStarted?.(text)
    if (this.#random.chance(0.05)) return
    const reply: Outcome<Payload> = this.#random.chance(0.1)
      ? { ok: false, error: new RtmsError('HANDLER_FAILED') }
      : { ok: true, value: textPayload(`re:${text}`) }
    node.later(this.#random.int(0, this.#random.chance(0.05) ? 5_000 : 100), () =>
      node.core.handleReply(call, reply),
    )
  }

  requestEnded(): void {}

  /** Yes, after a while: what it holds back must not overtake or be overtaken. */
  authorize(question: Question): void {
    const node = this.#node()
    node.later(this.#random.int(0, 300), (now) => node.core.handleAuthorized(question, true, now))
  }

  authorizeEnded(): void {}
  connected(): void {}
  disconnected(): void {}
}

/** The real core in virtual time: swept when it asks to be. */
export class SimNode {
  readonly core: RtmsNode
  readonly incarnation: number
  alive = true
  readonly #clock: VirtualClock
  #armedAt = Infinity
  #disarm: () => void = () => {}

  constructor(
    clock: VirtualClock,
    bus: (node: SimNode) => Bus,
    settings: {
      name: string
      incarnation: number
      limits: Partial<NodeLimits>
      random: Random
      observer: Observer
      wallOffset: number
    },
  ) {
    this.#clock = clock
    this.incarnation = settings.incarnation
    this.core = new RtmsNode(
      {
        id: settings.name,
        incarnation: settings.incarnation,
        wallOffset: settings.wallOffset,
        entropy: (count) => settings.random.bytes(count),
        limits: { ...defaultLimits, ...settings.limits },
      },
      { application: new SimApplication(() => this, settings.random, settings.observer), bus: bus(this) },
    )
  }

  /** Does something with the core now and arms its next sweep. A dead node does nothing. */
  do<T>(action: (core: RtmsNode, now: number) => T): T | undefined {
    if (!this.alive) return undefined
    const result = action(this.core, this.#clock.now)
    this.#arm()
    return result
  }

  later(delay: number, action: (now: number) => void): void {
    this.#clock.after(delay, () => this.do((_, now) => action(now)))
  }

  open(link: Link, codec: Codec): Connection | undefined {
    return this.do((core, now) => core.handleOpen(link, codec, now))
  }

  /** The process is gone; its sockets are the caller's to reset. */
  kill(): void {
    this.alive = false
    this.#disarm()
  }

  #arm(): void {
    const { now } = this.#clock
    const at = Math.max(now, this.core.deadline(now))
    if (at >= this.#armedAt) return
    this.#disarm()
    this.#armedAt = at
    if (at === Infinity) return
    this.#disarm = this.#clock.at(at, () => {
      this.#armedAt = Infinity
      this.do((core, time) => core.sweep(time))
    })
  }
}
