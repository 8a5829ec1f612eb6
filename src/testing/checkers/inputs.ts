import type { RawFrame } from '../../client/machine/index.ts'
import type { SealedFrame } from '../../core/index.ts'
import { type ClientMessage, RtmsError, type ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type End, type Observer, violate } from '../observer.ts'
import { textOf } from '../text.ts'
import { forget } from './forget.ts'
import type { Place, Rooms } from './rooms.ts'

/** Who sent an input, and where to. */
interface Sent {
  readonly user: string
  readonly meeting: string
  /** Null for a bot. */
  readonly client: number | null
}

/**
 * I4 Inputs: each is in at most one frame, an acknowledged one in exactly the named frame, one that ended with NOT_SENT
 * in none, and a sender's inputs are in order. None is skipped: the predecessor that an input names is in the log
 * before it, or was refused. I5 Nothing invented: each input was sent by the member whose slot it bears, and has the
 * content that the business gave it.
 */
export class InputChecker implements Observer {
  readonly #rooms: Rooms
  readonly #sent: Map<string, Sent> = new Map()
  /** The replacements that the business made for inputs, and the inverse. */
  readonly #replaced: Map<string, string> = new Map()
  readonly #origin: Map<string, string> = new Map()
  readonly #dropped: Set<string> = new Set()
  /** The frame that each input was seen in. */
  readonly #framed: Map<string, string> = new Map()
  readonly #order: Map<string, number> = new Map()
  readonly #ended: Set<string> = new Set()
  readonly #notSent: Set<string> = new Set()
  /** The predecessor that each input named, by sender, world, slot and seq; and the refused inputs. */
  readonly #after: Map<string, number> = new Map()
  readonly #refused: Set<string> = new Set()
  /** The last connection that the node has heard of each client. */
  readonly #heardOn: Map<number, number> = new Map()
  /** Clients that may have missed refusals. */
  readonly #deaf: Set<number> = new Set()
  /** The holder of each slot according to the frames' events; per reader, since each reads at its own pace. */
  readonly #slots: Map<string, string> = new Map()
  /** The holder of each slot according to the business's hooks. */
  readonly #seats: Map<string, string> = new Map()

  /** A client on another node than its meeting misses refusals that come when it has left. */
  readonly #leaversAreDeaf: boolean

