import { fixedLimits } from '../../core/index.ts'
import type { ClientMessage, MessageOf, ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import { framesOf } from '../heard.ts'
import { textOf } from '../text.ts'
import { readToken } from '../tokens.ts'

/** What a client has heard in a meeting, on one connection. */
interface Hearing {
  readonly words: Set<string>
  /** It was told that frames are missing. */
  isMissing: boolean
}

/**
 * Last words: whoever is connected when the business says something to all and then closes the meeting, or kicks them,
 * hears it before they are told of the end, unless a new token has taken the meeting away. The reason of the end is what
 * was said.
 */
export class LastWordChecker implements Observer {
  readonly #now: () => number
  /** When each was said. */
  readonly #said: Map<string, number> = new Map()
  /** The JOINs of each connection. */
  readonly #asked: Set<string> = new Set()
  /** By client and connection, then log. */
  readonly #hearings: Map<string, Map<number, Hearing>> = new Map()

  constructor(now: () => number) {
    this.#now = now
  }

  lastWord(_meeting: string, text: string): void {
    this.#said.set(text, this.#now())
  }

  up({ id }: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type === 'join') this.#asked.add(`${id} ${connection} ${message.call}`)
    // It wants to hear nothing more.
    if (message.type === 'leave') this.#hearings.get(`${id} ${connection}`)?.delete(message.log)
    // It may not hear it any more.
    if (message.type === 'refresh' && readToken(message.token)?.rights !== 'all')
      this.#hearings.delete(`${id} ${connection}`)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage, at: number): void {
    const here = `${client.id} ${connection}`
    // The answer to a JOIN of an earlier connection: it reads nothing on this one yet.
    if (message.type === 'joined' && this.#asked.has(`${here} ${message.call}`)) {
      const hearings = this.#hearings.get(here) ?? new Map<number, Hearing>()
      this.#hearings.set(here, hearings.set(message.log, { words: new Set(), isMissing: false }))
    }
    if (message.type !== 'frames' && message.type !== 'gap' && message.type !== 'ended') return
    const hearing = this.#hearings.get(here)?.get(message.log)
    // Not of a meeting, or the end of a seat that this connection has not had: its client was away.
    if (hearing === undefined) return
    if (message.type === 'gap') hearing.isMissing = true
    else if (message.type === 'ended') this.#ended(client, hearing, message, at)
    else
      for (const { events } of framesOf([message]))
        for (const event of events) if (event.type === 'say') hearing.words.add(textOf(event.data))
  }

  /** `at`: when the node wrote it. It waits for a slow reader for some seconds only. */
  #ended({ id }: ClientFacts, hearing: Hearing, { message }: MessageOf<'ended'>, at: number): void {
    const { words, isMissing } = hearing
    const isLate = at - (this.#said.get(message) ?? -Infinity) >= fixedLimits.partingMs
    if (!isLate && !isMissing && !words.has(message))
      violate('last words', `client ${id} was told of the end and never heard: ${message}`)
  }

  killed({ id }: ClientFacts): void {
    for (const here of this.#hearings.keys()) if (here.startsWith(`${id} `)) this.#hearings.delete(here)
  }
}
