import { MemoryBus } from '../bus/memory.ts'
import { defaultLimits } from '../core/index.ts'
import { binaryCodec, jsonCodec } from '../protocol/index.ts'
import { allCheckers } from './checkers/index.ts'
import { VirtualClock } from './clock.ts'
import { type Observer, Violation } from './observer.ts'
import { Random } from './random.ts'
import { drawReading, drawScenario, type Fault, type Scenario } from './scenario.ts'
import { SimClient } from './sim-client.ts'
import { SimNode } from './sim-node.ts'
import { textPayload } from './text.ts'
import { Trace } from './trace.ts'

/** Wall time at virtual time 0. */
const WALL_OFFSET = 1_700_000_000_000
const KEYS = ['a', 'b', 'c', 'd'] as const

export interface RunResult {
  readonly seed: number
  /** Of everything that was observed: the same seed gives the same hash. */
  readonly hash: string
  readonly scenario: Scenario
  /** How often each kind of thing was observed. */
  readonly counts: ReadonlyMap<string, number>
}

/** A run that broke a promise: which one, at what virtual time, and what was seen just before. */
export class SeedFailure extends Error {
  readonly seed: number
  readonly invariant: string

  constructor(seed: number, cause: unknown, now: number, recent: readonly string[]) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(
      [
        `seed ${seed} at ${now.toFixed(1)} ms: ${reason}`,
        `replay: npm run simulate -- --seed ${seed}`,
        ...recent,
      ].join('\n'),
      { cause },
    )
    this.seed = seed
    this.invariant = cause instanceof Violation ? cause.invariant : 'crash'
  }
}

/** Runs one seed: the real core and the real client machine under faults, every checker watching. Throws a {@link SeedFailure}. */
export function runSeed(seed: number, options: { readonly trace?: (line: string) => void } = {}): RunResult {
  const run = new Run(seed, options.trace)
  try {
    run.play()
  } catch (error) {
    throw new SeedFailure(seed, error, run.clock.now, run.trace.recent)
  }
  return { seed, hash: run.trace.hash, scenario: run.scenario, counts: run.trace.counts }
}

/** One world and its history. One generator per concern, so that a change to one does not move the others. */
class Run {
  readonly clock: VirtualClock = new VirtualClock()
  readonly scenario: Scenario
  readonly trace: Trace
  readonly #network: Random
  readonly #fate: Random
  readonly #work: Random
  readonly #observer: Observer
  readonly #bus: MemoryBus
  readonly #nodes: SimNode[] = []
  readonly #clients: SimClient[] = []
  #lastClient = 0
  #published = 0
  #working = true
  #healthy = false

  constructor(seed: number, print?: (line: string) => void) {
    this.scenario = drawScenario(new Random(seed))
    this.#network = new Random(seed ^ 0x1111)
    this.#fate = new Random(seed ^ 0x2222)
    this.#work = new Random(seed ^ 0x3333)
    this.trace = new Trace(() => this.clock.now, print)
    const writeBytes = this.scenario.limits.writeBytes ?? defaultLimits.writeBytes
    this.#observer = fanOut([this.trace, ...allCheckers(writeBytes)])
    this.#bus = new MemoryBus(() => this.clock.after(1, () => this.#bus.deliver()))
  }

  play(): void {
    const { scenario, clock } = this
    for (let i = 0; i < scenario.nodes; i++) this.#startNode(i)
    for (let i = 0; i < scenario.clients; i++) this.#startClient()
    this.#every(100, () => this.#publishSome())
    const { faulty, recovery, well, quiet } = scenario.phases
    for (let at = 0; at < faulty; at += 500) clock.at(at + this.#fate.int(0, 499), () => this.#misfortune())
    clock.runTo(faulty)
    this.#heal()
    clock.runTo(faulty + recovery)
    this.#healthy = true
    for (const client of this.#clients) client.healthy = true
    clock.runTo(faulty + recovery + well)
    this.#working = false
    clock.runTo(faulty + recovery + well + quiet)
    this.#observer.rest?.(
      this.#nodes.map(({ core }) => core),
      this.#clients.map(({ resting }) => resting),
    )
  }

  #every(interval: number, action: () => void): void {
    this.clock.after(interval, () => {
      if (!this.#working) return
      action()
      this.#every(interval, action)
    })
  }

  // ---- the world

  #startNode(index: number): void {
    const node: SimNode = new SimNode(
      this.clock,
      (made) =>
        this.#bus.connect((topic, bytes) => made.do((core, now) => core.handleBus(topic, bytes, now))),
      {
        name: `n${index}`,
        incarnation: this.#network.int(1, 2 ** 31 - 1),
        limits: this.scenario.limits,
        random: this.#network,
        observer: this.#observer,
        wallOffset: WALL_OFFSET,
      },
    )
    this.#nodes[index] = node
    node.do((core, now) => {
      core.askFirst(this.scenario.asks)
      core.defineTopics('*', this.scenario.retention)
      for (const { name, frameRate } of this.scenario.meetings) core.openMeeting(name, { frameRate }, now)
    })
  }

