import { isAbove } from '../meeting/reigns.ts'
import type { Claimant, Subject } from './question-kinds.ts'
import type { Questions } from './questions.ts'
import type { Contest } from './registrar.ts'

/** What the decision between owners needs of its node. */
export interface TwinsHost {
  readonly self: number
  readonly questions: () => Pick<Questions, 'ask'>
  /** A meeting of this node; null where it has none of this name. */
  claimant(name: string): Claimant | null
  /** This node gives up a meeting, if it has that one still. */
  depose(subject: Subject, now: number): void
}

/** How long an owner may take to answer. */
const ANSWER_MS = 1_500

/**
 * Decides between the nodes that own one name, which a long silence has made: the registrar of the name decides alone,
 * so that no two of them give way to each other. All but one stop, and become replicas of that one.
 */
export class Twins {
  readonly #host: TwinsHost
  /** Names about which owners are asked. */
  readonly #asked: Set<string> = new Set()

  constructor(host: TwinsHost) {
    this.#host = host
  }

  contested({ name, owners }: Contest, now: number): void {
    if (this.#asked.has(name)) return
    this.#asked.add(name)
    const { self } = this.#host
    const left = new Set(owners)
    const told = new Map<number, Claimant>()
    const hear = (node: number, answer: Claimant | null, at: number): void => {
      left.delete(node)
      if (answer !== null) told.set(node, answer)
      if (left.size > 0) return
      this.#asked.delete(name)
      this.#decide(name, told, at)
    }
    const others = owners.filter((node) => node !== self)
    if (others.length < owners.length) hear(self, this.#host.claimant(name), now)
    this.#host
      .questions()
      .ask(others, 'claimant', { name }, now + ANSWER_MS, (node, ending, at) =>
        hear(node, ending.by === 'answer' ? ending.answer : null, at),
      )
  }

  #decide(name: string, told: ReadonlyMap<number, Claimant>, now: number): void {
    const winner = winnerOf([...told.values()])
    for (const [node, { world, term, incarnation }] of told) {
      if (told.get(node) === winner) continue
      const subject = { name, world, term, incarnation }
      if (node === this.#host.self) this.#host.depose(subject, now)
      // Where that is lost, it is asked again as long as the node says that it owns the name.
      else this.#host.questions().ask([node], 'depose', subject, now + ANSWER_MS, () => {})
    }
  }
}

/** Which owner is to be left. Undefined where there is none. */
export function winnerOf(all: readonly Claimant[]): Claimant | undefined {
  // In one world the higher fence has the frames that may be stable.
  const latest = all.filter((one) => !all.some((other) => other.world === one.world && isAbove(other, one)))
  return latest.reduce<Claimant | undefined>(
    (best, one) => (best === undefined || comesBefore(one, best) ? one : best),
    undefined,
  )
}

/** Of two worlds: living before paused, more members present, more frames; and so that there always is an order. */
function comesBefore(one: Claimant, other: Claimant): boolean {
  if (one.isPaused !== other.isPaused) return other.isPaused
  if (one.present !== other.present) return one.present > other.present
  if (one.next !== other.next) return one.next > other.next
  return isAbove(one, other)
}
