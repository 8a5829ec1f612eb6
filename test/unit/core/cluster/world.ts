import { expect } from 'vitest'
import { MemoryBus } from '../../../../src/bus/memory.ts'
import {
  type Bus,
  busListener,
  type MeetingLogic,
  type MeetingOptions,
  type RtmsNode,
} from '../../../../src/core/index.ts'
import { plain } from '../../../../src/core/meeting/business.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import type { LineageKeys, MoveOptions } from '../../../../src/core/ground/config.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import { Harness } from '../harness.ts'

/**
 * What became of a call about the name of a meeting: where it is, `new` if it was opened for this call, or the error.
 */
export type Answer = string

/** Real nodes of a cluster on one memory bus, all at one virtual time. */
export class World {
  readonly bus: MemoryBus
  readonly nodes: Harness[] = []
  /** Messages between these are lost: `from to`, by incarnation. */
  readonly cut: Set<string> = new Set()
  /** What a node sends to one other node is lost where it begins with one of these bytes. */
  readonly lostKinds: Set<number> = new Set()
  /** What these nodes send to all is lost. */
  readonly mute: Set<string> = new Set()
  /** Nodes that do nothing any more: a process that was killed or has stopped. */
  readonly #ended: Set<Harness> = new Set()
  /** Whether nodes that look for proof of an end find it. */
  hasProof = false
  now = 10_000
  /** Where the clients of one node, which call it by `host`, connect to another one. */
  urlOf: NonNullable<MoveOptions['urlOf']> = ({ address }) => address
  /** Decides about each message to each receiver whether the bus loses it. */
  isLost: () => boolean = () => false
  readonly #limits: ConstructorParameters<typeof Harness>[0]
  readonly #moves: 'members' | 'all' | undefined
  /** Bytes that each node has put on the bus for one other node, by the first byte of the message. */
  readonly sent: Map<Harness, Map<number, number>> = new Map()

  /** A keyed hash of these nodes: members' own logs are a source. */
  readonly #lineage: LineageKeys | undefined

  /** `moves`: see `MoveOptions`. */
  constructor(
    count: number,
    limits: ConstructorParameters<typeof Harness>[0] = {},
    moves?: 'members' | 'all',
    lineage?: LineageKeys,
  ) {
    this.#lineage = lineage
    this.#limits = limits
    this.#moves = moves
    this.bus = new MemoryBus(
      () => {},
      (from, to) => (this.cut.has(`${from} ${to}`) || this.isLost() ? 'lost' : 'arrives'),
    )
    for (let n = 0; n < count; n++) this.start()
  }

