import type { RtmsNode } from '../../core/index.ts'
import { type ClientMessage, limits, type ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, type RestingClient, violate } from '../observer.ts'

/** I13 Bounds: before a write, less than a window is unacknowledged; no write is larger than one may be. */
export class CreditChecker implements Observer {
  readonly #windows: Map<string, number> = new Map()
  readonly #acknowledged: Map<string, number> = new Map()
  readonly #largestWrite: number

  /** `writeBytes`: the node's limit; a write may go over it by one page and one message. */
  constructor(writeBytes: number) {
    this.#largestWrite = writeBytes + 2 * limits.payload + 4_096
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type === 'hello') this.#windows.set(`${client.id} ${connection}`, message.window)
    if (message.type === 'ack') this.#acknowledged.set(`${client.id} ${connection}`, message.bytes)
  }

  write(client: ClientFacts, connection: number, size: number, written: number): void {
    const here = `${client.id} ${connection}`
    const window = this.#windows.get(here) ?? 0
    const outstanding = written - size - (this.#acknowledged.get(here) ?? 0)
    if (window > 0 && outstanding >= window) {
      violate(
        'I13',
        `client ${client.id} was written to with ${outstanding} of ${window} bytes unacknowledged`,
      )
    }
    if (size > this.#largestWrite) violate('I13', `a write of ${size} bytes`)
  }
}

/** I16 Conservation: at rest, inputs received = framed + refused + waiting; and everyone connected stands at the head. */
export class ConservationChecker implements Observer {
  rest(nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    for (const node of nodes) {
      const { inputsReceived, inputsFramed, inputsRefused, requestsStarted, requestsEnded } = node.stats
      let refused = 0
      for (const count of inputsRefused.values()) refused += count
      if (inputsReceived !== inputsFramed + refused + node.inputsWaiting) {
        violate(
          'I16',
          `${inputsReceived} inputs came, ${inputsFramed} framed, ${refused} refused, ${node.inputsWaiting} wait`,
        )
      }
      if (requestsStarted !== requestsEnded)
        violate('I16', `${requestsStarted} requests started, ${requestsEnded} ended`)
    }
    for (const client of clients) {
      if (!client.live)
        violate('liveness', `client ${client.id} is not connected although the network is well`)
      const node = nodes[client.node] as RtmsNode
      for (const { name, next, unanswered } of client.meetings) {
        const head = node.meeting(name)?.frame ?? -1
        if (next < head - 60 || next > head + 1) {
          violate('liveness', `client ${client.id} rests at frame ${next} of ${name}, whose head is ${head}`)
        }
        if (unanswered > 0)
          violate('I4', `client ${client.id} still waits for ${unanswered} inputs to ${name}`)
      }
    }
  }

  /** A connection lost while the network is well was lost by RTMS. */
  disconnected(client: ClientFacts, healthy: boolean): void {
    if (healthy) violate('liveness', `client ${client.id} lost its connection although the network is well`)
  }
}

/** I12 Isolation: what is for one user reaches no other. */
export class IsolationChecker implements Observer {
  push(client: ClientFacts, name: string, text: string): void {
    if (!text.startsWith(`push ${client.user} `))
      violate('I12', `client ${client.id} of ${client.user} got ${name} ${text}`)
  }

  down(client: ClientFacts, _connection: number, message: ServerMessage): void {
    if (message.type === 'welcome' && message.user !== client.user) {
      violate('I12', `${client.user} was welcomed as ${message.user}`)
    }
  }
}
