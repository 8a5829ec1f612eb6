import { isEdge } from '../ground/incarnation.ts'
import type { Meetings } from '../meeting/meetings.ts'
import type { Owner } from '../meeting/owner.ts'
import { isSame, reignOf } from '../meeting/reigns.ts'
import type { Cluster } from './cluster.ts'
import type { Consents } from './consents.ts'
import type { Subject } from './question-kinds.ts'
import type { Questions } from './questions.ts'
import type { Support } from './support.ts'

/** For so long a node has time to say how far it has a meeting. */
const ANSWER_MS = 1_000

/** The nodes that support the owners of this one: those that may have the frames of their meetings. */
export class Backers {
  readonly #support: Support
  readonly #cluster: Pick<Cluster, 'nodes' | 'peers'>
  readonly #meetings: () => Meetings
  readonly #questions: () => Pick<Questions, 'ask'>
  readonly #consents: Pick<Consents, 'ask'>
  /** Another owner comes before one of this node. */
  readonly #depose: (subject: Subject, now: number) => void
  /** Owners that lacked support when they last looked. */
  readonly #unsupported: Set<Owner> = new Set()
  /** Number of nodes whose support is needed. */
  needed = 0

  constructor(
    support: Support,
    cluster: Pick<Cluster, 'nodes' | 'peers'>,
    meetings: () => Meetings,
    questions: () => Pick<Questions, 'ask'>,
    consents: Pick<Consents, 'ask'>,
    depose: (subject: Subject, now: number) => void,
  ) {
    this.#support = support
    this.#cluster = cluster
    this.#meetings = meetings
    this.#questions = questions
    this.#consents = consents
    this.#depose = depose
  }

  /** Until when all of them support an owner. Those that do not are asked at once. */
  supportedUntil(owner: Owner, now: number): number {
    const { backing } = owner
    let until = Infinity
    for (const [node, since] of backing.holders) {
      const isUnsure = backing.unsure.has(node)
      const lasts = isUnsure ? -Infinity : this.#support.until(node, since)
      const isEnded = this.#cluster.nodes.ended.has(node)
      if (isEnded || this.#support.hasAnswered(node, backing.doubtedSince(node))) backing.release(node)
      else if (lasts <= now) this.#support.urge(node, now)
      if (!backing.holders.has(node)) continue
      until = Math.min(until, lasts)
      if (isUnsure) this.#makeSure(owner, node, now)
    }
    if (until <= now) this.#unsupported.add(owner)
    return until
  }

  /** Asks a node whether it consents to this one as the new owner. */
  #makeSure({ name, room, backing }: Owner, node: number, now: number): void {
    const { world, term, incarnation } = room.facts
    const subject = { name, world, term, incarnation }
    this.#consents.ask(node, subject, now, (consents, at) => {
      if (!consents) return this.#depose(subject, at)
      backing.unsure.delete(node)
      backing.look(at)
    })
  }

  /**
   * A node has ended. Had its support run out before that, it may have gone on with a meeting, and have given its frames
   * to any other node: each is asked once.
   */
  gone(node: number, now: number): void {
    for (const { backing } of this.#meetings().all()) {
      const since = backing.holders.get(node)
      if (since === undefined) continue
      if (backing.unsure.has(node) || this.#support.until(node, since) <= now)
        for (const { incarnation } of this.#cluster.peers)
          if (!isEdge(incarnation)) backing.doubt(incarnation, now)
      backing.release(node)
    }
  }

  /** Asks nodes up to which frame they have a meeting of this one. */
  askReach({ name, room, log, backing }: Owner, nodes: readonly number[], now: number): void {
    const { world, term, incarnation } = room.facts
    const question = { name, world, term, incarnation, from: log.next }
    this.#questions().ask(nodes, 'frames', question, now + ANSWER_MS, (node, ending, at) => {
      if (ending.by !== 'answer') return
      const { answer } = ending
      const last = answer === null ? Infinity : answer.next - 1
      // Of another branch it is not, whatever its number.
      if (answer === null || isSame(answer, reignOf(room.facts.reigns, last))) backing.reaches(node, last, at)
    })
  }

  /** Since when members must have answered who support an owner. */
  answersSince(now: number): number {
    return this.#support.since(now)
  }

  /** A node has answered, so an owner may go on. */
  answered(node: number, sent: number, now: number): void {
    this.#support.answered(node, sent, now)
    for (const { backing } of this.#unsupported) backing.look(now)
    this.#unsupported.clear()
  }

  /** Asks for the support that owners need, and for that of owners that are to come. */
  ask(others: Iterable<number>, now: number): void {
    const needed = new Set(others)
    for (const { backing } of this.#meetings().all())
      for (const node of backing.holders.keys()) needed.add(node)
    this.needed = needed.size
    for (const node of needed) this.#support.ask(node, now)
  }
}
