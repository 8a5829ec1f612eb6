import type { ClusterAnswer, ClusterNode, Succession } from '../node/answers.ts'

/** How long a node that has ended stays in the picture, unless one of its name comes. */
const GHOST_MS = 30_000
/** How long a meeting is seen on its way to another node, and how many at a time. */
const FLIGHT_MS = 4_000
const MOST_FLIGHTS = 6
/** Successions of one look, of the same kind and way, that are told one by one. */
const ONE_BY_ONE = 3
/** Remembered, so that none is told twice. */
const MOST_TOLD = 4_096

/** A node as the page shows it, for a while after its end as well. */
export type SeenNode = Omit<ClusterNode, 'status'> & { readonly status: ClusterNode['status'] | 'ended' }

/** What happens in a cluster. */
export type Happening =
  | {
      readonly type: 'came' | 'again' | 'ended' | 'silent' | 'heard' | 'drains' | 'drained' | 'cut' | 'joined'
      readonly node: string
    }
  | {
      readonly type: Succession['how']
      readonly from: string
      readonly to: string
      /** The first of the meetings, the first frame at its new node, and how many meetings there are. */
      readonly meeting: string
      readonly frame: number
      readonly count: number
      readonly agoMs: number
    }

/** A meeting on its way from one node to another, by their names. */
export interface Flight extends Pick<Succession, 'meeting' | 'how'> {
  readonly key: string
  readonly from: string
  readonly to: string
  readonly until: number
}

const isEmpty = ({ draining, load }: ClusterNode): boolean =>
  draining && load !== null && load.meetings + load.connections === 0

/** What has happened in the cluster from one look to the next. */
export class Happenings {
  #before: ClusterAnswer | null = null
  /** Names of nodes, by the numbers of their runs. */
  readonly #names: Map<number, string> = new Map()
  #ghosts: readonly { readonly node: SeenNode; readonly until: number }[] = []
  readonly #told: Set<string> = new Set()
  #flights: readonly Flight[] = []

  /** What has changed since the last answer; nothing with the first one. */
  see(answer: ClusterAnswer, now: number): Happening[] {
    const before = this.#before
    if (before === answer) return []
    this.#before = answer
    const isKnown = (node: ClusterNode): boolean => this.#names.has(node.incarnation)
    const newcomers = answer.nodes.filter((node) => !isKnown(node) && node.node !== '')
    const knownNames = new Set(this.#names.values())
    for (const { incarnation, node } of newcomers) this.#names.set(incarnation, node)
    if (before === null) return []
    const found: Happening[] = []
    const [was, is] = [before.nodes[0], answer.nodes[0]]
    // A node that was started anew has yet to meet the others.
    const isSame = was?.incarnation === is?.incarnation
    if (isSame) found.push(...this.#endings(before.nodes, answer.nodes, now))
    for (const { node } of newcomers) found.push({ type: knownNames.has(node) ? 'again' : 'came', node })
    for (const node of answer.nodes) {
      const old = before.nodes.find(({ incarnation }) => incarnation === node.incarnation)
      if (old !== undefined) found.push(...changesOf(old, node))
    }
    if (is !== undefined && isSame && before.bus.up !== answer.bus.up)
      found.push({ type: answer.bus.up ? 'joined' : 'cut', node: is.node })
    return found
  }

  #endings(before: readonly ClusterNode[], after: readonly ClusterNode[], now: number): Happening[] {
    const left = new Set(after.map(({ incarnation }) => incarnation))
    const ended = before.filter(({ incarnation, node }) => !left.has(incarnation) && node !== '')
    const ghosts = ended.map((node) => ({
      node: { ...node, status: 'ended' as const },
      until: now + GHOST_MS,
    }))
    this.#ghosts = [...this.#ghosts, ...ghosts]
    return ended.map(({ node }) => ({ type: 'ended', node }))
  }

  /** The nodes of the last answer, and those that have ended lately and have not come again. */
  nodes(now: number): SeenNode[] {
    const nodes = this.#before?.nodes ?? []
    const names = new Set(nodes.map(({ node }) => node))
    this.#ghosts = this.#ghosts.filter(({ node, until }) => now < until && !names.has(node.node))
    return [...nodes, ...this.#ghosts.map(({ node }) => node)]
  }

  /** What is new of these. */
  succeed(successions: readonly Succession[], now: number): Happening[] {
    const groups = new Map<string, Succession[]>()
    for (const succession of successions) {
      const { meeting, node, from, how, frame, agoMs } = succession
      const key = `${meeting} ${node} ${how} ${frame}`
      if (this.#told.has(key)) continue
      this.#told.add(key)
      if (agoMs < FLIGHT_MS && this.#flights.length < MOST_FLIGHTS)
        this.#flights = [
          ...this.#flights,
          { key, meeting, how, from: this.#nameOf(from), to: node, until: now + FLIGHT_MS },
        ]
      const group = `${from} ${node} ${how}`
      groups.set(group, [...(groups.get(group) ?? []), succession])
    }
    for (const key of this.#told) {
      if (this.#told.size <= MOST_TOLD) break
      this.#told.delete(key)
    }
    return [...groups.values()].flatMap((group) => {
      const told = (succession: Succession, count: number): Happening => {
        const { how: type, meeting, node: to, frame, agoMs } = succession
        return { type, meeting, from: this.#nameOf(succession.from), to, frame, count, agoMs }
      }
      const [first] = group
      if (first !== undefined && group.length > ONE_BY_ONE) return [told(first, group.length)]
      return group.map((succession) => told(succession, 1))
    })
  }

  /** The meetings that are on their way. */
  flights(now: number): readonly Flight[] {
    if (this.#flights.some(({ until }) => now >= until))
      this.#flights = this.#flights.filter(({ until }) => now < until)
    return this.#flights
  }

  /** A node that has ended is known to the cluster by its number alone; '' where nobody knows its name. */
  #nameOf(from: string): string {
    if (!/^\d+$/.test(from)) return from
    return this.#names.get(Number(from)) ?? ''
  }
}

function changesOf(was: ClusterNode, is: ClusterNode): Happening[] {
  const { node } = is
  const found: Happening[] = []
  if ((was.status === 'silent') !== (is.status === 'silent'))
    found.push({ type: is.status === 'silent' ? 'silent' : 'heard', node })
  if (!was.draining && is.draining) found.push({ type: 'drains', node })
  if (!isEmpty(was) && isEmpty(is)) found.push({ type: 'drained', node })
  return found
}
