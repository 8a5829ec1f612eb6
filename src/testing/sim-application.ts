import type { Application, Connection, Outcome, Question, RequestCall } from '../core/index.ts'
import { type Payload, RtmsError } from '../protocol/index.ts'
import type { Business } from './business.ts'
import type { SimNode } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'
import { grantOf, readToken } from './tokens.ts'

const refusals: readonly [RtmsError, ...RtmsError[]] = [
  new RtmsError('HANDLER_FAILED'),
  new RtmsError('NO_HANDLER'),
  new RtmsError('BUSY', 'later', 50),
]

/**
 * The business as one node sees it: checks tokens, authorises, and answers requests, at random late, wrongly or never.
 */
export class SimApplication implements Application {
  readonly #node: SimNode
  readonly #business: Business

  constructor(node: SimNode, business: Business) {
    this.#node = node
    this.#business = business
  }

  authenticate(connection: object, token: string): void {
    const { random, faulty } = this.#business
    const claims = readToken(token)
    if (faulty && random.chance(0.01)) return
    const delay = random.int(0, faulty && random.chance(0.05) ? 1_000 : 20)
    const opened = connection as Connection
    this.#node.later(delay, (core, now) =>
      core.handleAuthenticated(
        opened,
        claims === null
          ? { ok: false, error: new RtmsError('UNAUTHENTICATED') }
          : { ok: true, value: grantOf(claims) },
        now,
      ),
    )
  }

  request(call: RequestCall): void {
    const { random, observer } = this.#business
    if (call.user === 'mallory') {
      this.#node.later(10, (core, now) => core.handleReply(call, { ok: false, error: refusals[0] }, now))
      return
    }
    const text = textOf(call.data)
    observer.requestStarted?.(text)
    if (random.chance(0.05)) return
    const reply: Outcome<Payload> = random.chance(0.1)
      ? { ok: false, error: random.pick(refusals) }
      : { ok: true, value: textPayload(`re:${text}`) }
    const delay = random.int(0, random.chance(0.05) ? 5_000 : 100)
    this.#node.later(delay, (core, now) => core.handleReply(call, reply, now))
  }

  requestEnded(): void {}

  /** Answers after a while, or never: a delayed answer must not overtake another or be overtaken. */
  authorize(question: Question): void {
    const { random, observer, faulty } = this.#business
    if (faulty && random.chance(0.05)) return
    const allowed = this.#business.allows(question)
    this.#node.later(random.int(0, faulty ? 300 : 30), (core, now) => {
      observer.answered?.(question, allowed)
      core.handleAuthorized(question, allowed, now)
    })
  }

  authorizeEnded(): void {
    this.#business.observer.hook?.('', 'authorize came too late')
  }

  openMissing(): void {}
  openMissingEnded(): void {}
  connected(): void {}
  disconnected(): void {}
}
