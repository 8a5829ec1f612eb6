import { MemoryBus } from '../bus/memory.ts'
import { type Bus, busListener, type Stats } from '../core/index.ts'
import { binaryCodec, jsonCodec } from '../protocol/index.ts'
import { Business } from './business.ts'
import { allCheckers } from './checkers/index.ts'
import { VirtualClock } from './clock.ts'
import { Hostile } from './hostile.ts'
import { befall, type World } from './misfortune.ts'
import { fanOut } from './fan-out.ts'
import { Incarnations } from './incarnations.ts'
import type { Observer, Phase } from './observer.ts'
import { Random } from './random.ts'
import { drawReading, drawScenario, faultKinds, type Scenario, type Smaller } from './scenario.ts'
import { SimApplication } from './sim-application.ts'
import { MachineClient } from './machine-client.ts'
import { PublicClient } from './public-client.ts'
import type { SimClient } from './sim-client.ts'
import { type RunOptions, type RunResult, SeedFailure } from './seed-run.ts'
import { SimNode } from './sim-node.ts'
import { tally } from './sometimes.ts'
import { Strikes } from './strikes.ts'
import { Trace } from './trace.ts'
import { Turns } from './turns.ts'

/** Time between possible faults, in milliseconds. */
const MISFORTUNE_MS = 150
/** After this long, in milliseconds, only the sessions of vanished clients are left. */
const DESERTED_MS = 20_000
/** Longer than any session is kept and any topic may be idle, with the limits of a scenario, in milliseconds. */
const EMPTY_MS = 70_000

/**
 * Runs one seed: the real core and the real client machine under faults, every checker watching. Throws a {@link
 * SeedFailure}.
 */
export async function runSeed(seed: number, { trace, smaller = {} }: RunOptions = {}): Promise<RunResult> {
  const run = new Run(seed, smaller, trace)
  try {
    await run.play()
  } catch (error) {
    throw new SeedFailure({ seed, isCluster: false, smaller }, error, run.clock.now, run.trace.recent)
  }
  return { seed, hash: run.trace.hash, scenario: run.scenario, counts: run.trace.counts }
}

/** What survives a page's reload: its address, and what it does when it is loaded. */
type Page = Pick<SimClient, 'user' | 'node' | 'seats'>

/** One world and its history. One generator per concern, so that a change to one does not move the others. */
class Run implements World {
  readonly clock: VirtualClock = new VirtualClock()
  readonly scenario: Scenario
  readonly trace: Trace
  readonly observer: Observer
  readonly business: Business
  readonly nodes: SimNode[] = []
  readonly clients: SimClient[] = []
  readonly meetings: readonly string[]
  readonly topics: readonly string[]
  readonly #seed: number
  readonly #network: Random
  readonly #work: Random
  readonly #turns: Turns = new Turns(this.clock)
  readonly #strikes: Strikes
  readonly #incarnations: Incarnations = new Incarnations()
  readonly #bus: MemoryBus
  readonly #hostiles: Hostile[] = []
  readonly #dead: Stats[] = []
  /** Session ids that were given to clients. */
  readonly #sessions: string[] = []
  #busLost = 0
  #lastClient = 0
  #working = true
  #isFaulty = true
  #healthy = false

  constructor(seed: number, smaller: Smaller, print?: (line: string) => void) {
    this.#seed = seed
    this.scenario = drawScenario(new Random(seed), smaller)
    this.meetings = this.scenario.meetings.map(({ name }) => name)
    this.topics = this.scenario.topics
    this.#network = new Random(seed ^ 0x1111)
    this.#work = new Random(seed ^ 0x3333)
    this.trace = new Trace(() => this.clock.now, print)
    const checkers = allCheckers(this.scenario, () => this.clock.now)
    const thief: Observer = {
      down: (_client, _connection, message) => {
        if (message.type === 'welcome') this.#sessions.push(message.session)
      },
    }
    this.observer = fanOut([this.trace, thief, ...checkers])
    this.#strikes = new Strikes(new Random(seed ^ 0x7777), this.observer, this.clients)
    this.business = new Business(
      this.clock,
      this.scenario,
      new Random(seed ^ 0x4444),
      this.observer,
      () => this.nodes,
    )
    this.#bus = new MemoryBus(
      () => this.clock.after(1, () => this.#bus.deliver()),
      () => (this.#busLost === 0 ? 'arrives' : 'lost'),
    )
  }

  async play(): Promise<void> {
    const { scenario, clock } = this
    const { faulty, recovery, well, quiet } = scenario.phases
    this.#enter('faulty')
    if (scenario.alone !== null) this.observer.met?.(`alone:${scenario.alone}`)
    for (let i = 0; i < scenario.nodes; i++) this.#startNode(i)
    for (let i = 0; i < scenario.clients; i++) this.#startClient()
    for (let i = 0; i < scenario.hostiles; i++) this.#startHostile(i)
    this.#every(100, () => this.business.act())
    this.#every(1_000, () => {
      for (const node of this.nodes) this.business.openMeetings(node)
    })
    for (let at = 0; at < faulty; at += MISFORTUNE_MS) clock.at(at, () => this.#misfortune(at))
    await this.#turns.runTo(faulty)
    this.#heal()
    this.#enter('recovery')
    await this.#turns.runTo(faulty + recovery)
    this.#stallOne(well + 1_500)
    this.#healthy = true
    this.#enter('well')
    await this.#turns.runTo(faulty + recovery + well)
    this.#working = false
    this.business.sayLast()
    this.#enter('quiet')
    await this.#turns.runTo(faulty + recovery + well + quiet)
    this.observer.rest?.(
      this.nodes.map(({ core }) => core),
      this.clients.map(({ resting }) => resting),
    )
    await this.#desert()
  }

