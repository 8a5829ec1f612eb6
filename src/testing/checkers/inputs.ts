import type { RawFrame } from '../../client/machine/index.ts'
import type { RtmsNode, SealedFrame } from '../../core/index.ts'
import {
  type ClientMessage,
  type ErrorCode,
  type MessageOf,
  RtmsError,
  type ServerMessage,
} from '../../protocol/index.ts'
import { type ClientFacts, type End, type Observer, type RestingClient, violate } from '../observer.ts'
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

/** Another input may bear the seq of one that was refused with these. */
const free: ReadonlySet<ErrorCode> = new Set(['LIMIT', 'OUT_OF_ORDER', 'BUSY', 'NOT_JOINED', 'READ_ONLY'])

/** An input `seq` that is framed behind `last`, though one was sent between them. */
interface PassedOver {
  readonly seq: number
  readonly last: number
}

/**
 * I4 Inputs: each is in at most one frame, an acknowledged one in exactly the named frame, one that was refused or
 * ended with NOT_SENT in none, and a sender's inputs are in order. None is skipped: the predecessor that an input names
 * is in the log before it, or was refused. The business of one reign is asked about each only once, and what it lets
 * pass is framed slot by slot in that order, also where the meeting is handed over meanwhile. I5 Nothing invented: each
 * input was sent by the member whose slot it bears, and has the content that the business gave it.
 */
export class InputChecker implements Observer {
  readonly #rooms: Rooms
  readonly #sent: Map<string, Sent> = new Map()
  /**
   * The reign of each node's meetings, and of each world. An owner that is cut off decides about inputs like the one
   * that goes on with its world, and neither frames what it has dropped itself.
   */
  readonly #reigns: Map<string, number> = new Map()
  #lastReign = 0
  /** By reign: inputs that its business was asked about, and what it made of those that are not framed as they are. */
  readonly #asked: Set<string> = new Set()
  readonly #decided: Map<string, 'dropped' | 'replaced'> = new Map()
  /** Inputs that a business dropped or replaced, and those that were framed as they are. */
  readonly #turnedDown: Set<string> = new Set()
  readonly #sealed: Set<string> = new Set()
  /** Inputs that wait for a frame, by reign and slot. */
  readonly #waiting: Map<string, string[]> = new Map()
  /** What an input was that the business has replaced. */
  readonly #origin: Map<string, string> = new Map()
  /** The frame that each input was seen in. */
  readonly #framed: Map<string, string> = new Map()
  /** Inputs, each with a frame that is undone: an owner that is cut off may still tell it. */
  readonly #undone: Set<string> = new Set()
  /** Those that were framed there as they are, whatever another business makes of them in that frame. */
  readonly #passed: Set<string> = new Set()
  readonly #order: Map<string, number> = new Map()
  readonly #ended: Set<string> = new Set()
  readonly #notSent: Set<string> = new Set()
  /** By sender, world, slot and seq: the predecessor that each input named, the refused inputs, and the framed ones. */
  readonly #after: Map<string, number> = new Map()
  readonly #refused: Map<string, ErrorCode> = new Map()
  readonly #framedAs: Map<string, number> = new Map()
  /** By sender, world and slot: up to where the inputs were answered when it came to another node, and which waited. */
  readonly #answered: Map<string, { readonly seq: number; readonly waiting: ReadonlySet<number> }> = new Map()
  /** Inputs that reached a node more than once, so that one of them was stale. */
  readonly #repeated: Set<string> = new Set()
  /** The last connection that the node has heard of each client. */
  readonly #heardOn: Map<number, number> = new Map()
  /** Clients that may have missed refusals of inputs that their later ones name. */
  readonly #deaf: Set<number> = new Set()
  /** Inputs that were passed over, and whose refusal has yet to come. */
  readonly #passedOver: Map<string, PassedOver> = new Map()
  /** The holder of each slot according to the frames' events; per reader, since each reads at its own pace. */
  readonly #slots: Map<string, string> = new Map()
  /** The holder of each slot according to the business's hooks. */
  readonly #seats: Map<string, string> = new Map()

