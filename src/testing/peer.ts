import {
  binaryCodec,
  type Codec,
  type Message,
  type MessageOf,
  type MessageType,
  type Payload,
  type ServerMessage,
} from '../protocol/index.ts'
import { Follower } from './follower.ts'
import { framesOf, type FrameView, publicationsOf } from './heard.ts'
import * as messages from './messages.ts'
import { textOf, textPayload } from './text.ts'

export interface PeerOptions {
  readonly codec?: Codec
  /** Whether it acknowledges data and answers pings, as a client must. Default true. */
  readonly answers?: boolean
  /** The follower of an earlier connection of the same client, to continue from. */
  readonly follower?: Follower
}

/** A quarter of the window, or this many entries of the session log, are acknowledged at once. */
const ENTRIES_PER_ACK = 64

/**
 * The client's end of one connection, message by message: sends what a test asks for and records everything it
 * receives. Carrying packets is left to the carrier: it provides `carry` and calls {@link hear} for each packet that
 * arrives.
 */
export class Peer {
  readonly codec: Codec
  readonly follower: Follower
  /** All messages so far, in order. */
  readonly heard: ServerMessage[] = []
  /** Bytes of all packets so far. */
  received = 0
  readonly #carry: (packet: Uint8Array) => void
  readonly #answers: boolean
  readonly #packets: ServerMessage[][] = []
  #taken = 0
  #window = 0
  #ackedBytes = 0
  #ackedEntries = 0

  constructor(
    carry: (packet: Uint8Array) => void,
    { codec = binaryCodec, answers = true, follower = new Follower() }: PeerOptions = {},
  ) {
    this.#carry = carry
    this.codec = codec
    this.#answers = answers
    this.follower = follower
  }

  /** Handles a packet. Throws where it cannot be decoded, or where frames of a meeting are out of order. */
  hear(packet: Uint8Array | string): readonly ServerMessage[] {
    const heard = this.codec.decode(packet, 'server') as ServerMessage[]
    this.received += packet.length
    this.#packets.push(heard)
    this.heard.push(...heard)
    for (const message of heard) {
      this.follower.hear(message)
      if (message.type === 'welcome') {
        this.#window = message.window
        this.#ackedEntries = message.received
      } else if (message.type === 'ping' && this.#answers)
        this.send({ type: 'pong', echo: message.time, time: 0, lateness: 0 })
    }
    if (this.#answers) this.#acknowledge()
    return heard
  }

  #acknowledge(): void {
    const { entries } = this.follower
    const isDue =
      (this.#window > 0 && this.received - this.#ackedBytes >= this.#window / 4) ||
      entries - this.#ackedEntries >= ENTRIES_PER_ACK
    if (!isDue) return
    this.#ackedBytes = this.received
    this.#ackedEntries = entries
    this.ack(this.received, entries)
  }

  // ---- what it says

  /** Sends messages in one packet, including types that clients must not send. */
  send(...all: readonly Message[]): void {
    this.#carry(this.codec.encode(all))
  }

  /** Takes the number of the next call. */
  call(): number {
    return ++this.follower.calls
  }

  /** Continues call numbers after this one. */
  continue(call: number): void {
    this.follower.calls = call
  }

  get session(): string {
    return this.follower.session
  }

  /** Resumes the session of the earlier connection, if any. */
  hello(token: string, fields: Partial<MessageOf<'hello'>> = {}): void {
    const { session, entries } = this.follower
    this.send(messages.hello(token, { session, received: entries, ...fields }))
  }

  /** Joins from the start unless `fields` says otherwise; `follower.join(meeting)` continues. */
  join(meeting: string, fields: Partial<MessageOf<'join'>> = {}): number {
    const call = this.call()
    this.send(messages.join(call, meeting, fields))
    return call
  }

  input(log: number, seq: number, data: Payload = textPayload(`i${seq}`)): void {
    this.send(messages.input(log, seq, data))
  }

  /** Subscribes from the start unless `fields` says otherwise; `follower.wish(topic)` continues. */
  subscribe(topic: string, fields: Partial<messages.TopicWish> = {}): number {
    const call = this.call()
    this.send(messages.subscribe(call, messages.wish(topic, fields)))
    return call
  }

  publish(topic: string, data: Payload, fields: Partial<MessageOf<'publish'>> = {}): number {
    const call = this.call()
    this.send(messages.publish(call, topic, data, fields))
    return call
  }

  request(method: string, data: Payload = textPayload('x'), timeout = 0): number {
    const call = this.call()
    this.send(messages.request(call, method, data, timeout))
    return call
  }

  ack(bytes: number, received = 0): void {
    this.send({ type: 'ack', bytes, received, seen: [] })
  }

  // ---- what it heard

  /** All messages of one type received so far. */
  all<T extends MessageType>(type: T): MessageOf<T>[] {
    return this.heard.filter((message) => message.type === (type as string)) as unknown as MessageOf<T>[]
  }

  /** Messages received since the last take, packet by packet. */
  takePackets(): ServerMessage[][] {
    const packets = this.#packets.slice(this.#taken)
    this.#taken = this.#packets.length
    return packets
  }

  take(): ServerMessage[] {
    return this.takePackets().flat()
  }

  /** Messages of one type received since the last take; the others are discarded. */
  takeOf<T extends MessageType>(type: T): MessageOf<T>[] {
    return this.take().filter((message) => message.type === (type as string)) as unknown as MessageOf<T>[]
  }

  takeFrames(): FrameView[] {
    return framesOf(this.take())
  }

  /** The texts of the publications received since the last take. */
  takeTexts(): string[] {
    return publicationsOf(this.take()).map(({ data }) => textOf(data))
  }
}
