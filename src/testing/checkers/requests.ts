import { type Payload, RtmsError, type ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type End, type Observer, type RestingClient, violate } from '../observer.ts'
import { textOf } from '../text.ts'

/** I18 Requests: each starts at most once and ends exactly once, with its own reply. */
export class RequestChecker implements Observer {
  readonly #open: Map<string, number> = new Map()
  readonly #started: Set<string> = new Set()
  readonly #answered: Map<string, string> = new Map()

  request(client: ClientFacts, text: string): void {
    this.#open.set(text, client.id)
  }

  requestStarted(text: string): void {
    if (this.#started.has(text)) violate('I18', `${text} was started twice`)
    this.#started.add(text)
  }

  requestEnded(client: ClientFacts, text: string, end: End): void {
    if (!this.#open.delete(text)) violate('I18', `${text} ended twice`)
    if (!(end instanceof RtmsError) && textOf(end as Payload) !== `re:${text}`) {
      violate('I12', `client ${client.id} got another's reply to ${text}`)
    }
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type !== 'reply' && message.type !== 'failed' && message.type !== 'done') return
    // An answer to no call, in the place of an entry that means nothing on the node where the session goes on.
    if (message.call === 0) return
    const index = message.type === 'failed' ? message.index : 0
    const key = `${client.id} ${message.call} ${index}`
    const known = this.#answered.get(key)
    if (known !== undefined) {
      violate(
        'I18',
        `call ${message.call} of client ${client.id} was answered twice: ${known}, then ${message.type}`,
      )
    }
    this.#answered.set(key, `${message.type} on connection ${connection}`)
  }

  rest(_nodes: readonly unknown[], clients: readonly RestingClient[]): void {
    const alive = new Set(clients.map(({ id }) => id))
    for (const [text, client] of this.#open) if (alive.has(client)) violate('I18', `${text} never ended`)
  }
}
