import type { Connection } from '../core/index.ts'
import { binaryCodec, type ClientMessage, type Codec, jsonCodec } from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import { mutate, randomMessage } from './fuzz.ts'
import { Link } from './link.ts'
import { type Observer, violate } from './observer.ts'
import type { Random } from './random.ts'
import { profiles } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { textPayload } from './text.ts'
import { encodeToken, type Claims } from './tokens.ts'

const USER = 'mallory'

/** What a hostile peer tries. Most say a valid HELLO first. */
const tricks = [
  'garbage',
  'mutants',
  'anything',
  'wrong order',
  'silence',
  'mute',
  'flood of calls',
  'flood of pings',
  'false acks',
  'theft',
  'forgery',
  'last number',
] as const

interface Peer {
  readonly link: Link
  readonly codec: Codec
  send(...messages: ClientMessage[]): void
}

/** A peer that keeps no rule, one connection after the other. Nobody else may feel it, and nothing may throw. */
export class Hostile {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #observer: Observer
  readonly #node: () => SimNode
  readonly #issue: () => Claims
  /** Sessions of others that it has heard of. */
  readonly #sessions: () => readonly string[]
  #peer: Peer | null = null
  /** The log of the meeting it was let into last. */
  #log = 1

  constructor(
    clock: VirtualClock,
    settings: {
      random: Random
      observer: Observer
      node: () => SimNode
      issue: (user: { readonly id: number; readonly user: string }) => Claims
      sessions: () => readonly string[]
    },
  ) {
    this.#clock = clock
    this.#random = settings.random
    this.#observer = settings.observer
    this.#node = settings.node
    this.#issue = () => ({ ...settings.issue({ id: 0, user: USER }), rights: 'hostile' })
    this.#sessions = settings.sessions
  }

  /** One trick on a new connection; the one before is dropped, or left to itself. */
  act(): void {
    if (this.#random.chance(0.7)) this.#peer?.link.hangUp(this.#random.chance(0.5))
    const codec = this.#random.chance(0.3) ? jsonCodec : binaryCodec
    const trick = this.#random.pick(tricks)
    this.#observer.hostile?.(trick)
    this.#open(codec, (peer) => {
      this.#peer = peer
      if (trick !== 'wrong order' && trick !== 'mute' && trick !== 'theft' && trick !== 'forgery')
        this.#hello(peer, '')
      this.#play(trick, peer)
    })
  }

  #open(codec: Codec, ready: (peer: Peer) => void): void {
    const node = this.#node()
    let connection: Connection | undefined
    const touch = (action: (opened: Connection) => void): void => {
      const opened = connection
      if (opened !== undefined) action(opened)
    }
    const link: Link = new Link(this.#clock, profiles[0], {
      clientPacket: (packet) => this.#hear(codec, packet),
      clientClose: (code) => this.#observer.hostile?.(`closed with ${code}`),
      nodePacket: (packet) =>
        touch((opened) => node.do((core, now) => core.handlePacket(opened, packet, now))),
      nodeDrain: () => touch((opened) => node.do((core) => core.handleDrain(opened))),
      nodeClose: (final) => touch((opened) => node.do((core, now) => core.handleClose(opened, final, now))),
      written: () => {},
      closing: () => {},
    })
    node.open(link, codec, (opened) => {
      connection = opened
      ready({ link, codec, send: (...messages) => link.send(codec.encode(messages)) })
    })
  }

  /** It reads nothing but this: whose session it was given. */
  #hear(codec: Codec, packet: Uint8Array): void {
    for (const message of codec.decode(packet, 'server')) {
      if (message.type === 'welcome' && message.user !== USER)
        violate('I12', `a hostile peer was welcomed as ${message.user}`)
      if (message.type === 'joined') this.#log = message.log
    }
  }

  #hello(peer: Peer, session: string, token = encodeToken(this.#issue())): void {
    const window = this.#random.pick([0, 100, 131_072])
    peer.send({ type: 'hello', version: 1, features: 0, client: 'evil', token, session, received: 0, window })
  }

  #play(trick: (typeof tricks)[number], peer: Peer): void {
    const random = this.#random
    switch (trick) {
      case 'garbage':
        this.#often(20, () => peer.link.send(random.bytes(random.int(0, 100))))
        return
      case 'mutants':
        this.#often(20, () => peer.link.send(mutate(random, this.#anything(peer.codec))))
        return
      case 'anything':
        this.#often(30, () => peer.link.send(this.#anything(peer.codec)))
        return
      case 'wrong order':
        peer.link.send(this.#anything(peer.codec))
        this.#hello(peer, '')
        this.#hello(peer, '')
        return
      case 'mute':
      case 'silence':
        return
      case 'flood of calls':
        this.#floodCalls(peer)
        return
      case 'flood of pings':
        for (let i = 0; i < 20; i++)
          peer.send(...Array.from({ length: 200 }, (_, time) => ({ type: 'ping', time }) as const))
        return
      case 'false acks':
        this.#often(5, () =>
          peer.send({ type: 'ack', bytes: random.int(0, 10_000), received: random.int(0, 9), seen: [] }),
        )
        return
      case 'theft': {
        const sessions = this.#sessions()
        if (sessions.length > 0) this.#hello(peer, random.pick(sessions))
        return
      }
      case 'last number':
        this.#useUp(peer)
        return
      case 'forgery':
        this.#hello(peer, '', random.pick(['', 'x'.repeat(8_000), '{"user":"u1"}', 'null', '[]']))
    }
  }

  /** The last number an input can have, and away: whoever has the slot next would have none left. */
  #useUp(peer: Peer): void {
    const data = textPayload('last')
    this.#join(peer)
    this.#clock.after(100, () =>
      peer.send(
        { type: 'input', log: this.#log, seq: Number.MAX_SAFE_INTEGER, after: 0, seen: 0, data },
        { type: 'leave', call: 2, log: this.#log },
      ),
    )
  }

  #join(peer: Peer): void {
    peer.send({ type: 'join', call: 1, meeting: 'h0', spectator: false, config: '', world: 0, next: 0 })
  }

  #anything(codec: Codec): Uint8Array {
    try {
      return codec.encode([randomMessage(this.#random)])
    } catch {
      // JSON has no form for bytes that are no frames.
      return this.#random.bytes(20)
    }
  }

  /** Inputs of a member and of nobody, names that are none, more than any queue holds. */
  #floodCalls(peer: Peer): void {
    const random = this.#random
    const data = textPayload('flood')
    this.#join(peer)
    this.#clock.after(100, () => {
      for (let n = 1; n < 60; n++) {
        const log = random.chance(0.5) ? this.#log : random.int(1, 9)
        const large = textPayload('x'.repeat(300))
        const topic = random.pick(['h.t', 'm0', '*', 't1'])
        peer.send(
          {
            type: 'input',
            log,
            seq: random.int(1, n),
            after: 0,
            seen: 0,
            data: random.chance(0.1) ? large : data,
          },
          { type: 'request', call: 3 * n, method: random.pick(['sim', '..']), timeout: 500, data },
          { type: 'publish', call: 3 * n + 1, topic, key: '', tombstone: false, data },
          { type: 'unsubscribe', call: 3 * n + 2, logs: [{ log }] },
        )
      }
    })
  }

  /** Some at once, some later: whatever the node has done to the connection meanwhile. */
  #often(times: number, action: () => void): void {
    for (let i = 0; i < times; i++) this.#clock.after(this.#random.int(0, 400), action)
  }

  /** It vanishes without a word. */
  vanish(): void {
    this.#peer?.link.swallow()
  }
}
