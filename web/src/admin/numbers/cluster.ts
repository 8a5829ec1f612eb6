import type { Carried, ClusterAnswer } from '../node/answers.ts'
import type { SeenNode } from './happenings.ts'
import { rate } from './rates.ts'

/** Rates are of so much time: what a node tells twice a second is asked for once a second. */
const SPAN_MS = 5_000

/** Bytes a second. Null: not known. */
export interface Flow {
  readonly in: number | null
  readonly out: number | null
}

interface Moment {
  readonly at: number
  readonly answer: ClusterAnswer
}

const unknown: Flow = { in: null, out: null }

/** What the cluster has looked like in the last seconds. */
export class Moments {
  #moments: readonly Moment[] = []

  add(answer: ClusterAnswer, at: number): void {
    if (this.#moments.at(-1)?.answer === answer) return
    const recent = this.#moments.filter((moment) => at - moment.at <= SPAN_MS)
    this.#moments = [...recent, { at, answer }]
  }

  /** How fast a node gives to the bus, and is given; nothing is known of one that is silent. */
  flow({ incarnation, status, load }: SeenNode): Flow {
    const last = this.#moments.at(-1)
    if (last === undefined || load === null || status === 'silent' || status === 'ended') return unknown
    for (const { at, answer } of this.#moments) {
      const before = answer.nodes.find((node) => node.incarnation === incarnation)?.load
      if (before === undefined || before === null) continue
      const ms = last.at - at
      return {
        in: rate(before.busBytesIn, load.busBytesIn, ms),
        out: rate(before.busBytesOut, load.busBytesOut, ms),
      }
    }
    return unknown
  }

  /** How fast bytes of one kind go in one direction, of the node that answers. */
  speed({ direction, kind, bytes }: Carried): number | null {
    const [first] = this.#moments
    const last = this.#moments.at(-1)
    if (first === undefined || last === undefined) return null
    const same = (each: Carried): boolean => each.direction === direction && each.kind === kind
    const [self] = last.answer.nodes
    // Another run of the node has begun to count anew.
    if (first.answer.nodes[0]?.incarnation !== self?.incarnation) return null
    return rate(first.answer.bus.traffic.find(same)?.bytes ?? 0, bytes, last.at - first.at)
  }
}

/**
 * Where the dashboard of another node is, as far as its address tells; null where that leads to no single node, as
 * through a balancer.
 */
export function dashboardOf(node: SeenNode, nodes: readonly SeenNode[]): string | null {
  const origin = originOf(node)
  if (node.status === 'self' || node.status === 'ended' || origin === null) return null
  return nodes.some((other) => other !== node && originOf(other) === origin)
    ? null
    : `${origin}/admin/#/cluster`
}

function originOf({ address }: SeenNode): string | null {
  if (!/^wss?:/.test(address) || !URL.canParse(address)) return null
  return new URL(address.replace('ws', 'http')).origin
}
