import type { RawFrame } from '../../client/machine/index.ts'
import type { ClientMessage, MessageOf, ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type End, type Observer, violate } from '../observer.ts'
import { textOf } from '../text.ts'

/** What identifies a frame's content, whoever delivers it and in whichever encoding. */
function content(frame: RawFrame): string {
  const inputs = frame.inputs.map(({ slot, seq, data }) => `${slot}/${seq}/${textOf(data)}`)
  return JSON.stringify([frame.events, inputs])
}

function forget(map: Map<string, unknown>, prefix: string): void {
  for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key)
}

/** I1 Agreement: all who deliver (meeting, epoch, frame) deliver the same content. */
export class AgreementChecker implements Observer {
  readonly #contents: Map<string, string> = new Map()

  frame(client: ClientFacts, meeting: string, epoch: number, frame: RawFrame): void {
    const key = `${meeting} ${epoch} ${frame.number}`
    const mine = content(frame)
    const known = this.#contents.get(key)
    if (known === undefined) this.#contents.set(key, mine)
    else if (known !== mine)
      violate('I1', `frame ${key} is ${mine} at client ${client.id} and ${known} elsewhere`)
  }
}

/**
 * I2 No silent gap, I3 No duplicates, I7 Resume truth: seen on the wire, so that the client's own care hides
 * nothing. On each connection the frames of a log go on exactly where JOINED said, or behind a GAP.
 */
export class ContinuityChecker implements Observer {
  /** The next frame due, by client and connection, then by log. */
  readonly #due: Map<string, Map<number, number>> = new Map()
  readonly #asked: Map<string, MessageOf<'join'>> = new Map()
  /** The next frame not yet delivered, by client, meeting and epoch. */
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
    const sameEpoch = asked.epoch === message.epoch
    if (message.recovered && (!sameEpoch || asked.next !== message.next)) {
      violate(
        'I7',
        `recovered, but asked for ${asked.epoch}/${asked.next} and given ${message.epoch}/${message.next}`,
      )
    }
    if (!message.recovered && asked.epoch !== 0) {
      if (message.reason === '') violate('I7', 'not recovered, and no reason given')
      if (message.reason === 'NEW_EPOCH' && sameEpoch && asked.next <= message.head + 1) {
        violate('I7', `NEW_EPOCH told for frame ${asked.next} of an epoch that has had it`)
      }
      if (message.reason === 'NO_SNAPSHOT' && message.next <= asked.next)
        violate('I7', 'NO_SNAPSHOT, but nothing is missing')
    }
    const logs = this.#due.get(here) ?? new Map<number, number>()
    this.#due.set(here, logs)
    logs.set(message.log, sameEpoch ? Math.max(asked.next, 1) : 1)
  }

  joining(client: ClientFacts, meeting: string): void {
    forget(this.#delivered, `${client.id} ${meeting} `)
  }

  frame(client: ClientFacts, meeting: string, epoch: number, frame: RawFrame): void {
    const key = `${client.id} ${meeting} ${epoch}`
    if (frame.number < (this.#delivered.get(key) ?? 0)) {
      violate('I3', `client ${client.id} delivered frame ${frame.number} of ${meeting} again`)
    }
    this.#delivered.set(key, frame.number + 1)
  }
}

/**
 * I4 Inputs: each is in at most one frame, an acknowledged one in exactly the frame named, one that was told
 * NOT_SENT in none, a sender's in their order.
 * I5 Nothing invented: each was sent, by the member whose slot it bears.
 */
export class InputChecker implements Observer {
  readonly #sent: Map<string, { readonly user: string; readonly meeting: string }> = new Map()
  /** The frame each input was seen in. */
  readonly #framed: Map<string, string> = new Map()
  readonly #order: Map<string, number> = new Map()
  readonly #ended: Set<string> = new Set()
  readonly #notSent: Set<string> = new Set()
  /** Who holds a slot, as the frames' own events say; per reader, since each reads at its own pace. */
  readonly #slots: Map<string, string> = new Map()

  input(client: ClientFacts, meeting: string, text: string): void {
    this.#sent.set(text, { user: client.user, meeting })
  }

  inputEnded(_client: ClientFacts, meeting: string, text: string, end: End): void {
    if (this.#ended.has(text)) violate('I4', `${text} ended twice`)
    this.#ended.add(text)
    if (end.ok) this.#seen(text, `${meeting} ${String(end.value)}`)
    else if (end.error.code === 'NOT_SENT') {
      this.#notSent.add(text)
      if (this.#framed.has(text)) violate('I4', `${text} is in a frame, but its sender was told NOT_SENT`)
    }
  }

  joining(client: ClientFacts, meeting: string): void {
    forget(this.#order, `${client.id} ${meeting} `)
    forget(this.#slots, `${client.id} ${meeting} `)
  }

  /** Who came and went meanwhile is not known. */
  frameGap(client: ClientFacts, meeting: string): void {
    forget(this.#slots, `${client.id} ${meeting} `)
  }

  #seen(text: string, where: string): void {
    if (this.#notSent.has(text)) violate('I4', `${text} is in ${where}, but its sender was told NOT_SENT`)
    const known = this.#framed.get(text)
    if (known === undefined) this.#framed.set(text, where)
    else if (known !== where) violate('I4', `${text} is in frame ${known} and in frame ${where}`)
  }

  frame(client: ClientFacts, meeting: string, epoch: number, frame: RawFrame): void {
    for (const event of frame.events) {
      if (event.type === 'join') this.#slots.set(`${client.id} ${meeting} ${epoch} ${event.slot}`, event.user)
    }
    for (const { slot, seq, data } of frame.inputs) {
      const text = textOf(data)
      const sent = this.#sent.get(text)
      if (sent === undefined)
        return violate('I5', `frame ${frame.number} of ${meeting} holds ${text}, which nobody sent`)
      if (sent.meeting !== meeting)
        violate('I12', `${text} was sent to ${sent.meeting} and seen in ${meeting}`)
      const here = `${client.id} ${meeting} ${epoch} ${slot}`
      const holder = this.#slots.get(here)
      if (holder !== undefined && holder !== sent.user)
        violate('I5', `${text} of ${sent.user} bears the slot of ${holder}`)
      this.#seen(text, `${meeting} ${frame.number}`)
      if (seq <= (this.#order.get(here) ?? 0))
        violate('I4', `slot ${slot} of ${meeting}: seq ${seq} is not above the last`)
      this.#order.set(here, seq)
    }
  }
}