  /** All clients vanish; nothing of theirs may remain. */
  async #desert(): Promise<void> {
    const { clock } = this
    this.clients.forEach((client, at) => {
      client.healthy = false
      if (at % 3 === 0) client.quit()
      else client.kill(at % 3 === 1)
    })
    for (const hostile of this.#hostiles) hostile.vanish()
    await this.#turns.runTo(clock.now + DESERTED_MS)
    this.observer.deserted?.(this.nodes.map(({ deserted }) => deserted))
    await this.#turns.runTo(clock.now + EMPTY_MS)
    for (const node of this.nodes) this.business.closeMeetings(node)
    await this.#turns.runTo(clock.now + 1)
    this.observer.empty?.(this.nodes.map(({ deserted }) => deserted))
    for (const stats of [...this.#dead, ...this.nodes.map(({ core }) => core.stats)]) tally(stats, this.trace)
    for (const { core } of this.nodes) if (core.logs.cuts > 0) this.trace.count('budget cut', core.logs.cuts)
  }

  #enter(phase: Phase): void {
    this.#isFaulty = phase === 'faulty'
    this.business.faulty = this.#isFaulty && this.scenario.alone === null
    this.observer.phase?.(phase)
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
    const node: SimNode = new SimNode(this.clock, {
      index,
      incarnation: this.#incarnations.draw(this.#network.int(1, 2 ** 31 - 1)),
      limits: this.scenario.limits,
      wallOffset: this.scenario.wallOffset,
      strikes: (call, about) =>
        this.scenario.throwing && this.#isFaulty ? this.#strikes.strike(call, about) : null,
      swept: (beyond) => this.observer.swept?.(node.core, beyond),
      random: this.#network,
      application: (made) => new SimApplication(made, this.business),
      bus: (made) => this.#connectBus(made),
      woken: () => this.observer.woken?.(index),
      clockSet: (off) => this.observer.clockSet?.(index, off),
    })
    this.nodes[index] = node
    this.observer.clockSet?.(index, 0)
    this.business.prepare(node)
  }

  #connectBus(node: SimNode): Bus {
    const listener = busListener((call) => node.do(call))
    return this.#bus.connect(node.incarnation, listener, (error) => {
      throw error
    })
  }

  loseBus(duration: number): void {
    this.#busLost++
    this.clock.after(duration, () => this.#busLost--)
  }

  cutBus(incarnation: number, duration: number): void {
    this.#bus.cut(incarnation)
    this.clock.after(duration, () => this.#bus.restore(incarnation))
  }

  restartNode(index: number): void {
    const node = this.nodes[index] as SimNode
    node.kill()
    this.#bus.end(node.incarnation)
    this.observer.died?.(index)
    this.#dead.push(node.core.stats)
    for (const client of this.clients) if (client.node === index) client.link?.reset()
    this.#startNode(index)
  }

  /** `page`: the page of which this client is a reload, if any. */
  #startClient(page?: Page): void {
    const id = ++this.#lastClient
    // Each has its own generator: one client less does not move the others.
    const random = new Random((this.#seed ^ 0x5555) + Math.imul(id, 0x9e3779b1))
    const node = page?.node ?? random.int(0, this.scenario.nodes - 1)
    const settings = {
      id,
      user: page?.user ?? `u${random.int(1, 4)}`,
      node,
      nodeNow: () => this.nodes[node] as SimNode,
      codec: random.chance(0.3) ? jsonCodec : binaryCodec,
      window: this.scenario.window,
      random: this.#network,
      profile: random.pick(this.scenario.links),
      observer: this.observer,
      business: this.business,
      grows: this.scenario.later ? new Random((this.#seed ^ 0x8888) + Math.imul(id, 0x9e3779b1)) : null,
    }
    const client = this.#isPublic(id)
      ? new PublicClient(this.clock, {
          ...settings,
          whims: new Random((this.#seed ^ 0x9999) + Math.imul(id, 0x9e3779b1)),
          wallNow: () => this.clock.now + this.scenario.wallOffset,
          touched: () => this.#turns.touched(),
          crash: (error) => this.#turns.crash(error),
        })
      : new MachineClient(this.clock, settings)
    client.healthy = this.#healthy
    this.clients.push(client)
    client.start()
    if (page !== undefined) for (const [name, { wish }] of page.seats) client.join(name, wish.spectator)
    else for (const name of this.meetings) if (random.chance(0.7)) client.join(name, random.chance(0.2))
    for (const topic of this.topics) if (random.chance(0.7)) client.subscribe(topic, drawReading(random))
    this.#every(random.int(100, 400), () => this.#act(client, random))
  }

  #isPublic(id: number): boolean {
    return this.scenario.public && new Random((this.#seed ^ 0xaaaa) + Math.imul(id, 0x9e3779b1)).chance(0.6)
  }

  replaceClient(client: SimClient): void {
    this.clients.splice(this.clients.indexOf(client), 1)
    this.#startClient()
  }

  reloadClient(client: SimClient, delay: number): void {
    this.clients.splice(this.clients.indexOf(client), 1)
    this.clock.after(delay, () => this.#startClient(client))
  }

  #startHostile(index: number): void {
    const random = new Random((this.#seed ^ 0x6666) + Math.imul(index, 0x9e3779b1))
    const hostile = new Hostile(this.clock, {
      random,
      observer: this.observer,
      node: () => random.pick(this.nodes),
      issue: (user) => this.business.issue(user),
      sessions: () => this.#sessions,
      // What they share is small there, so the door has to know whose connections they are.
      address: this.scenario.alone === null ? '' : `hostile ${index}`,
    })
    this.#hostiles.push(hostile)
    this.#every(random.int(300, 900), () => hostile.act())
  }

  // ---- work

  #act(client: SimClient, random: Random): void {
    if (client.closed) return
    if (client.isOver) {
      client.kill()
      this.replaceClient(client)
      return
    }
    const dice = random.unit()
    const meeting = random.pick(this.meetings)
    const topic = random.pick(this.topics)
    if (dice < 0.55) client.input(meeting)
    else if (dice < 0.7) client.request(random.pick([500, 2_000, 5_000]))
    else if (dice < 0.76) {
      if (client.seats.has(meeting)) client.leave(meeting)
      else client.join(meeting, random.chance(0.2))
    } else if (dice < 0.82) {
      if (client.readers.has(topic)) client.unsubscribe(topic)
      else client.subscribe(topic, drawReading(random))
    } else if (dice < 0.9) {
      if (this.topics.includes('c1')) client.publish('c1')
    } else this.business.push(client.user)
    client.fidget(random)
    // The others come and go, beside hostile peers as well.
    if (this.scenario.alone !== 'hostiles' || !this.#isFaulty || !random.chance(0.02)) return
    client.kill()
    this.reloadClient(client, 0)
  }

  // ---- misfortune

  #misfortune(at: number): void {
    // Each has its own generator: one that is left out does not move the others.
    const random = new Random((this.#seed ^ 0x2222) + Math.imul(at + 1, 0x9e3779b1))
    const fault = random.pick(faultKinds)
    if (this.scenario.faults.includes(fault)) befall(this, fault, random)
  }

  /** Makes every link good from now on. A swallowing link is cut, as a returning network would cut it. */
  #heal(): void {
    for (const node of this.nodes) {
      node.lateness = 0
      node.setClock(0)
      node.wake()
    }
    for (const client of this.clients) {
      client.wallOff = 0
      client.link?.stall('both', false)
      if (client.link?.swallows === true) client.link.reset()
    }
  }

  /** While all is well, one client may stop reading; no other client may notice. */
  #stallOne(duration: number): void {
    for (const client of this.clients) client.healthy = true
    if (this.clients.length < 2 || this.#work.chance(0.3)) return
    const client = this.#work.pick(this.clients)
    const { link } = client
    client.healthy = false
    this.observer.fault?.('stops reading', client.id)
    link?.stall('down', true)
    this.clock.after(duration, () => link?.stall('down', false))
  }
}