  constructor(rooms: Rooms, leaversAreDeaf = false) {
    this.#rooms = rooms
    this.#leaversAreDeaf = leaversAreDeaf
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    // What was under way on an earlier connection may arrive late, when it was sent anew long ago.
    if (connection < (this.#heardOn.get(client.id) ?? 0)) return
    this.#heardOn.set(client.id, connection)
    if (message.type === 'leave' && this.#leaversAreDeaf) this.#deaf.add(client.id)
    if (message.type !== 'input') return
    const place = this.#rooms.placeOf(client, connection, message.log)
    if (place !== undefined) this.#after.set(keyOf(client, place, message.seq), message.after)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type === 'welcome' && message.reason !== '') this.#deaf.add(client.id)
    if (message.type !== 'nack') return
    const place = this.#rooms.placeOf(client, connection, message.log)
    if (place !== undefined) this.#refused.add(keyOf(client, place, message.seq))
  }

  input({ id, user }: ClientFacts, meeting: string, text: string): void {
    this.#sent.set(text, { user, meeting, client: id })
  }

  botInput(user: string, meeting: string, text: string): void {
    this.#sent.set(text, { user, meeting, client: null })
  }

  inputReplaced(text: string, by: string): void {
    this.#replaced.set(text, by)
    this.#origin.set(by, text)
  }

  inputDropped(text: string): void {
    this.#dropped.add(text)
  }

  inputEnded(_client: ClientFacts, meeting: string, text: string, end: End): void {
    if (this.#ended.has(text)) violate('I4', `${text} ended twice`)
    this.#ended.add(text)
    if (!(end instanceof RtmsError)) this.#seen(text, `${meeting} ${end as number}`)
    else if (end.code === 'NOT_SENT') {
      this.#notSent.add(text)
      if (this.#framed.has(text)) violate('I4', `${text} is in a frame, but its sender was told NOT_SENT`)
    }
  }

  joining(client: ClientFacts, meeting: string): void {
    forget(this.#order, `${client.id} ${meeting} `)
    forget(this.#slots, `${client.id} ${meeting} `)
  }

  /** Joins and leaves during the gap are unknown. */
  frameGap(client: ClientFacts, meeting: string): void {
    forget(this.#order, `${client.id} ${meeting} `)
    forget(this.#slots, `${client.id} ${meeting} `)
  }

  #seen(text: string, where: string): void {
    if (this.#notSent.has(text)) violate('I4', `${text} is in ${where}, but its sender was told NOT_SENT`)
    const known = this.#framed.get(text)
    if (known === undefined) this.#framed.set(text, where)
    else if (known !== where) violate('I4', `${text} is in frame ${known} and in frame ${where}`)
  }

  /** The business's frames must equal the members' frames. */
  sealed(_node: number, meeting: string, _world: number, { number, inputs }: SealedFrame): void {
    for (const { data } of inputs) this.#check(textOf(data), meeting, number)
  }

  /** Who sent an input in a frame. */
  #check(text: string, meeting: string, number: number): Sent {
    const origin = this.#origin.get(text) ?? text
    const sent = this.#sent.get(origin)
    if (sent === undefined)
      return violate('I5', `frame ${number} of ${meeting} holds ${text}, which nobody sent`)
    if (sent.meeting !== meeting) violate('I12', `${text} was sent to ${sent.meeting} and seen in ${meeting}`)
    if (this.#dropped.has(text)) violate('I5', `${text} was framed although the business dropped it`)
    if (this.#replaced.has(text)) violate('I5', `${text} was framed although the business replaced it`)
    this.#seen(origin, `${meeting} ${number}`)
    return sent
  }

  frame(client: ClientFacts, meeting: string, world: number, frame: RawFrame): void {
    for (const event of frame.events) {
      if (event.type === 'join') this.#slots.set(`${client.id} ${meeting} ${world} ${event.slot}`, event.user)
    }
    const texts = new Set<string>()
    for (const { slot, seq, data } of frame.inputs) {
      const text = textOf(data)
      if (texts.has(text)) violate('I4', `frame ${frame.number} of ${meeting} holds ${text} twice`)
      texts.add(text)
      const { user, client: sender } = this.#check(text, meeting, frame.number)
      const here = `${client.id} ${meeting} ${world} ${slot}`
      const holder = this.#slots.get(here)
      if (holder !== undefined && holder !== user)
        violate('I5', `${text} of ${user} bears the slot of ${holder}`)
      if (seq <= (this.#order.get(here) ?? 0))
        violate('I4', `slot ${slot} of ${meeting}: seq ${seq} is not above the last`)
      // Another page of the same user may have held the slot, and given its inputs the same numbers.
      const isOwn = sender === client.id && slot === this.#rooms.slotOf(client, meeting, world)
      if (isOwn && !this.#deaf.has(client.id))
        this.#checkAfter(client, { world, slot }, seq, this.#order.get(here))
      this.#order.set(here, seq)
    }
  }

  /**
   * Checked by the sender, who learns of each refusal before the frames sealed after it. `last`: the previous input of
   * the slot that it saw, if any.
   */
  #checkAfter(client: ClientFacts, place: Place, seq: number, last: number | undefined): void {
    const after = this.#after.get(keyOf(client, place, seq)) ?? 0
    if (last === undefined || after <= last || this.#refused.has(keyOf(client, place, after))) return
    violate(
      'I4',
      `slot ${place.slot}: seq ${seq} was framed behind ${last}; ${after}, sent before it, is missing`,
    )
  }

  // ---- who is in a meeting, as the business is told

  opened(node: number, meeting: string): void {
    forget(this.#seats, `${node} ${meeting} `)
  }

  handed(node: number, meeting: string): void {
    forget(this.#seats, `${node} ${meeting} `)
  }

  seated(node: number, meeting: string, slot: number, user: string): void {
    this.#seats.set(`${node} ${meeting} ${slot}`, user)
  }

  unseated(node: number, meeting: string, slot: number, user: string): void {
    const seat = `${node} ${meeting} ${slot}`
    if (this.#seats.get(seat) !== user)
      violate(
        'I5',
        `the business was told that ${user} left slot ${slot} of ${meeting}, held by ${String(this.#seats.get(seat))}`,
      )
    this.#seats.delete(seat)
  }
}

function keyOf({ id }: ClientFacts, { world, slot }: Place, seq: number): string {
  return `${id} ${world} ${slot} ${seq}`
}
