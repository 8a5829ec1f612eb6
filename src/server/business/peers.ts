import type { AnswerOf, KindName, QuestionEnding, QuestionOf } from '../../core/index.ts'
import { RtmsError } from '../../protocol/index.ts'
import { serverLimits } from '../ground/limits.ts'
import type { Host } from '../host.ts'

/** Items from all nodes of the cluster. */
export interface Listed<T> extends ReadonlyArray<T> {
  /** Names of the nodes that did not answer: what they have is not in the list. */
  readonly missing: readonly string[]
}

/** What the other nodes answered. */
export interface Answers<A> {
  readonly answers: ReadonlyMap<number, A>
  /** Names of the nodes that did not answer, or said that they cannot. */
  readonly missing: readonly string[]
}

const none: Answers<never> = { answers: new Map(), missing: [] }

/** The other nodes of the cluster, as the calls of a business ask them. */
export class Peers {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  get #all(): number[] {
    return this.#host.node.cluster?.peers.map(({ incarnation }) => incarnation) ?? []
  }

  get isAlone(): boolean {
    return this.#all.length === 0
  }

  nameOf(node: number): string {
    const { id, incarnation, cluster } = this.#host.node
    if (node === incarnation) return id
    const name = cluster?.peer(node)?.id ?? ''
    return name === '' ? String(node) : name
  }

  /**
   * Asks nodes, all others by default. Each answers within two seconds, or counts as missing; so does at once one that has
   * not been heard for seconds, unless `isLasting`: then it gets the question when it is heard again.
   */
  async ask<K extends KindName>(
    kind: K,
    question: QuestionOf<K>,
    { nodes = this.#all, isLasting = false }: { nodes?: readonly number[]; isLasting?: boolean } = {},
  ): Promise<Answers<AnswerOf<K>>> {
    const answers = new Map<number, AnswerOf<K>>()
    const missing: string[] = []
    const asked = nodes.filter((node) => isLasting || this.#host.node.peering?.reaches(node) === true)
    for (const node of nodes) if (!asked.includes(node)) missing.push(this.nameOf(node))
    if (asked.length === 0) return nodes.length === 0 ? none : { answers, missing }
    let left = asked.length
    await new Promise<void>((resolve) => {
      const ended = (node: number, ending: QuestionEnding<AnswerOf<K>>): void => {
        if (ending.by === 'answer') answers.set(node, ending.answer)
        // A node that has ended has nothing any more.
        else if (ending.by !== 'gone') missing.push(this.nameOf(node))
        if (--left === 0) resolve()
      }
      this.#host.act((node, now) =>
        node.peering?.question(asked, kind, question, now + serverLimits.peerAnswerMs, ended),
      )
    })
    return { answers, missing }
  }

  /**
   * The sum of what this node and others have counted. Throws UNKNOWN where others did not answer: `what` says what was
   * counted.
   */
  sum(here: number, { answers, missing }: Answers<number>, what: string): number {
    let sum = here
    for (const count of answers.values()) sum += count
    if (missing.length === 0) return sum
    throw new RtmsError(
      'UNKNOWN',
      `${missing.join(', ')} did not answer: at least ${sum} ${what}, how many more is unknown`,
    )
  }

  /** A list of this node's items and those of the others. */
  listed<T>(items: readonly T[], missing: readonly string[]): Listed<T> {
    return Object.assign([...items], { missing })
  }

  /** Where a user has sessions; not complete where the user's home does not know, or cannot be asked. */
  async whereabouts(user: string): Promise<AnswerOf<'whereabouts'>> {
    const { incarnation, peering } = this.#host.node
    if (peering === null) return { isComplete: false, places: [] }
    const home = peering.homeOf(user)
    if (home === incarnation) return peering.whereabouts(user)
    const { answers } = await this.ask('whereabouts', { user }, { nodes: [home] })
    return answers.get(home) ?? { isComplete: false, places: [] }
  }

  /** The other nodes on which a user has sessions, or all of them where that is not known. */
  async nodesOf(user: string): Promise<readonly number[]> {
    const { isComplete, places } = await this.whereabouts(user)
    if (!isComplete) return this.#all
    return places.map(({ node }) => node).filter((node) => node !== this.#host.node.incarnation)
  }
}