  /** `apart`: nodes that it does not hear, nor they it. */
  start(id = `n${this.nodes.length + 1}`, isEdge = false, apart: readonly Harness[] = []): Harness {
    const least = isEdge ? LEAST_EDGE : 2 ** 40
    const incarnation = least + (2 ** 36 + 1_000_003) * (this.nodes.length + 1)
    for (const { node } of apart) {
      this.cut.add(`${incarnation} ${node.incarnation}`)
      this.cut.add(`${node.incarnation} ${incarnation}`)
    }
    const sent = new Map<number, number>()
    const connect = (node: () => RtmsNode): Bus => {
      const port = this.bus.connect(
        incarnation,
        busListener((call) => {
          if (!this.#ended.has(h)) call(node(), h.now)
        }),
      )
      const send: Bus['send'] = (to, bytes) => {
        const kind = bytes[0] as number
        sent.set(kind, (sent.get(kind) ?? 0) + bytes.length)
        if (!this.lostKinds.has(kind)) port.send(to, bytes)
      }
      const publish: Bus['publish'] = (subject, bytes) => {
        if (!this.mute.has(id)) port.publish(subject, bytes)
      }
      return { ...port, send, publish }
    }
    const cluster = {
      address: `ws://${id}/rtms`,
      health: `http://${id}/healthz`,
      moves: this.#moves,
      lineage: this.#lineage,
      urlOf: ((...asked) => this.urlOf(...asked)) satisfies MoveOptions['urlOf'],
    }
    const h: Harness = new Harness(this.#limits, { id, incarnation, cluster, bus: connect })
    h.now = this.now
    this.nodes.push(h)
    this.sent.set(h, sent)
    this.settle()
    return h
  }

  get living(): Harness[] {
    return this.nodes.filter((h) => !this.#ended.has(h))
  }

  /** The bus delivers so often: what is sent takes that long at the most; 0: it takes no time. */
  hopMs = 0
  #deliveredAt = 0

  /** Sweeps and delivers until nothing happens any more. */
  settle(): void {
    for (let n = 0; n < 8; n++) {
      for (const h of this.living) h.settle()
      if (this.hopMs > 0 && this.now - this.#deliveredAt < this.hopMs) break
      this.#deliveredAt = this.now
      this.bus.deliver()
    }
    for (const h of this.living) h.settle()
    if (this.hasProof) this.#prove()
  }

  #prove(): void {
    for (const h of this.living)
      for (const { node } of h.watch.probed.splice(0))
        if (this.living.every((other) => other.node.incarnation !== node)) h.node.inlet.gone(node, this.now)
  }

  /** Lets time pass for all. */
  advance(ms: number): void {
    const end = this.now + ms
    const next = (): number => Math.min(...this.living.map((h) => h.node.deadline(this.now)))
    this.settle()
    for (let at = next(); at <= end; at = next()) this.#to(Math.max(this.now, at))
    this.#to(end)
  }

  #to(now: number): void {
    this.now = now
    for (const h of this.living) h.now = now
    this.settle()
  }

  /** A process is killed. `isProof`: the bus tells the others. */
  kill(h: Harness, isProof: boolean): void {
    this.#ended.add(h)
    if (isProof) this.bus.end(h.node.incarnation)
    else for (const other of this.nodes) this.cut.add(`${h.node.incarnation} ${other.node.incarnation}`)
    this.settle()
  }

  /** Nodes that stand still and whose clients are not told: their connections stay open. */
  readonly hanging: Set<Harness> = new Set()

  /**
   * A process stands still, as by SIGSTOP. Returns what lets it run again. `hangs`: its connections stay open, and
   * nothing comes through them; otherwise its clients see them end.
   */
  pause(h: Harness, hangs = false): () => void {
    this.#ended.add(h)
    if (hangs) this.hanging.add(h)
    return () => {
      this.#ended.delete(h)
      this.hanging.delete(h)
      h.now = this.now
      this.settle()
    }
  }

  /** A node says goodbye. */
  leave(h: Harness): void {
    h.node.drain(this.now)
    h.node.leave(this.now)
    this.settle()
    this.#ended.add(h)
  }

  /** Opens a meeting. What becomes of it is read by {@link answers}. */
  open(
    h: Harness,
    name: string,
    options: Partial<MeetingOptions> = {},
    logic: MeetingLogic | null = null,
  ): void {
    const business = { ...plain, logic }
    h.node.claimMeeting({ name }, { frameRate: 0, ...options }, this.now, business)
  }

  /** A name whose registrar is this node; another one for each prefix. */
  nameOf(registrar: Harness, prefix = 'room'): string {
    const view = new View(registrar.node.incarnation)
    for (const { node } of this.living) view.meet(node.incarnation)
    for (let n = 0; ; n++)
      if (view.registrarOf(`${prefix}.${n}`) === registrar.node.incarnation) return `${prefix}.${n}`
  }

  /** The answers that a node has had since it was last asked for them. */
  answers(h: Harness): Answer[] {
    return h.application.answers.splice(0).map(({ outcome }) => {
      if (!outcome.ok) return outcome.error.code
      const { owner, isNew } = outcome.value
      const id = this.nodes.find(({ node }) => node.incarnation === owner)?.node.id ?? 'nowhere'
      return isNew ? `new on ${id}` : id
    })
  }

  /** The nodes on which a meeting is open. */
  whereIs(name: string): string[] {
    return this.living.filter(({ node }) => node.meeting(name) !== undefined).map(({ node }) => node.id)
  }
}

/** Nodes that know each other. */
export function settled(
  count: number,
  limits?: ConstructorParameters<typeof Harness>[0],
  moves?: 'members' | 'all',
  lineage?: LineageKeys,
): World {
  const world = new World(count, limits, moves, lineage)
  world.advance(4_000)
  return world
}

/** That nothing of any meeting is left on a node. */
export function expectNothing({ node }: Harness): void {
  expect(node.peering?.mesh.size).toEqual({ replicas: 0, members: 0, hosted: { replicas: 0, members: 0 } })
  expect([node.logs.of.meeting, node.logs.of.user]).toEqual([0, 0])
  const names = ['mesh', 'grace', 'link', 'frame', 'ttl', 'reveal', 'parting']
  expect([...node.timersByName.keys()].filter((name) => names.includes(name))).toEqual([])
}
