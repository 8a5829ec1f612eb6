import type {
  Application,
  MeetingBusiness,
  MeetingCall,
  MissingMeeting,
  OfferedMeeting,
  Outcome,
  Question,
  RequestCall,
  Whereabouts,
} from '../core/index.ts'
import { type Payload, RtmsError } from '../protocol/index.ts'
import type { Business } from './business.ts'
import type { SimNode } from './sim-node.ts'
import { textOf, textPayload } from './text.ts'
import { grantOf, readToken } from './tokens.ts'

const refusals: readonly [RtmsError, ...RtmsError[]] = [
  new RtmsError('HANDLER_FAILED'),
  new RtmsError('NO_HANDLER'),
  new RtmsError('BUSY', 'later', { retryAfterMs: 50 }),
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

  authenticate(check: object, token: string): void {
    const { random, faulty } = this.#business
    const claims = readToken(token)
    if (faulty && random.chance(0.01)) return
    const delay = random.int(0, faulty && random.chance(0.05) ? 1_000 : 20)
    this.#node.later(delay, (core, now) =>
      core.handleAuthenticated(
        check,
        claims === null
          ? { ok: false, error: new RtmsError('UNAUTHENTICATED') }
          : { ok: true, value: grantOf(claims) },
        now,
      ),
    )
  }

  request(call: RequestCall): void {
    const { random, observer, isCalm } = this.#business
    if (call.user === 'mallory') {
      if (call.method === 'hold') return
      this.#node.later(10, (core, now) => core.handleReply(call, { ok: false, error: refusals[0] }, now))
      return
    }
    const text = textOf(call.data)
    observer.requestStarted?.(text)
    if (random.chance(0.05)) return
    const reply: Outcome<Payload> = random.chance(0.1)
      ? { ok: false, error: random.pick(isCalm ? [refusals[0]] : refusals) }
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

  /** Opens the meeting after a while; may decline, or never answer. */
  openMissing(missing: MissingMeeting): void {
    const { random, faulty, observer } = this.#business
    if (faulty && random.chance(0.1)) return
    const opens = !faulty || random.chance(0.9)
    this.#node.later(random.int(0, faulty && random.chance(0.2) ? 1_500 : 30), (core, now) => {
      observer.hook?.(missing.name, opens ? 'opened on demand' : 'not opened on demand')
      if (!opens) core.handleMissing(missing, now)
      else
        this.#business.openMissing(this.#node, missing.name, () =>
          this.#node.do((again, then) => again.handleMissing(missing, then)),
        )
    })
  }

  openMissingEnded(): void {
    this.#business.observer.hook?.('', 'openMissing came too late')
  }

  located(call: MeetingCall, outcome: Outcome<Whereabouts>): void {
    this.#business.located(this.#node, call, outcome)
  }

  adopt(offered: OfferedMeeting): MeetingBusiness | null {
    return this.#business.adopt(this.#node, offered)
  }

  callMeeting(): RtmsError {
    return new RtmsError('NO_HANDLER')
  }

  drain(): void {}
  connected(): void {}
  disconnected(): void {}
}
