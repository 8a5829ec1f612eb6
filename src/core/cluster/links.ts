import { Reader, Writer } from '../../protocol/bytes.ts'
import { fixedLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import type { Stats } from '../ground/stats.ts'
import { weights } from '../ground/weights.ts'

/** Begins each packet of a link, so that a node can tell it from other messages to it alone. */
export const LINK = 0x6c

/**
 * Flags of a packet: a message before the given one is missing; an answer is wanted, though there may be no message.
 */
const AGAIN = 1
const ANSWER = 2

const scratch: Writer = new Writer(4_096)

interface Packet {
  readonly epoch: number
  /** The next message that the sender expects. */
  readonly expected: number
  readonly flags: number
  /** Position of the first message. */
  readonly first: number
  readonly messages: readonly Uint8Array[]
}

/** Packets of one node whose messages wait, and their bytes. */
interface Held {
  readonly packets: Packet[]
  bytes: number
}

/** What links need of their node. All of it returns at once. */
export interface LinksHost {
  /** Puts a packet on the bus, which may lose it. */
  put(node: number, bytes: Uint8Array): void
  /** A message of another node. The bytes are part of a larger buffer: whoever keeps some of them copies those. */
  message(from: number, bytes: Uint8Array, now: number): void
  /** What the two nodes had sent each other may be lost, in both directions; none of it arrives any more. */
  broken(node: number, now: number): void
  /** Whether hooks of the business have taken so long since the last sweep that further messages wait for the next one. */
  isTaken(): boolean
}

export interface LinkLimits {
  /** Bytes of messages to one node that are not confirmed; beyond it the link breaks. */
  readonly linkBytes: number
  /** How many of these may be under way. */
  readonly linkWindow: number
  /** Bytes of a packet, unless a single message has more. */
  readonly linkPacket: number
}

export const linkLimits: LinkLimits = fixedLimits

interface Link {
  /** Rises when the link breaks. Both nodes count from 1, and the higher number holds for both. */
  epoch: number
  /** What the other node has yet to confirm; positions count from 1 in each epoch. */
  out: Ring<Uint8Array>
  bytes: number
  /** The next message to put on the bus, and the bytes of those before it that are not confirmed. */
  at: number
  flying: number
  /** The next message to come. */
  expected: number
  /** The other node is to be told how far its messages have come, and the bytes of those it has not been told of. */
  owes: boolean
  owed: number
  flags: number
  /** The other node knows of this epoch, of the first one from the start. */
  isKnown: boolean
  /** The message that was last asked for again; it is asked for once, and once more with each beat. */
  asked: number
  /** The first unconfirmed message at the last beat; 0: none was under way. */
  oldest: number
  /** The other node has confirmed nothing for a beat: until it does, one packet is sent with each. */
  isStuck: boolean
  /** The node is to be told that the link broke. */
  isBroken: boolean
}

/**
 * Messages between this node and each other one, which arrive once and in order however many packets the bus loses:
 * one log for each direction, confirmed by position. A node that confirms nothing holds up nobody: when too much waits
 * for it, the link breaks, both nodes are told, and both begin anew.
 */
export class Links {
  readonly #host: LinksHost
  readonly #stats: Stats
  readonly #limits: LinkLimits
  readonly #links: Map<number, Link> = new Map()
  /** Those that have something to send or to tell in this sweep. */
  readonly #dirty: Map<number, Link> = new Map()
  /** Those that confirm with the next message to their node or, without one, when {@link confirm} is called. */
  readonly #late: Map<number, Link> = new Map()
  /** What has come of a node and waits; it is not confirmed, so its node sends no more than a window of it. */
  readonly #held: Map<number, Held> = new Map()

  constructor(host: LinksHost, stats: Stats, limits: LinkLimits = linkLimits) {
    this.#host = host
    this.#stats = stats
    this.#limits = limits
  }

  get hasWork(): boolean {
    return this.#dirty.size > 0 || this.#held.size > 0
  }

  /** Whether another node has yet to confirm something. */
  get isWaiting(): boolean {
    for (const { out, isKnown } of this.#links.values()) if (out.size > 0 || !isKnown) return true
    return false
  }

  /** Whether {@link confirm} is to be called soon. */
  get isOwing(): boolean {
    return this.#late.size > 0
  }

  /** Bytes of messages that are not confirmed. */
  get bytes(): number {
    let bytes = 0
    for (const link of this.#links.values()) bytes += link.bytes
    return bytes
  }

  /** Bytes of messages that one node has not confirmed. */
  bytesTo(node: number): number {
    return this.#links.get(node)?.bytes ?? 0
  }

  /** Sends a message at the end of the sweep. It must not change afterwards. */
  send(node: number, message: Uint8Array): void {
    const link = this.#link(node)
    link.out.push(message)
    link.bytes += weigh(message)
    if (link.bytes > this.#limits.linkBytes) this.#break(link, link.epoch + 1)
    this.#dirty.set(node, link)
  }

  /** Part of the sweep: goes on with what has waited, tells of links that broke, and sends what is due. */
  sweep(now: number): void {
    for (const [node, held] of this.#held) {
      if (this.#host.isTaken()) break
      this.#goOn(node, held, now)
    }
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    for (const [node, link] of dirty) {
      this.#tell(node, link, now)
      this.#flush(node, link)
    }
  }

  /** Confirms in the next sweep what has come and no message has confirmed since. */
  confirm(): void {
    for (const [node, link] of this.#late) this.#owe(node, link)
    this.#late.clear()
  }

  /** A beat has passed: what has been under way since the last one may be lost, and is sent again. */
  beat(): void {
    for (const [node, link] of this.#links) {
      const { first } = link.out
      link.asked = 0
      if (!link.isKnown) this.#hail(node, link)
      const isUnderWay = link.at > first
      if (isUnderWay && link.oldest === first) this.#rewind(node, link, true)
      link.oldest = isUnderWay ? first : 0
    }
  }

  /** The bus carries messages again: what was under way is lost. */
  up(): void {
    for (const [node, link] of this.#links) this.#rewind(node, link, false)
  }

  /** A node has ended. */
  gone(node: number): void {
    this.#links.delete(node)
    this.#dirty.delete(node)
    this.#late.delete(node)
    this.#held.delete(node)
  }

  /** A packet of another node. */
  handle(from: number, bytes: Uint8Array, now: number): void {
    const packet = decode(bytes, this.#limits.linkBytes)
    const link = this.#link(from)
    if (packet === null || confirmsTooMuch(packet, link)) {
      this.#stats.strangers++
      return
    }
    const { epoch, flags } = packet
    if (epoch > link.epoch) this.#break(link, epoch)
    this.#tell(from, link, now)
    if (flags >= ANSWER || epoch < link.epoch) this.#owe(from, link)
    if (epoch < link.epoch) return
    link.isKnown = true
    this.#confirm(from, link, packet)
    if (this.#held.has(from) || !this.#take(from, link, packet, now)) this.#hold(from, link, packet)
  }

  /** Takes the messages of a packet in order. False: the rest of them wait. */
  #take(from: number, link: Link, { epoch, first, messages }: Packet, now: number): boolean {
    // What comes again was not confirmed, or that was lost; what is missing is asked for.
    if (messages.length > 0 && first !== link.expected) this.#owe(from, link)
    for (const [at, message] of messages.entries()) {
      const position = first + at
      if (position < link.expected) continue
      if (position > link.expected) {
        if (link.asked !== link.expected) link.flags |= AGAIN
        link.asked = link.expected
        return true
      }
      if (this.#host.isTaken()) return false
      link.expected++
      link.owed += weigh(message)
      this.#oweLate(from, link)
      this.#host.message(from, message, now)
      // The link may have broken over what was said.
      if (link.epoch !== epoch) return true
    }
    return true
  }

  /** Keeps what has yet to be taken; what is too much comes again. */
  #hold(from: number, link: Link, { epoch, flags, expected, first, messages }: Packet): void {
    const at = Math.min(messages.length, Math.max(0, link.expected - first))
    // Copied: they may be views of all that was read with them.
    const rest = messages.slice(at).map((message) => message.slice())
    const bytes = rest.reduce((sum, message) => sum + weigh(message), 0)
    const held = this.#held.get(from) ?? { packets: [], bytes: 0 }
    if (rest.length === 0 || held.bytes + bytes > 2 * this.#limits.linkWindow + this.#limits.linkPacket)
      return
    held.packets.push({ epoch, flags, expected, first: first + at, messages: rest })
    held.bytes += bytes
    this.#held.set(from, held)
  }

  /** Goes on with what has waited, as far as this sweep has time; then another node has its turn. */
  #goOn(node: number, held: Held, now: number): void {
    const link = this.#link(node)
    this.#held.delete(node)
    for (const [at, packet] of held.packets.entries()) {
      // What was said before may have shown that the node has ended.
      if (this.#links.get(node) !== link) return
      if (packet.epoch !== link.epoch || this.#take(node, link, packet, now)) continue
      const packets = held.packets.slice(at)
      const bytes = packets.flatMap(({ messages }) => messages).reduce((sum, each) => sum + weigh(each), 0)
      this.#held.set(node, { packets, bytes })
      return
    }
  }

  #confirm(node: number, link: Link, { expected, flags }: Packet): void {
    const { out } = link
    const { first } = out
    while (out.first < expected) {
      const size = weigh(out.shift())
      link.bytes -= size
      if (out.first <= link.at) link.flying -= size
    }
    link.at = Math.max(link.at, out.first)
    if (out.first > first) link.isStuck = false
    if ((flags & AGAIN) !== 0) this.#rewind(node, link, false)
    else if (link.at < out.next) this.#dirty.set(node, link)
  }

  #rewind(node: number, link: Link, isStuck: boolean): void {
    link.at = link.out.first
    link.flying = 0
    link.isStuck = isStuck
    if (link.out.size > 0) this.#dirty.set(node, link)
  }

  /** The other node may not know that the link broke: it is to say that it does. */
  #hail(node: number, link: Link): void {
    link.flags |= ANSWER
    this.#owe(node, link)
  }

  #owe(node: number, link: Link): void {
    link.owes = true
    this.#dirty.set(node, link)
  }

  /** It confirms with what is said next, soon in any case, and at once where its node may be waiting for that. */
  #oweLate(node: number, link: Link): void {
    if (link.owed >= this.#limits.linkWindow / 4) this.#owe(node, link)
    else this.#late.set(node, link)
  }

  #flush(node: number, link: Link): void {
    const { linkWindow, linkPacket } = this.#limits
    const { out } = link
    do {
      const w = scratch
      w.reset()
      w.byte(LINK)
      w.uint(link.epoch)
      w.uint(link.expected)
      w.byte(link.flags)
      w.uint(link.at)
      const { at } = link
      while (link.at < out.next && link.flying < linkWindow && (link.at === at || w.length < linkPacket)) {
        const message = out.get(link.at++)
        w.bytes(message)
        link.flying += weigh(message)
      }
      if (link.at === at && !link.owes) return
      link.owes = false
      link.owed = link.flags = 0
      this.#late.delete(node)
      this.#host.put(node, w.finish())
    } while (link.at < out.next && link.flying < linkWindow && !link.isStuck)
  }

  #break(link: Link, epoch: number): void {
    this.#stats.linksBroken++
    Object.assign(link, empty(epoch), { isBroken: true })
  }

  #tell(node: number, link: Link, now: number): void {
    if (!link.isBroken) return
    link.isBroken = false
    this.#hail(node, link)
    this.#host.broken(node, now)
  }

  #link(node: number): Link {
    let link = this.#links.get(node)
    if (link === undefined) {
      link = { ...empty(1), isBroken: false }
      this.#links.set(node, link)
    }
    return link
  }
}

function empty(epoch: number): Omit<Link, 'isBroken'> {
  return {
    epoch,
    out: new Ring(1),
    bytes: 0,
    at: 1,
    flying: 0,
    expected: 1,
    owes: false,
    owed: 0,
    flags: 0,
    isKnown: epoch === 1,
    asked: 0,
    oldest: 0,
    isStuck: false,
  }
}

function decode(bytes: Uint8Array, most: number): Packet | null {
  try {
    const r = new Reader(bytes)
    if (r.byte() !== LINK) return null
    const [epoch, expected, flags, first] = [r.uint(), r.uint(), r.byte(), r.uint()]
    if (epoch === 0 || expected === 0 || first === 0 || flags > (AGAIN | ANSWER)) return null
    const messages: Uint8Array[] = []
    while (r.left > 0) messages.push(r.bytes(most))
    return { epoch, expected, flags, first, messages }
  } catch {
    return null
  }
}

/** Whether a packet confirms messages that were never sent: in an epoch that begins with it, none has been. */
function confirmsTooMuch({ epoch, expected }: Packet, link: Link): boolean {
  if (epoch < link.epoch) return false
  return expected > (epoch === link.epoch ? link.out.next : 1)
}

function weigh(message: Uint8Array): number {
  return weights.bytes + message.length
}
