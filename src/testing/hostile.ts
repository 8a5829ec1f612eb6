import {
  binaryCodec,
  closeCodes,
  type Codec,
  jsonCodec,
  type MessageOf,
  type ServerMessage,
  versions,
} from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import { mutate, randomMessage } from './fuzz.ts'
import { helloOf } from './growth.ts'
import { LinkPeer } from './link-peer.ts'
import { input, join, publish, request } from './messages.ts'
import { type Observer, violate } from './observer.ts'
import type { Random } from './random.ts'
import { profiles } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { textPayload } from './text.ts'
import { encodeToken, type Claims } from './tokens.ts'

const USER = 'mallory'

/** The tricks of a hostile peer. */
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
  'another version',
  'crowd of sessions',
  'many keys',
  'many questions',
  'requests without end',
] as const

/** Tricks without a valid HELLO before them. */
const silent: ReadonlySet<(typeof tricks)[number]> = new Set([
  'wrong order',
  'mute',
  'theft',
  'forgery',
  'another version',
])

/**
 * A peer that obeys no rule, one connection after the other. No other client may be affected, and nothing may throw.
 */
export class Hostile {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #observer: Observer
  readonly #node: () => SimNode
  readonly #issue: () => Claims
  /** Other clients' session ids that it knows. */
  readonly #sessions: () => readonly string[]
  readonly #address: string
  #peer: LinkPeer | null = null
  /** The log of the last meeting that it was admitted to. */
  #log = 1

  constructor(
    clock: VirtualClock,
    settings: {
      random: Random
      observer: Observer
      node: () => SimNode
      issue: (user: { readonly id: number; readonly user: string }) => Claims
      sessions: () => readonly string[]
      /** Where it connects from; '' where connections are not counted by address. */
      address: string
    },
  ) {
    this.#clock = clock
    this.#random = settings.random
    this.#observer = settings.observer
    this.#node = settings.node
    this.#issue = () => ({ ...settings.issue({ id: 0, user: USER }), rights: 'hostile' })
    this.#sessions = settings.sessions
    this.#address = settings.address
  }

  /** Plays one trick on a new connection; the previous connection is dropped or left alone. */
  act(): void {
    if (this.#random.chance(0.7)) this.#peer?.link.hangUp(this.#random.chance(0.5))
    const trick = this.#random.pick(tricks)
    this.#observer.hostile?.(trick)
    this.#connect(trick)
  }

  #connect(trick: (typeof tricks)[number], plays = true): void {
    const codec = this.#random.chance(0.3) ? jsonCodec : binaryCodec
    void new LinkPeer(this.#clock, this.#node(), {
      codec,
      profile: profiles[0],
      address: this.#address,
      answers: false,
      opened: (peer) => {
        this.#peer = peer
        if (!silent.has(trick)) this.#hello(peer, '')
        if (plays) this.#play(trick, peer)
      },
      closed: (code) => this.#observer.hostile?.(`closed with ${code}`),
      heard: (message) => this.#hear(trick, message),
    })
  }

  /** The only message it heeds: the session it was given. */
  #hear(trick: (typeof tricks)[number], message: ServerMessage): void {
    if (message.type === 'welcome' && message.user !== USER)
      violate('I12', `a hostile peer was welcomed as ${message.user}`)
    if (message.type === 'joined') this.#log = message.log
    if (trick === 'another version' && message.type === 'goodbye') this.#hearVersions(message)
  }

  /** An unknown version is answered with the spoken ones, whatever bytes follow it. */
  #hearVersions({ code, least, most }: MessageOf<'goodbye'>): void {
    if (code === closeCodes.PROTOCOL && (least !== versions.least || most !== versions.most))
      violate('versions', `a HELLO of another version was answered with versions ${least} to ${most}`)
  }

  #hello(peer: LinkPeer, session: string, token = encodeToken(this.#issue())): void {
    const window = this.#random.pick([0, 100, 131_072])
    peer.hello(token, { client: 'evil', session, received: 0, window })
  }

  #play(trick: (typeof tricks)[number], peer: LinkPeer): void {
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
      case 'crowd of sessions':
        for (let i = 0; i < 40; i++) this.#connect(trick, false)
        return
      case 'many keys':
        for (let i = 0; i < 60; i++)
          peer.send(publish(i + 1, 'h.k', textPayload('x'.repeat(500)), { key: `${random.int(0, 9_999)}` }))
        return
      case 'many questions':
        for (let i = 0; i < 100; i++) peer.subscribe(`h.${random.int(0, 9_999)}`)
        return
      case 'requests without end':
        for (let i = 0; i < 100; i++) peer.request('hold', textPayload('x'), 60_000)
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
      case 'another version':
        peer.link.send(helloOf(random.pick([2, 3, 1_000]), random, peer.codec))
        return
      case 'last number':
        this.#useUp(peer)
        return
      case 'forgery':
        this.#hello(peer, '', random.pick(['', 'x'.repeat(8_000), '{"user":"u1"}', 'null', '[]']))
    }
  }

  /** Sends the highest seq of an input and leaves: the next member of the slot would have none left. */
  #useUp(peer: LinkPeer): void {
    const data = textPayload('last')
    this.#join(peer)
    this.#clock.after(100, () =>
      peer.send(input(this.#log, Number.MAX_SAFE_INTEGER, data), { type: 'leave', call: 2, log: this.#log }),
    )
  }

  #join(peer: LinkPeer): void {
    peer.send(join(1, 'h0'))
  }

  #anything(codec: Codec): Uint8Array {
    try {
      return codec.encode([randomMessage(this.#random)])
    } catch {
      // JSON has no form for malformed frame bytes.
      return this.#random.bytes(20)
    }
  }

  /** Inputs as a member and as a stranger, invalid names, more than any queue holds. */
  #floodCalls(peer: LinkPeer): void {
    const random = this.#random
    const data = textPayload('flood')
    this.#join(peer)
    this.#clock.after(100, () => {
      for (let n = 1; n < 60; n++) {
        const log = random.chance(0.5) ? this.#log : random.int(1, 9)
        const large = textPayload('x'.repeat(300))
        const topic = random.pick(['h.t', 'm0', '*', 't1'])
        peer.send(
          input(log, random.int(1, n), random.chance(0.1) ? large : data),
          request(3 * n, random.pick(['sim', '..']), data, 500),
          publish(3 * n + 1, topic, data),
          { type: 'unsubscribe', call: 3 * n + 2, logs: [{ log }] },
        )
      }
    })
  }

  /** Some messages go at once, some later, whatever the node has done to the connection meanwhile. */
  #often(times: number, action: () => void): void {
    for (let i = 0; i < times; i++) this.#clock.after(this.#random.int(0, 400), action)
  }

  /** Vanishes without closing. */
  vanish(): void {
    this.#peer?.link.swallow()
  }
}
