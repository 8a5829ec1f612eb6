import { busListener } from '../../../../src/core/index.ts'
import { decodeCluster, encodeCluster, NODES } from '../../../../src/core/cluster/messages.ts'
import type { ClusterMessage, Heartbeat } from '../../../../src/core/cluster/messages.ts'
import { linked } from '../../../../src/core/cluster/link-messages.ts'
import { LINK, Links } from '../../../../src/core/cluster/links.ts'
import { encodeMesh, type MeshMessage } from '../../../../src/core/cluster/mesh-messages.ts'
import { questionKinds } from '../../../../src/core/cluster/question-kinds.ts'
import { Stats } from '../../../../src/core/ground/stats.ts'
import { Reader, Writer } from '../../../../src/protocol/bytes.ts'
import type { MemoryPort } from '../../../../src/bus/memory.ts'
import type { Harness } from '../harness.ts'
import { load } from './rig.ts'
import type { World } from './world.ts'

/** A node of the cluster that says whatever the test wants: it knows the secret, and is broken. */
export class Rogue {
  readonly incarnation: number
  readonly port: MemoryPort
  /** What others have sent it over links, and what they have said of the cluster, by the sender. */
  readonly linked: { readonly from: number; readonly bytes: Uint8Array }[] = []
  readonly told: { readonly from: number; readonly message: ClusterMessage }[] = []
  readonly links: Links
  readonly #world: World
  /** The view of the others, as one of them told. */
  view = 0

  constructor(world: World, incarnation = 2 ** 41 + 7) {
    this.#world = world
    this.incarnation = incarnation
    this.links = new Links(
      {
        put: (node, bytes) => this.port.send(node, bytes),
        message: (from, bytes) => this.linked.push({ from, bytes: bytes.slice() }),
        broken: () => {},
        isTaken: () => false,
      },
      new Stats(),
    )
    this.port = world.bus.connect(
      incarnation,
      busListener((call) => call(this as never, 0)),
    )
  }

  /** The listener of the bus calls these. */
  readonly inlet = {
    message: (subject: string, bytes: Uint8Array, from: number): void => {
      if (subject === NODES) this.#hear(from, bytes)
    },
    sent: (bytes: Uint8Array, from: number): void => {
      if (bytes[0] === LINK) this.links.handle(from, bytes, 0)
      else this.#hear(from, bytes)
    },
    down: (): void => {},
    back: (): void => this.port.subscribe(NODES),
    gone: (): void => {},
  }

  #hear(from: number, bytes: Uint8Array): void {
    const message = decodeCluster(bytes)
    if (message === null) return
    if ('view' in message) this.view = message.view
    this.told.push({ from, message })
  }

  beat(parts: Partial<Heartbeat> = {}): void {
    const health = `http://${this.incarnation}/healthz`
    const facts = {
      id: 'rogue',
      address: '',
      health,
      isSettled: true,
      leaves: false,
      isDraining: false,
      load,
    }
    this.port.publish(NODES, encodeCluster({ type: 'heartbeat', view: this.view, ...facts, ...parts }))
  }

  /** Beats until it is met, and for as long. */
  meet(ms = 1_000): void {
    for (let at = 0; at < ms; at += 500) {
      this.beat()
      this.#world.advance(500)
    }
  }

  send(to: Harness, message: ClusterMessage): void {
    this.port.send(to.node.incarnation, encodeCluster(message))
  }

  /** Sends over its link, all in one turn. */
  say(to: Harness, ...messages: Uint8Array[]): void {
    for (const each of messages) this.links.send(to.node.incarnation, each)
    this.carry()
  }

  mesh(to: Harness, ...messages: MeshMessage[]): void {
    this.say(to, ...messages.map((each) => encodeMesh(each)))
  }

  /** Answers the last question for what it keeps of a topic, again and again: `count` entries in each answer. */
  keep(to: Harness, count: number, size: number, rounds = 5): void {
    let number = 0
    for (let round = 0; round < rounds; round++) {
      const asked = this.linked.findLast(({ bytes }) => bytes[0] === linked.questions && bytes[1] === 0)
      if (asked === undefined) throw new Error('it was not asked')
      const r = new Reader(asked.bytes, 2)
      const w = new Writer()
      w.byte(linked.questions)
      w.byte(1)
      w.uint(r.uint())
      const entries = Array.from({ length: count }, () => ({
        source: this.incarnation,
        number: ++number,
        stamp: number,
        isOld: false,
        key: '',
        tombstone: false,
        data: { text: false, bytes: new Uint8Array(size) },
      }))
      questionKinds.kept.answer.write(w, [{ entries, next: number + 1, heads: [] }])
      this.say(to, w.finish())
    }
  }

  /** Carries what waits on its links, and what the others answer. */
  carry(): void {
    for (let n = 0; n < 50 && (n === 0 || this.links.hasWork); n++) {
      this.links.sweep(0)
      this.#world.settle()
    }
  }
}
