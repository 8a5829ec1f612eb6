import type { RawFrame } from '../../client/machine/index.ts'
import type { SealedFrame } from '../../core/index.ts'
import type { ClientMessage, MessageOf, ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import { textOf } from '../text.ts'
import { forget } from './forget.ts'

/** A frame's content in a form that is equal for every reader and encoding. */
function content({ events, inputs }: Pick<RawFrame, 'events' | 'inputs'>): string {
  return JSON.stringify([events, inputs.map(({ slot, seq, data }) => `${slot}/${seq}/${textOf(data)}`)])
}

/**
 * I1 Agreement: every client that delivers (meeting, world, frame) delivers the same content: what its owner sealed,
 * where the business is told of that.
 */
export class AgreementChecker implements Observer {
  readonly #contents: Map<string, string> = new Map()
  /** Of frames that were lost with their node: whoever has not joined since may still read them. */
  readonly #lost: Set<string> = new Set()

  undone(_node: number, meeting: string, world: number, frame: number): void {
    for (const [key, lost] of this.#contents) {
      const [name, of, number] = key.split(' ')
      if (name !== meeting || Number(of) !== world || Number(number) <= frame) continue
      this.#lost.add(`${key} ${lost}`)
      this.#contents.delete(key)
    }
  }

  sealed(_node: number, meeting: string, world: number, frame: SealedFrame): void {
    this.#contents.set(`${meeting} ${world} ${frame.number}`, content(frame))
  }

  frame(client: ClientFacts, meeting: string, world: number, frame: RawFrame): void {
    const key = `${meeting} ${world} ${frame.number}`
    const mine = content(frame)
    const known = this.#contents.get(key)
    if (known !== mine && this.#lost.has(`${key} ${mine}`)) return
    if (known === undefined) this.#contents.set(key, mine)
    else if (known !== mine)
      violate('I1', `frame ${key} is ${mine} at client ${client.id} and ${known} elsewhere`)
  }
}

/**
 * I2 No silent gap, I3 No duplicates, I7 Resume truth, checked on the wire, where the client's own checks hide nothing.
 * On each connection, the frames of a log continue exactly where JOINED said, or after a GAP.
 */
export class ContinuityChecker implements Observer {
  /** The next expected frame, by client and connection, then by log. */
  readonly #due: Map<string, Map<number, number>> = new Map()
  readonly #asked: Map<string, MessageOf<'join'>> = new Map()
  /** The next frame to deliver, by client, meeting and world. */
  readonly #delivered: Map<string, number> = new Map()

  up(client: ClientFacts, _connection: number, message: ClientMessage): void {
    if (message.type === 'join') this.#asked.set(`${client.id} ${message.call}`, message)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    const here = `${client.id} ${connection}`
    if (message.type === 'joined') this.#joined(client, here, message)
    if (message.type !== 'frames' && message.type !== 'gap') return
    const logs = this.#due.get(here)
    const due = logs?.get(message.log)
    if (logs === undefined || due === undefined) return
    const from = message.type === 'frames' ? message.first : message.from
    const to = message.type === 'frames' ? message.first + message.count : message.to
    if (from > due)
      violate('I2', `client ${client.id}: ${message.type} from frame ${from} where ${due} was due`)
    if (from < due)
      violate('I3', `client ${client.id}: ${message.type} from frame ${from} again; ${due} was due`)
    if (to <= from) violate('I2', `client ${client.id}: ${message.type} of nothing at frame ${from}`)
    logs.set(message.log, to)
  }

  #joined(client: ClientFacts, here: string, message: MessageOf<'joined'>): void {
    const asked = this.#asked.get(`${client.id} ${message.call}`)
    if (asked === undefined) return violate('I7', `client ${client.id} was joined without asking`)
    const sameWorld = asked.world === message.world
    if (message.recovered && (!sameWorld || asked.next !== message.next)) {
      violate(
        'I7',
        `recovered, but asked for ${asked.world}/${asked.next} and given ${message.world}/${message.next}`,
      )
    }
    if (!message.recovered && asked.world !== 0) {
      if (message.reason === '') violate('I7', 'not recovered, and no reason given')
      if (message.reason === 'NEW_EPOCH' && sameWorld && asked.next <= message.head + 1) {
        violate('I7', `NEW_EPOCH told for frame ${asked.next} of an world that has had it`)
      }
      if (message.reason === 'NO_SNAPSHOT' && message.next <= asked.next)
        violate('I7', 'NO_SNAPSHOT, but nothing is missing')
    }
    const logs = this.#due.get(here) ?? new Map<number, number>()
    this.#due.set(here, logs)
    // It begins anew, and may have been in that world before: two may live, until a node that was silent is heard again.
    if (!message.recovered && !sameWorld) this.joining(client, message.meeting)
    const isRewound = message.reason === 'REWOUND'
    if (isRewound && message.next >= asked.next) violate('I7', 'REWOUND, but no frame is undone')
    if (isRewound) this.#delivered.set(`${client.id} ${message.meeting} ${message.world}`, message.next)
    logs.set(message.log, isRewound ? message.next : sameWorld ? Math.max(asked.next, 1) : 1)
  }

  joining(client: ClientFacts, meeting: string): void {
    forget(this.#delivered, `${client.id} ${meeting} `)
  }

  frame(client: ClientFacts, meeting: string, world: number, frame: RawFrame): void {
    const key = `${client.id} ${meeting} ${world}`
    if (frame.number < (this.#delivered.get(key) ?? 0)) {
      violate('I3', `client ${client.id} delivered frame ${frame.number} of ${meeting} again`)
    }
    this.#delivered.set(key, frame.number + 1)
  }
}
