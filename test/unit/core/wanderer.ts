import type { ServerMessage } from '../../../src/protocol/index.ts'
import { Follower } from '../../../src/testing/index.ts'
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
  readonly #follower: Follower = new Follower()
  peer: Peer
  /** Every push, publication and frame, in the order in which they came. */
  readonly pushes: string[] = []
  readonly texts: string[] = []
  readonly frames: number[] = []
  readonly recovered: boolean[] = []

  constructor(h: Harness, user: string) {
    this.#h = h
    this.#user = user
    this.peer = this.connect()
  }

  connect(): Peer {
    const follower = this.#follower
    const peer = this.#h.open(undefined, '', follower)
    this.peer = peer
    peer.hello(this.#user)
    peer.continue(1_000 * (this.recovered.length + 1))
    peer.join('m', follower.join('m'))
    peer.subscribe('t', follower.wish('t'))
    this.#h.settle()
    this.listen()
    return peer
  }

  /** Takes in what has come. */
  listen(): void {
    for (const message of this.peer.take()) this.#hear(message)
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'joined') this.recovered.push(message.recovered)
    else if (message.type === 'push') this.pushes.push(textOf(message.data))
    else if (message.type === 'frames') this.frames.push(...framesOf([message]).map(({ number }) => number))
    else if (message.type === 'publications')
      this.texts.push(...publicationsOf([message]).map(({ data }) => textOf(data)))
    else if (message.type === 'gap' || message.type === 'failed') throw new Error(JSON.stringify(message))
  }
}
