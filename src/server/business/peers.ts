import { setTimeout } from 'node:timers/promises'
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
  /** Why the first of those could not that said so. */
  readonly refusal: RtmsError | null
}

/** What {@link Peers.page} asks for in one round. */
export interface Round {
  readonly count: number
  readonly after: string
}

/** The other nodes of the cluster, as the calls of a business ask them. */
export class Peers {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  get #all(): number[] {
    return this.#host.node.cluster?.peers.map(({ incarnation }) => incarnation) ?? []
  }

  /** Whether there are no other nodes. One that has just started cannot know yet. */
  get isAlone(): boolean {
    const { cluster } = this.#host.node
    return (cluster?.isSettled ?? true) && this.#all.length === 0
  }

  /**
   * Whether a node answers a question at once, or anybody listens as that node. True where that cannot be told: this
   * one is not on the bus.
   */
  async answers(node: number): Promise<boolean> {
    const question = { isOpen: true }
    const asked = this.#answersQuestion(node).finally(() => (question.isOpen = false))
    const listens = async (): Promise<boolean> => {
      const { bus } = this.#host
      // A server may hear a moment later than others that the connection of a process is closed.
      while (question.isOpen && bus.listens !== undefined) {
        // eslint-disable-next-line no-await-in-loop
        if (!(await bus.listens(node))) return false
        // eslint-disable-next-line no-await-in-loop
        await setTimeout(serverLimits.listensMs)
      }
      return asked
    }
    return Promise.race([asked, listens()])
  }

  #answersQuestion(node: number): Promise<boolean> {
    return new Promise((resolve) => {
      const isUp = this.#host.handle(({ inlet, peering }, now) => {
        if (!inlet.isUp || peering === null) return false
        // Any question would do.
        peering.questions.ask([node], 'part', { meeting: '?' }, now + serverLimits.signMs, (_, ending) =>
          resolve(ending.by !== 'deadline' || !inlet.isUp),
        )
        return true
      })
      if (isUp !== true) resolve(true)
    })
  }

  nameOf(node: number): string {
    const { id, incarnation, cluster } = this.#host.node
    if (node === incarnation) return id
    const name = cluster?.peer(node)?.id ?? ''
    return name === '' ? String(node) : name
  }

  /**
   * Asks nodes, all others by default. Each answers within two seconds, or counts as missing; so does at once one that
   * has not been heard for seconds, unless `isLasting`: then it gets the question when it is heard again.
   */
  async ask<K extends KindName>(
    kind: K,
    question: QuestionOf<K>,
    { nodes = this.#all, isLasting = false }: { nodes?: readonly number[]; isLasting?: boolean } = {},
  ): Promise<Answers<AnswerOf<K>>> {
    const answers = new Map<number, AnswerOf<K>>()
    const missing: string[] = []
    let refusal: RtmsError | null = null
    const whose = (node: number): string => (nodes.length > 1 ? `${this.nameOf(node)}: ` : '')
    const asked = nodes.filter((node) => isLasting || this.#host.node.peering?.reaches(node) === true)
    for (const node of nodes) if (!asked.includes(node)) missing.push(this.nameOf(node))
    if (this.#host.node.cluster?.isSettled === false) missing.push('nodes that this one has yet to meet')
    let left = asked.length
    await new Promise<void>((resolve) => {
      if (left === 0) resolve()
      const ended = (node: number, ending: QuestionEnding<AnswerOf<K>>): void => {
        if (ending.by === 'answer') answers.set(node, ending.answer)
        // A node that has ended has nothing any more.
        else if (ending.by !== 'gone') missing.push(this.nameOf(node))
        if (ending.by === 'refused')
          refusal ??= new RtmsError(ending.refused.code, `${whose(node)}${ending.refused.message}`)
        if (--left === 0) resolve()
      }
      this.#host.act((node, now) =>
        node.peering?.questions.ask(asked, kind, question, now + serverLimits.peerAnswerMs, ended),
      )
    })
    return { answers, missing, refusal }
  }

  /**
   * The sum of what this node and others have counted. Throws what another node has refused it with, or UNKNOWN where
   * others did not answer; `what` says what was counted.
   */
  sum(here: number, { answers, missing, refusal }: Answers<number>, what: string): number {
    let sum = here
    for (const count of answers.values()) sum += count
    if (refusal !== null) throw refusal
    if (missing.length === 0) return sum
    throw new RtmsError('UNKNOWN', `no answer from ${missing.join(', ')}; elsewhere ${sum} ${what}`)
  }

  /**
   * At most `limit` items of all nodes in order of name, after the name `after`. `own`: a page of this node's; `ask`:
   * asks the others for theirs. `combine` makes one item of those that have one name, in order of name.
   */
  async page<T extends { readonly name: string }, C extends { readonly name: string }>(
    { count: limit, after: first }: Round,
    own: (round: Round) => Promise<readonly T[]>,
    ask: (round: Round) => Promise<Answers<readonly T[]>>,
    combine: (found: readonly (readonly [node: number, item: T])[]) => readonly C[],
  ): Promise<Listed<C>> {
    const { incarnation } = this.#host.node
    const missing = new Set<string>()
    const page: C[] = []
    for (let after: string | null = first; after !== null && page.length < limit;) {
      const round: Round = { count: this.isAlone ? limit : Math.min(limit, serverLimits.peerPage), after }
      // oxlint-disable-next-line no-await-in-loop -- Where a round ends is where the next one begins.
      const [mine, theirs] = await Promise.all([own(round), this.isAlone ? null : ask(round)])
      for (const name of theirs?.missing ?? []) missing.add(name)
      const answers: [number, readonly T[]][] = [[incarnation, mine], ...(theirs?.answers ?? [])]
      // What sorts after the last item of a node that has more is not known of that node.
      const ends = answers.flatMap(([, items]) =>
        items.length < round.count ? [] : [(items.at(-1) as T).name],
      )
      const end: string | null = ends.length === 0 ? null : ends.reduce((a, b) => (a < b ? a : b))
      const known = answers.flatMap(([node, items]) =>
        items.filter(({ name }) => end === null || name <= end).map((item): [number, T] => [node, item]),
      )
      page.push(
        ...combine(known.toSorted(([, a], [, b]) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))),
      )
      // A broken node may name again what was named before.
      after = end !== null && end > after ? end : null
    }
    return this.listed(page.slice(0, limit), [...missing])
  }

  /** A list with the names of nodes that did not answer. */
  listed<T>(items: readonly T[], missing: readonly string[]): Listed<T> {
    // Not a part of what the list holds.
    return Object.defineProperty([...items], 'missing', { value: missing }) as T[] & {
      readonly missing: readonly string[]
    }
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
