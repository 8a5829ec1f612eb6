import type { Meetings } from '../meeting/meetings.ts'
import { isAbove } from '../meeting/reigns.ts'
import type { Subject } from './question-kinds.ts'
import type { Questions } from './questions.ts'
import type { Replica } from './replica.ts'
import type { Revival } from './revival.ts'

/** What consents need of their node. */
export interface ConsentsHost {
  readonly questions: () => Pick<Questions, 'ask'>
  readonly meetings: () => Pick<Meetings, 'get'>
  readonly replica: (name: string) => Pick<Replica, 'copy'> | undefined
  readonly revival: () => {
    readonly superseding: Pick<Revival['superseding'], 'hasPassed'>
    stands(name: string): boolean
  }
}

/** Whether a node has consented. */
type Told = (consents: boolean, now: number) => void

/** For so long a node has time to answer. */
const ANSWER_MS = 1_000

/**
 * Whether a node may go on with a meeting that is handed over to it. Its old owner may be cut off from another node
 * with the frames, which has gone on with them since; to that one, the new owner is a node that has said to have no
 * such meeting, and has its support. So each node that may have the frames is asked about this world, and supports its
 * new owner only once it has consented: it knows of no later owner, and does not stand for the world itself. Whoever
 * stands later needs the new owner's word that it has no such meeting, and one that gives it asks for the consent anew.
 */
export class Consents {
  readonly #host: ConsentsHost
  /** Who is to be told of what is being asked. */
  readonly #asked: Map<string, Told> = new Map()

  constructor(host: ConsentsHost) {
    this.#host = host
  }

  /** Asks a node, unless it is being asked. `told` is called later, unless it does not answer. */
  ask(node: number, subject: Subject, now: number, told: Told): void {
    const { name, world, term, incarnation } = subject
    const key = [node, world, term, incarnation, name].join(' ')
    const isAsked = this.#asked.has(key)
    this.#asked.set(key, told)
    if (isAsked) return
    this.#host.questions().ask([node], 'takes', subject, now + ANSWER_MS, (_, ending, at) => {
      const last = this.#asked.get(key)
      this.#asked.delete(key)
      if (ending.by === 'answer') last?.(ending.answer, at)
    })
  }

  /** What this node answers. */
  gives(subject: Subject): boolean {
    const { name, world } = subject
    const { meetings, replica, revival } = this.#host
    const copy = replica(name)?.copy
    const room = meetings().get(name)?.room ?? copy?.room
    const isLater =
      room?.facts.world === world && (isAbove(room.facts, subject) || isAbove(room.lastFence, subject))
    if (isLater || revival().stands(name) || revival().superseding.hasPassed(subject)) return false
    // Should the old owner end before the new one has told this node that it has begun, that one may own it.
    if (copy?.room?.facts.world === world) copy.consentedHop = copy.room.facts.hop
    return true
  }
}
