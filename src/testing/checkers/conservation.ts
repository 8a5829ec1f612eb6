import type { RtmsNode } from '../../core/index.ts'
import { closeCodes } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, type RestingClient, violate } from '../observer.ts'

/**
 * How far a frame's readers may be behind its sealing when all is quiet, because of delays and runs of empty frames.
 */
const BEHIND = 60

/**
 * I16 Conservation: at rest, messages received = delivered + refused + waiting. Liveness: every client is connected and
 * at the head.
 */
export class ConservationChecker implements Observer {
  readonly #isCluster: boolean

  /** `isCluster`: a meeting is on one of the nodes, whichever a client is connected to. */
  constructor(isCluster = false) {
    this.#isCluster = isCluster
  }

  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    for (const node of nodes) balance(node, this.#isCluster)
    for (const client of clients) {
      if (!client.live && !client.excused)
        violate('liveness', `client ${client.id} is not connected although the network is well`)
      const own = nodes[client.node] as RtmsNode
      if (client.settled) atHead(client, this.#isCluster ? [own, ...nodes] : [own])
    }
  }

  /** A connection lost on a healthy network was lost by RTMS. */
  disconnected(client: ClientFacts, healthy: boolean): void {
    if (healthy) violate('liveness', `client ${client.id} lost its connection although the network is well`)
  }

  ended(client: ClientFacts, code: number): void {
    if (code === closeCodes.PROTOCOL)
      violate('liveness', `client ${client.id}, which keeps every rule, was closed with ${code}`)
  }
}

function balance(node: RtmsNode, isCluster: boolean): void {
  const { stats } = node
  let refused = 0
  for (const count of stats.inputsRefused.values()) refused += count
  // In a cluster, one node may receive an input that another one frames.
  if (!isCluster)
    equal('inputs received', stats.inputsReceived, stats.inputsFramed + refused + node.inputsWaiting)
  equal('requests started', stats.requestsStarted, stats.requestsEnded + node.requestsOpen)
  equal('connections opened', stats.connectionsOpened, stats.connectionsClosed + node.connections)
  const { sessionsOpened, sessionsTaken, sessionsEnded, sessionsGiven } = stats
  // Sessions go from node to node.
  equal('sessions', sessionsOpened + sessionsTaken, sessionsEnded + sessionsGiven + node.sessions)
}

function equal(what: string, came: number, accounted: number): void {
  if (came !== accounted) violate('I16', `${what}: ${came}; accounted for: ${accounted}`)
}

function atHead(client: RestingClient, nodes: readonly RtmsNode[]): void {
  for (const { name, next, unanswered } of client.meetings) {
    const owner = nodes.find((node) => node.meeting(name) !== undefined)
    const head = owner?.meeting(name)?.frame ?? -1
    if (next < head - BEHIND || next > head + 1)
      violate('liveness', `client ${client.id} rests at frame ${next} of ${name}, whose head is ${head}`)
    if (unanswered > 0) violate('I4', `client ${client.id} still waits for ${unanswered} inputs to ${name}`)
  }
}