  readonly #isCluster: boolean

  /**
   * `isCluster`: the meeting may be on another node than its member. A refusal and a frame take different ways from
   * node to node then, and no order is promised between two logs, so the refusal may be the later one; and one that
   * comes when the member has left is not delivered.
   */
  constructor(rooms: Rooms, isCluster = false) {
    this.#rooms = rooms
    this.#isCluster = isCluster
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    // What was under way on an earlier connection may arrive late, when it was sent anew long ago.
    if (connection < (this.#heardOn.get(client.id) ?? 0)) return
    this.#heardOn.set(client.id, connection)
    if (message.type !== 'input' && message.type !== 'leave') return
    const place = this.#rooms.placeOf(client, connection, message.log)
    if (place === undefined) return
    if (message.type === 'input') {
      const input = keyOf(client, place, message.seq)
      if (this.#after.has(input)) this.#repeated.add(input)
      this.#after.set(input, message.after)
    } else if (this.#isCluster) this.#forgive(placeKey(client, place))
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type === 'welcome') {
      // In a new session, no input names one of an earlier session.
      if (message.reason === 'NOT_FOUND') this.#forgive(`${client.id} `)
      else if (message.reason !== '') this.#deaf.add(client.id)
    } else if (message.type === 'joined') {
      const isRewound = message.reason === 'REWOUND'
      if (isRewound || message.reason === 'NEW_EPOCH') this.frameGap(client, message.meeting)
      if (isRewound) {
        this.#undo(client, message)
        this.#deaf.add(client.id)
        // Who comes anew, after it has left, is not told that frames were undone which it has seen.
      } else if (!message.continued) this.#unframe(client, message, message.head + 1)
      // What was refused while it was on its way to another node, nobody has told it.
      const { continued, seq, waiting } = message
      const answered = { seq, waiting: new Set(waiting.map((each) => each.seq)) }
      if (continued) {
        this.#answered.set(placeKey(client, message), answered)
        this.#checkAgain(client, message)
      }
    } else if (message.type === 'nack' || message.type === 'ended') {
      const place = this.#rooms.placeOf(client, connection, message.log)
      if (place === undefined) return
      if (message.type === 'ended') this.#forgive(placeKey(client, place))
      else this.#nack(client, place, message)
    }
  }

  /**
   * Frames are undone from one on: what was in them is sent again, and may be refused. Where the seat was among them,
   * what was refused in its slot counts no more.
   */
  #undo(client: ClientFacts, { world, slot, next, continued }: MessageOf<'joined'>): void {
    if (!continued) forget(this.#refused, `${client.id} ${world} `)
    this.#unframe(client, { world, slot }, next)
  }

  #unframe(client: ClientFacts, { world, slot }: Place, from: number): void {
    const place = placeKey(client, { world, slot })
    for (const [input, frame] of this.#framedAs)
      if (input.startsWith(place) && frame >= from) this.#framedAs.delete(input)
  }

  #nack(client: ClientFacts, place: Place, { seq, error }: MessageOf<'nack'>): void {
    const input = keyOf(client, place, seq)
    this.#refused.set(input, error)
    const passedOver = this.#passedOver.get(input)
    this.#passedOver.delete(input)
    if (passedOver !== undefined) this.#checkBetween(client, place, passedOver)
    const frame = this.#framedAs.get(input)
    if (frame !== undefined && this.#isFinal(input, error))
      violate('I4', `slot ${place.slot}: seq ${seq} is in frame ${frame}, but was refused with ${error}`)
  }

  /** Whether an input that was refused with this error is in no frame, and none with its seq is. */
  #isFinal(input: string, error: ErrorCode): boolean {
    return error === 'STALE' ? !this.#repeated.has(input) : !free.has(error)
  }

  /**
   * Nobody is told any more what became of the inputs sent there. Whoever has the place next may give others the same
   * numbers: a node that goes on with a meeting does not know of those that were refused.
   */
  #forgive(places: string): void {
    forget(this.#after, places)
    forget(this.#refused, places)
    forget(this.#passedOver, places)
  }

  input({ id, user }: ClientFacts, meeting: string, text: string): void {
    this.#sent.set(text, { user, meeting, client: id })
  }

  botInput(user: string, meeting: string, text: string): void {
    this.#sent.set(text, { user, meeting, client: null })
  }

  inputAsked(node: number, meeting: string, text: string): void {
    const input = this.#inReign(node, meeting, text)
    if (this.#asked.has(input)) violate('I4', `${text} was taken twice at node ${node}`)
    this.#asked.add(input)
  }

  inputTaken(node: number, meeting: string, slot: number, text: string): void {
    const place = this.#inReign(node, meeting, `${slot}`)
    this.#waiting.set(place, [...(this.#waiting.get(place) ?? []), text])
  }

  inputReplaced(node: number, meeting: string, text: string, by: string): void {
    this.#origin.set(by, text)
    this.#decide(node, meeting, text, 'replaced')
  }

  inputDropped(node: number, meeting: string, text: string): void {
    this.#decide(node, meeting, text, 'dropped')
  }

  #decide(node: number, meeting: string, text: string, what: 'dropped' | 'replaced'): void {
    this.#decided.set(this.#inReign(node, meeting, text), what)
    this.#turnedDown.add(text)
  }

  #inReign(node: number, meeting: string, text: string): string {
    return `${this.#reigns.get(`${node} ${meeting}`)} ${text}`
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
    if (this.#undone.has(`${text} ${where}`)) return
    const known = this.#framed.get(text)
    if (known === undefined) this.#framed.set(text, where)
    else if (known !== where) violate('I4', `${text} is in frame ${known} and in frame ${where}`)
  }

  /** The business's frames must equal the members' frames. */
  sealed(node: number, meeting: string, _world: number, { number, inputs }: SealedFrame): void {
    for (const { slot, data } of inputs) {
      const text = textOf(data)
      const first = this.#waiting.get(this.#inReign(node, meeting, `${slot}`))?.shift()
      if (first !== text) violate('I4', `${text} was framed where ${first} was to be`)
      const what = this.#decided.get(this.#inReign(node, meeting, text))
      if (what !== undefined) violate('I5', `${text} was framed although the business ${what} it`)
      this.#sealed.add(text)
      this.#undone.delete(`${this.#origin.get(text) ?? text} ${meeting} ${number}`)
      this.#check(text, meeting, number)
    }
  }

  /** Who sent an input in a frame. */
  #check(text: string, meeting: string, number: number): Sent {
    const origin = this.#origin.get(text) ?? text
    const sent = this.#sent.get(origin)
    if (sent === undefined)
      return violate('I5', `frame ${number} of ${meeting} holds ${text}, which nobody sent`)
    if (sent.meeting !== meeting) violate('I12', `${text} was sent to ${sent.meeting} and seen in ${meeting}`)
    // One owner has let it pass and another, that went on without this frame, has not: the first may still tell it.
    const isPassed = this.#sealed.has(text) || this.#passed.has(`${text} ${meeting} ${number}`)
    if (this.#turnedDown.has(text) && !isPassed)
      violate('I5', `${text} was framed although the business dropped or replaced it`)
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
      if (isOwn) this.#checkOwn(client, { world, slot }, seq, this.#order.get(here), frame.number)
      this.#order.set(here, seq)
    }
  }

  /** Checked by the sender, who learns of each refusal. `last`: the previous input of the slot that it saw, if any. */
  #checkOwn(client: ClientFacts, place: Place, seq: number, last: number | undefined, frame: number): void {
    const input = keyOf(client, place, seq)
    const error = this.#refused.get(input)
    if (error !== undefined && this.#isFinal(input, error))
      violate('I4', `slot ${place.slot}: seq ${seq} was refused with ${error}, but is in frame ${frame}`)
    this.#framedAs.set(input, frame)
    if (last !== undefined && !this.#deaf.has(client.id)) this.#checkBetween(client, place, { seq, last })
  }

  /** Of inputs that were passed over, the client may know by now what became of them. */
  #checkAgain(client: ClientFacts, place: Place): void {
    for (const [input, passedOver] of Array.from(this.#passedOver)) {
      if (!input.startsWith(placeKey(client, place))) continue
      this.#passedOver.delete(input)
      this.#checkBetween(client, place, passedOver)
    }
  }

  /** All inputs sent between two that are framed one behind the other were refused. */
  #checkBetween(client: ClientFacts, place: Place, passedOver: PassedOver): void {
    const { seq, last } = passedOver
    const before = (each: number): number => this.#after.get(keyOf(client, place, each)) ?? 0
    const answered = this.#answered.get(placeKey(client, place))
    const isRefused = (each: number): boolean =>
      this.#refused.has(keyOf(client, place, each)) ||
      (answered !== undefined && each <= answered.seq && !answered.waiting.has(each))
    let missing = before(seq)
    while (missing > last && isRefused(missing)) missing = before(missing)
    if (missing <= last) return
    const key = keyOf(client, place, missing)
    if (this.#isCluster) this.#passedOver.set(key, passedOver)
    else violateBetween(key, passedOver)
  }

  /** All refusals have come by now. */
  rest(_nodes: readonly RtmsNode[], clients: readonly RestingClient[]): void {
    for (const { id, settled } of clients)
      for (const [input, passedOver] of this.#passedOver)
        if (settled && input.startsWith(`${id} `)) violateBetween(input, passedOver)
  }

  // ---- who is in a meeting, as the business is told

  opened(node: number, meeting: string, world: number): void {
    this.#begin(node, meeting, world, ++this.#lastReign)
  }

  /** A hand-over passes the reign on. */
  handed(node: number, meeting: string, world: number): void {
    this.#begin(node, meeting, world, this.#reigns.get(`${world}`) ?? ++this.#lastReign)
  }

  #begin(node: number, meeting: string, world: number, reign: number): void {
    forget(this.#seats, `${node} ${meeting} `)
    this.#reigns.set(`${node} ${meeting}`, reign)
    this.#reigns.set(`${world}`, reign)
  }

  /** The business decides anew about the inputs that are sent again. */
  revived(node: number, meeting: string, world: number): void {
    this.#begin(node, meeting, world, ++this.#lastReign)
  }

  /** Inputs in frames that are lost are sent again. An owner that had the world has decided about its own before. */
  undone(node: number, meeting: string, world: number, frame: number): void {
    this.#reigns.set(`${world}`, this.#reigns.get(`${node} ${meeting}`) ?? ++this.#lastReign)
    for (const [text, where] of this.#framed) {
      const [of, number] = where.split(' ')
      if (of !== meeting || Number(number) <= frame) continue
      if (this.#sealed.delete(text)) this.#passed.add(`${text} ${where}`)
      this.#framed.delete(text)
      this.#undone.add(`${text} ${where}`)
    }
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
    // What came too late for a member who was about to leave waits for no frame.
    this.#waiting.delete(this.#inReign(node, meeting, `${slot}`))
  }
}

function placeKey({ id }: ClientFacts, { world, slot }: Place): string {
  return `${id} ${world} ${slot} `
}

function keyOf(client: ClientFacts, place: Place, seq: number): string {
  return placeKey(client, place) + String(seq)
}

function violateBetween(input: string, { seq, last }: PassedOver): never {
  const [client, , slot, missing] = input.split(' ')
  return violate(
    'I4',
    `slot ${slot} of client ${client}: seq ${seq} was framed behind ${last}; ${missing}, sent before it, is missing`,
  )
}