  #startClient(): void {
    const id = ++this.#lastClient
    const node = this.#work.int(0, this.scenario.nodes - 1)
    const client = new SimClient(this.clock, {
      id,
      user: `u${this.#work.int(1, 4)}`,
      node,
      nodeNow: () => this.#nodes[node] as SimNode,
      codec: this.#work.chance(0.3) ? jsonCodec : binaryCodec,
      window: this.scenario.window,
      random: this.#network,
      profile: this.#network.pick(this.scenario.links),
      observer: this.#observer,
    })
    client.healthy = this.#healthy
    this.#clients.push(client)
    client.start()
    for (const { name } of this.scenario.meetings)
      if (this.#work.chance(0.7)) client.join(name, this.#work.chance(0.2))
    for (const topic of this.scenario.topics) {
      if (this.#work.chance(0.7)) client.subscribe(topic, drawReading(this.#work))
    }
    this.#every(this.#work.int(100, 400), () => this.#act(client))
  }

  // ---- work

  #act(client: SimClient): void {
    if (client.closed) return
    const dice = this.#work.unit()
    const meeting = this.#work.pick(this.scenario.meetings).name
    if (dice < 0.6) client.input(meeting)
    else if (dice < 0.75) client.request(this.#work.pick([500, 2_000, 5_000]))
    else if (dice < 0.8) {
      if (client.seats.has(meeting)) client.leave(meeting)
      else client.join(meeting, this.#work.chance(0.2))
    } else if (dice < 0.85) {
      const topic = this.#work.pick(this.scenario.topics)
      if (client.readers.has(topic)) client.unsubscribe(topic)
      else client.subscribe(topic, drawReading(this.#work))
    } else this.#push(client.user)
  }

  #push(user: string): void {
    const text = `push ${user} ${++this.#published}`
    for (const node of this.#nodes) node.do((core) => core.push(user, 'sim', textPayload(text)))
  }

  #publishSome(): void {
    const burst = this.#work.chance(0.1) ? 20 : 1
    for (let i = 0; i < burst; i++) {
      const topic = this.#work.pick(this.scenario.topics)
      const keyed = topic.startsWith('k')
      this.#publish(
        this.#work.pick(this.#nodes),
        topic,
        keyed ? this.#work.pick(KEYS) : '',
        keyed && this.#work.chance(0.1),
      )
    }
  }

  #publish(node: SimNode, topic: string, key: string, tombstone: boolean): void {
    const text = `publication ${topic} ${++this.#published}`
    node.do((core, now) => {
      const pressure = core.publish(topic, textPayload(text), key, tombstone, now)
      if (typeof pressure === 'number')
        this.#observer.published?.(node.incarnation, topic, text, key, tombstone)
    })
  }

  // ---- misfortune

  #misfortune(): void {
    if (this.scenario.faults.length === 0) return
    const fault = this.#fate.pick(this.scenario.faults)
    const client = this.#fate.pick(this.#clients)
    this.#observer.fault?.(`${fault} client ${client.id}`)
    this.#befall(fault, client)
  }

  #befall(fault: Fault, client: SimClient): void {
    const { link } = client
    const node = client.node
    switch (fault) {
      case 'stall': {
        const direction = this.#fate.pick(['up', 'down', 'both'] as const)
        link?.stall(direction, true)
        this.clock.after(this.#fate.int(50, 3_000), () => link?.stall(direction, false))
        return
      }
      case 'reset':
        link?.reset()
        return
      case 'half-open':
        link?.swallow()
        return
      case 'restart-client':
        if (this.#fate.chance(0.5)) client.kill()
        else client.quit()
        this.#clients.splice(this.#clients.indexOf(client), 1)
        this.#startClient()
        return
      case 'reopen-meeting': {
        const { name, frameRate } = this.#fate.pick(this.scenario.meetings)
        this.#nodes[node]?.do((core) => core.closeMeeting(name))
        this.clock.after(this.#fate.int(0, 500), () =>
          this.#nodes[node]?.do((core, now) => void core.openMeeting(name, { frameRate }, now)),
        )
        return
      }
      case 'restart-node': {
        this.#nodes[node]?.kill()
        for (const other of this.#clients) if (other.node === node) other.link?.reset()
        this.#startNode(node)
        return
      }
      case 'flood':
        for (let i = 0; i < 40; i++) client.input(this.#fate.pick(this.scenario.meetings).name)
        for (let i = 0; i < 10; i++) client.request(2_000)
        return
    }
  }

  /** Every link is good from now on; one that swallows is cut, as a network that comes back cuts it. */
  #heal(): void {
    this.#observer.fault?.('healed')
    for (const { name, frameRate } of this.scenario.meetings) {
      for (const node of this.#nodes) node.do((core, now) => core.openMeeting(name, { frameRate }, now))
    }
    for (const { link } of this.#clients) {
      link?.stall('both', false)
      if (link?.swallows === true) link.reset()
    }
  }
}

/** One observer that passes everything on. */
function fanOut(observers: readonly Observer[]): Observer {
  const all: Record<string, (...args: unknown[]) => void> = {}
  for (const name of Trace.kinds) {
    const heard = observers.filter((observer) => name in observer)
    all[name] = (...args) => {
      for (const observer of heard)
        (observer as Record<string, (...args: unknown[]) => void>)[name]?.(...args)
    }
  }
  return all
}
