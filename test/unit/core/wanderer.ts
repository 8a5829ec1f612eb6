import { isOfSessionLog, nowhere, type Position, type ServerMessage } from '../../../src/protocol/index.ts'
import { framesOf, type Harness, type Peer, publicationsOf, textOf } from './harness.ts'

/** Time passes, and these clients answer pings. */
export function alive(h: Harness, ms: number, ...peers: Peer[]): void {
  for (const end = h.now + ms; h.now < end;) {
    h.advance(Math.min(4_000, end - h.now))
    for (const peer of peers) peer.send({ type: 'pong', echo: 0, time: 0, lateness: 0 })
  }
}

/** A client in meeting `m` and topic `t` that comes back as the real one does: with the position it has reached. */
export class Wanderer {
  readonly #h: Harness
  readonly #user: string
  peer: Peer
  /** Every push, publication and frame, in the order in which they came. */
  readonly pushes: string[] = []
  readonly texts: string[] = []
  readonly frames: number[] = []
  readonly recovered: boolean[] = []
  #session = ''
  #received = 0
  #world = 0
  #since: Position = nowhere

  constructor(h: Harness, user: string) {
    this.#h = h
    this.#user = user
    this.peer = h.open()
    this.#greet()
  }

  connect(): void {
    this.peer = this.#h.open()
    this.#greet()
  }

  #greet(): void {
    this.peer.hello(this.#user, { session: this.#session, received: this.#received })
    this.peer.continue(1_000 * (this.recovered.length + 1))
    this.peer.join('m', { world: this.#world, next: this.#world === 0 ? 0 : (this.frames.at(-1) ?? 0) + 1 })
    this.peer.subscribe('t', { since: this.#since })
    this.#h.settle()
    this.listen()
  }

  /** Takes in what has come. */
  listen(): void {
    for (const message of this.peer.take()) this.#hear(message)
  }

  #hear(message: ServerMessage): void {
    if (isOfSessionLog(message.type)) this.#received++
    if (message.type === 'welcome') {
      this.#session = message.session
      this.#received = message.received
    } else if (message.type === 'joined') {
      this.#world = message.world
      this.recovered.push(message.recovered)
    } else if (message.type === 'subscribed') this.#since = message.position
    else if (message.type === 'push') this.pushes.push(textOf(message.data))
    else if (message.type === 'frames') this.frames.push(...framesOf([message]).map(({ number }) => number))
    else if (message.type === 'publications') {
      for (const { at, data } of publicationsOf([message])) {
        this.#since = { ...this.#since, at: at + 1 }
        this.texts.push(textOf(data))
      }
    } else if (message.type === 'gap' || message.type === 'failed') throw new Error(JSON.stringify(message))
  }
}
