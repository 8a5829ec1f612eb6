import type { ErrorCode } from '../../protocol/index.ts'
import { binaryCodec, jsonCodec } from '../../protocol/index.ts'
import type { Stats, WatchedNode } from '../../core/index.ts'
import { VirtualClock } from '../clock.ts'
import { fanOut } from '../fan-out.ts'
import { MachineClient } from '../machine-client.ts'
import { Incarnations } from '../incarnations.ts'
import { type ClientFacts, type Observer, type Phase, type RestingClient, violate } from '../observer.ts'
import { PublicClient } from '../public-client.ts'
import { Random } from '../random.ts'
import { drawReading, type Smaller } from '../scenario.ts'
import { type RunOptions, type RunResult, SeedFailure } from '../seed-run.ts'
import { SimApplication } from '../sim-application.ts'
import type { SimClient, SimClientSettings } from '../sim-client.ts'
import { healthOf, SimNode } from '../sim-node.ts'
import { tally } from '../sometimes.ts'
import { Strikes } from '../strikes.ts'
import { Trace } from '../trace.ts'
import { Turns } from '../turns.ts'
import { ClusterBusiness } from './business.ts'
import { befallCluster, type ClusterWorld } from './calamities.ts'
import { clusterCheckers } from './checkers.ts'
import { calamities, DRAIN_AT_MS, DRAIN_MS, drawPlan, type Plan, SETTLED_MS } from './plan.ts'
import { Silences } from './silences.ts'
import { Weather } from './weather.ts'

/** Time between possible calamities, in milliseconds. */
const CALAMITY_MS = 200
/** When the owner of a meeting falls silent, and for how long, in milliseconds. */
const SILENT_AT_MS = 1_000
const silences = [4_000, 8_000, 11_000, 13_000] as const
/** Time between links that break, in milliseconds. */
const BREAK_MS = 300
/** A meeting that frames little seals for so long, in milliseconds, what its members may have waiting. */
const FRAMED_MS = 60_000
/** What is said over a link has come there after so long, in milliseconds. */
const ARRIVED_MS = 1_000
/**
 * After this long, in milliseconds, only what is kept for vanished clients is left, and then nothing: two heartbeats,
 * the time that a session is kept, and that in which the node of its meeting learns of its end.
 */
const DESERTED_MS = 9_500
const EMPTY_MS = 12_000
/** How long a hand-over whose link breaks may take where nothing else is wrong, in milliseconds. */
const HANDED_MS = 1_500
/** How long the proof of a node's end may take, in milliseconds. */
const PROOF_MS = 300
const LATE_PROOF_MS = 4_000

/**
 * Runs one seed of a cluster: up to five real nodes on one bus, clients that a balancer connects to any of them, what
 * may befall them all, and every checker watching. Throws a {@link SeedFailure}.
 */
export async function runClusterSeed(
  seed: number,
  { trace, smaller = {} }: RunOptions = {},
): Promise<RunResult> {
  const run = new ClusterRun(seed, smaller, trace)
  try {
    await run.play()
  } catch (error) {
    throw new SeedFailure({ seed, isCluster: true, smaller }, error, run.clock.now, run.trace.recent)
  }
  return { seed, hash: run.trace.hash, scenario: run.plan, counts: run.trace.counts }
}

/** What survives a page's reload. */
type Page = Pick<SimClient, 'user' | 'seats'>

/** One cluster and its history. One generator per concern, so that a change to one does not move the others. */
class ClusterRun implements ClusterWorld {
  readonly clock: VirtualClock = new VirtualClock()
  readonly plan: Plan
  readonly trace: Trace
  readonly observer: Observer
  readonly business: ClusterBusiness
  readonly weather: Weather
  readonly nodes: SimNode[] = []
  readonly clients: SimClient[] = []
  readonly #silences: Silences = new Silences()
  readonly #seed: number
  readonly #network: Random
  readonly #balancer: Random
  readonly #turns: Turns = new Turns(this.clock)
  readonly #strikes: Strikes
  readonly #incarnations: Incarnations = new Incarnations()
  readonly #dead: Stats[] = []
  #lastClient = 0
  #strains = 0
  /** The node that is drained when nothing else is wrong. */
  #lastDrained: SimNode | null = null
  /** A node that the balancer leads nobody to, since it is stopped or out of reach. */
  #unreached: SimNode | null = null
  #isWorking = true
  #isFaulty = true

  constructor(seed: number, smaller: Smaller, print?: (line: string) => void) {
    this.#seed = seed
    const plan = (this.plan = drawPlan(new Random(seed ^ 0xc105), smaller))
    this.#network = new Random(seed ^ 0x1111)
    this.#balancer = new Random(seed ^ 0xba1a)
    const now = (): number => this.clock.now
    this.trace = new Trace(now, print)
    const nodes = (): readonly SimNode[] => this.nodes
    const checkers = clusterCheckers(plan, nodes, this.#silences, now)
    const misled: Observer = {
      hook: (meeting, hook) => {
        if (hook === 'snapshot') this.#strain(meeting)
      },
      left: (client, meeting, code) => this.#misled(client, meeting, code),
      down: (client, _connection, message) => {
        if (message.type !== 'joined' || message.incarnation === this.nodes[client.node]?.incarnation) return
        this.observer.clustered?.('served by a replica', `client ${client.id} at ${client.node}`)
      },
    }
    this.observer = fanOut([this.trace, ...checkers, misled])
    this.#strikes = new Strikes(new Random(seed ^ 0x7777), this.observer, this.clients)
    this.business = new ClusterBusiness(this.clock, plan, new Random(seed ^ 0x4444), this.observer, nodes)
    this.weather = new Weather(this.clock, new Random(seed ^ 0xb055), plan.delay, (by, from) =>
      this.#silences.heard(by, from, this.clock.now),
    )
  }

  async play(): Promise<void> {
    const { plan, clock } = this
    const { faulty, recovery, well, quiet } = plan.phases
    this.#enter('faulty')
    for (let i = 0; i < plan.nodes; i++) this.#startNode(i)
    for (let i = 0; i < plan.clients; i++) clock.at(i % 2 === 0 ? 0 : SETTLED_MS, () => this.#startClient())
    this.#every(100, () => this.business.act())
    this.#every(500, () => this.business.openSomewhere(false))
    this.#every(700, () => {
      const { random } = this.business
      this.business.find(random.pick(this.nodes), random.pick(plan.meetings).name)
    })
    const end = plan.silence === 'alone' ? 0 : faulty
    for (let at = plan.early ? 0 : SETTLED_MS; at < end; at += CALAMITY_MS)
      clock.at(at, () => this.#befall(at))
    for (let at = SETTLED_MS; plan.breaks && at < end; at += BREAK_MS) clock.at(at, () => this.#breakLink(at))
    if (plan.silence !== null) clock.at(SETTLED_MS + SILENT_AT_MS, () => this.#silence())
    await this.#turns.runTo(faulty)
    this.#heal()
    this.#enter('recovery')
    if (plan.lastDrain) clock.after(DRAIN_AT_MS, () => this.#drainLast())
    await this.#turns.runTo(faulty + recovery)
    for (const client of this.clients) client.healthy = true
    this.#enter('well')
    this.business.revokeNobody()
    await this.#turns.runTo(faulty + recovery + well)
    this.#isWorking = false
    this.#enter('quiet')
    // Whoever is kicked is told, wherever they are, and joins nothing any more.
    this.business.kickOne()
    await this.#turns.runTo(faulty + recovery + well + quiet - 500)
    for (const node of this.nodes) for (const { name } of plan.meetings) this.business.find(node, name)
    await this.#turns.runTo(faulty + recovery + well + quiet)
    await this.#frameAll()
    await this.#arriveAll()
    this.business.noneWaits()
    this.business.allRevoked()
    this.observer.rest?.(
      this.nodes.map(({ core }) => core),
      this.clients.map(({ resting }) => resting),
    )
    await this.#desert()
  }

  /** What members have sent is framed, however little of it fits into a frame; then those who have left are gone. */
  async #frameAll(): Promise<void> {
    const { clock } = this
    const end = clock.now + FRAMED_MS
    const isWaiting = (): boolean =>
      this.clients.some(({ resting }) => isUnanswered(resting)) || this.#isLeaving
    while (clock.now < end && isWaiting())
      // eslint-disable-next-line no-await-in-loop
      await this.#turns.runTo(clock.now + 500)
  }

  /** Whether a meeting that frames little has a member that no client is any more. */
  get #isLeaving(): boolean {
    const slow = this.plan.meetings.filter(
      ({ options }) => options.frameBytes === 32 || options.inputsPerFrame === 1,
    )
    const names = new Set(slow.map(({ name }) => name))
    const seats = new Set(
      this.clients.flatMap(({ resting }) =>
        resting.meetings.map(({ seat }) => `${seat?.world} ${seat?.slot}`),
      ),
    )
    return this.nodes.some(({ core }) =>
      Array.from(core.meetings()).some(
        ({ name, epoch, members }) =>
          names.has(name) &&
          members.some(({ slot, away, bot }) => !away && !bot && !seats.has(`${epoch} ${slot}`)),
      ),
    )
  }

  /** What nodes have said to each other has come there. */
  async #arriveAll(): Promise<void> {
    const { clock } = this
    const end = clock.now + ARRIVED_MS
    const isUnderWay = (): boolean => this.nodes.some(({ core }) => (core.peering?.links.bytes ?? 0) > 0)
    // eslint-disable-next-line no-await-in-loop
    while (clock.now < end && isUnderWay()) await this.#turns.runTo(clock.now + 10)
  }

  /** All clients vanish; nothing of theirs may remain. */
  async #desert(): Promise<void> {
    const { clock } = this
    this.clients.forEach((client, at) => {
      client.healthy = false
      if (at % 3 === 0) client.quit()
      else client.kill(at % 3 === 1)
    })
    await this.#turns.runTo(clock.now + DESERTED_MS)
    this.observer.deserted?.(this.nodes.map(({ deserted }) => deserted))
    await this.#turns.runTo(clock.now + EMPTY_MS)
    for (const node of this.nodes) this.business.closeMeetings(node)
    await this.#turns.runTo(clock.now + 1_000)
    this.observer.empty?.(this.nodes.map(({ deserted }) => deserted))
    for (const stats of [...this.#dead, ...this.nodes.map(({ core }) => core.stats)]) tally(stats, this.trace)
  }

  #enter(phase: Phase): void {
    this.#isFaulty = phase === 'faulty'
    this.business.faulty = this.#isFaulty
    this.observer.phase?.(phase)
  }

  #every(interval: number, action: () => void): void {
    this.clock.after(interval, () => {
      if (!this.#isWorking) return
      action()
      this.#every(interval, action)
    })
  }

  #befall(at: number): void {
    // Each has its own generator: one that is left out does not move the others.
    const random = new Random((this.#seed ^ 0x2222) + Math.imul(at + 1, 0x9e3779b1))
    const calamity = random.pick(calamities)
    if (this.plan.calamities.includes(calamity)) befallCluster(this, calamity, random)
    this.#drain(at)
  }

  /** The owner of a meeting stands still, or is cut off from some or all others, until somebody may go on with it. */
  #silence(): void {
    const random = new Random(this.#seed ^ 0x51e7)
    const { name } = random.pick(this.plan.meetings)
    const [owner] = this.business.ownersOf(name)
    const duration = random.pick(silences)
    const how = random.pick(['stopped', 'cut off', 'cut off from one', 'heard by nobody'] as const)
    if (owner === undefined) return
    this.observer.clustered?.(`silence, ${how}`, `${name} of ${owner.index}, ${duration} ms`)
    const others = this.nodes.filter((node) => node !== owner)
    const cut = how === 'cut off from one' ? [random.pick(others)] : others
    const out = cut.map(({ index }) => `${owner.index} ${index}`)
    const back = cut.map(({ index }) => `${index} ${owner.index}`)
    // The whole machine may be out of reach, for its clients and the balancer as well.
    if (how === 'stopped' || random.chance(0.6)) {
      this.#unreached = owner
      this.clock.after(duration, () => (this.#unreached = null))
      for (const client of this.clients) if (random.chance(0.8)) client.cutFrom(owner.index)
    }
    if (how === 'stopped') owner.pause(duration)
    else this.weather.block(how === 'heard by nobody' ? out : [...out, ...back], duration)
  }

  #breakLink(at: number): void {
    const random = new Random((this.#seed ^ 0x3333) + Math.imul(at + 1, 0x9e3779b1))
    const node = random.pick(this.nodes)
    const other = random.pick(this.nodes.filter((each) => each !== node))
    this.observer.clustered?.('broken link', `${node.index} to ${other.index}`)
    this.weather.breakLink(node, other)
  }

  /** The network, the bus and all clocks are right from now on, and all nodes run. */
  #heal(): void {
    this.weather.heal()
    for (const node of this.nodes) {
      if (!node.alive) this.#startNode(node.index)
      node.lateness = 0
      node.setClock(0)
      node.wake()
    }
    this.#unreached = null
    for (const client of this.clients) if (client.link?.swallows === true) client.link.reset()
  }

  // ---- nodes

  #startNode(index: number): void {
    const node = new SimNode(this.clock, {
      index,
      incarnation: this.#incarnations.draw(this.#network.int(1, 2 ** 31 - 1)),
      limits: this.plan.limits,
      wallOffset: this.plan.wallOffset,
      strikes: (call, about) =>
        this.plan.throwing && this.#isFaulty ? this.#strikes.strike(call, about) : null,
      swept: (beyond) => this.observer.swept?.(node.core, beyond),
      random: this.#network,
      application: (made) => new SimApplication(made, this.business),
      bus: (made) => this.weather.connect(made),
      moves: this.plan.moves,
      watch: (made) => ({
        met: () => {},
        probe: (peer) => this.#probe(made, peer),
      }),
      woken: () => this.observer.woken?.(index),
      clockSet: (off) => this.observer.clockSet?.(index, off),
    })
    this.nodes[index] = node
    this.#silences.started(node.incarnation, this.clock.now)
    this.observer.clockSet?.(index, 0)
    this.business.prepare(node)
  }

  /** A node asks at another's address which run of a node is there: proof that an earlier one has ended. */
  #probe(asker: SimNode, peer: WatchedNode): void {
    this.clock.after(this.#network.int(1, PROOF_MS), () => {
      const there = this.nodes.find(({ index }) => healthOf(index) === peer.health)
      if (there === undefined || !this.weather.reaches(asker.index, there.index)) return
      // Where nobody runs, the machine refuses the connection, unless it is down as well.
      const isProof = there.alive ? there.incarnation !== peer.node : this.plan.proof !== 'never'
      if (isProof) this.#prove(asker, peer.node, 'proven at its address')
    })
  }

  #prove(node: SimNode, ended: number, how: string): void {
    node.do((core, now) => {
      if (core.cluster?.peer(ended) !== undefined) this.observer.clustered?.(how, `${ended} to ${node.index}`)
      core.inlet.gone(ended, now)
    })
  }

  killNode(node: SimNode, downMs: number): void {
    if (!node.alive) return
    const { proof } = this.plan
    this.#end(node, proof === 'bus', downMs)
    if (proof !== 'late') return
    for (const other of this.nodes)
      this.clock.after(this.#network.int(0, LATE_PROOF_MS), () =>
        this.#prove(other, node.incarnation, 'proven late'),
      )
  }

  leaveNode(node: SimNode, downMs: number): void {
    if (!node.alive) return
    this.observer.leaving?.(node.index)
    node.do((core, now) => {
      core.drain(now)
      for (const { name } of Array.from(core.meetings())) core.closeMeeting(name, now)
      core.leave(now)
    })
    // What it has sent goes out.
    this.clock.after(50, () => this.#end(node, false, downMs))
  }

  /** A node hands its meetings and clients over, says goodbye and ends; another one is started in its place. */
  #drain(at: number): void {
    const random = new Random((this.#seed ^ 0xd4a1) + Math.imul(at + 1, 0x9e3779b1))
    const node = random.pick(this.nodes)
    const timeMs = random.pick([30, 200, 1_500, 4_000])
    const downMs = random.pick([0, 1_000])
    if (!this.plan.drains || !random.chance(0.07) || !node.alive) return
    this.observer.clustered?.('drain', `node ${node.index}, ${timeMs} ms`)
    node.do((core, now) => core.drain(now, now + timeMs))
    const end = this.clock.now + timeMs
    const look = (): void => {
      const { meetings, connections } = node.core.draining.progress
      if (node.alive && this.clock.now < end && meetings + connections > 0) this.clock.after(20, look)
      else this.leaveNode(node, downMs)
    }
    this.clock.after(20, look)
  }

  /** A node that hands all over and ends, where nothing else is wrong. */
  #drainLast(): void {
    const node = new Random(this.#seed ^ 0xd7a1).pick(this.nodes)
    this.observer.clustered?.('last drain', `node ${node.index}`)
    this.#lastDrained = node
    node.do((core, now) => core.drain(now, now + DRAIN_MS))
    this.clock.after(DRAIN_MS, () => {
      this.#lastDrained = null
      this.leaveNode(node, 0)
    })
  }

  /** Its links break with what it says of a hand-over; what was lost is said again. */
  #breakHandover(giver: SimNode, meeting: string): void {
    const { clock, weather } = this
    this.observer.clustered?.('hand-over broken', `${meeting} of ${giver.index}`)
    const others = this.nodes.filter((node) => node !== giver)
    weather.block(
      others.map(({ index }) => `${giver.index} ${index}`),
      this.plan.delay + 20,
    )
    clock.after(10, () => others.forEach((other) => weather.breakLink(giver, other)))
    const world = giver.core.meeting(meeting)?.epoch
    // One that nobody is in may have ended by itself.
    const { options } = this.plan.meetings.find(({ name }) => name === meeting) ?? {}
    const isKept = (options?.ttlMs ?? Infinity) > HANDED_MS
    clock.after(HANDED_MS, () => {
      if (isKept && this.nodes.every(({ core }) => core.meeting(meeting)?.epoch !== world))
        violate('I19', `${meeting} is in no world any more that node ${giver.index} has handed over`)
      this.#checkReplicas(giver)
    })
  }

  /** I19: nobody looks for the meetings where they were. */
  #checkReplicas({ alive, core, index }: SimNode): void {
    const { replicas = 0 } = core.peering?.mesh.size.hosted ?? {}
    const isOver = core.draining.progress.meetings === 0 && Array.from(core.meetings()).length === 0
    if (alive && isOver && replicas > 0)
      violate('I19', `${replicas} replicas follow meetings that node ${index} has handed over`)
  }

  /** A meeting is about to be handed over: what is said of it may be lost or late, and others claim its name. */
  #strain(meeting: string): void {
    const random = new Random((this.#seed ^ 0x57a1) + Math.imul(++this.#strains, 0x9e3779b1))
    const [giver] = this.business.ownersOf(meeting)
    if (giver !== undefined && giver === this.#lastDrained) return this.#breakHandover(giver, meeting)
    if (giver === undefined || !this.#isFaulty || random.chance(0.1)) return
    const { clock, weather } = this
    const others = this.nodes.filter((node) => node !== giver)
    const ways = others.map(({ index }) => `${giver.index} ${index}`)
    const how = random.pick(['lost', 'late', 'claimed'] as const)
    this.observer.clustered?.(`hand-over ${how}`, `${meeting} of ${giver.index}`)
    if (how === 'late') weather.hold(ways, random.int(50, 1_500))
    else if (how === 'lost') {
      weather.block(ways, this.plan.delay + 20)
      clock.after(10, () => others.forEach((other) => weather.breakLink(giver, other)))
    }
    for (let ms = 0; ms < 100; ms += 20)
      clock.after(ms, () => this.business.claim(random.pick(others), meeting))
  }

  #end(node: SimNode, isTold: boolean, downMs: number): void {
    if (!node.alive) return
    node.kill()
    this.weather.end(node, isTold)
    this.#silences.ended(node.incarnation, this.clock.now)
    this.business.died(node)
    this.observer.died?.(node.index)
    this.#dead.push(node.core.stats)
    for (const client of this.clients) client.cutFrom(node.index)
    this.clock.after(downMs, () => {
      if (this.nodes[node.index] === node) this.#startNode(node.index)
    })
  }

  // ---- clients

  #startClient(page?: Page): void {
    const id = ++this.#lastClient
    // Each has its own generator: one client less does not move the others.
    const random = new Random((this.#seed ^ 0x5555) + Math.imul(id, 0x9e3779b1))
    const { plan } = this
    const favourite = random.pick(plan.meetings).name
    const settings: SimClientSettings = {
      id,
      user: page?.user ?? `u${random.int(1, 4)}`,
      node: random.int(0, plan.nodes - 1),
      nodeNow: (node) => this.nodes[node] as SimNode,
      route: {
        name: (of) => this.#nameFor(of, favourite),
        balance: (node) => this.#balance(node, client),
      },
      codec: random.chance(0.3) ? jsonCodec : binaryCodec,
      window: plan.window,
      random: this.#network,
      profile: random.pick(plan.links),
      observer: this.observer,
      business: this.business,
      grows: null,
    }
    const client: SimClient = this.#isPublic(id)
      ? new PublicClient(this.clock, {
          ...settings,
          whims: new Random((this.#seed ^ 0x9999) + Math.imul(id, 0x9e3779b1)),
          wallNow: () => this.clock.now + plan.wallOffset,
          touched: () => this.#turns.touched(),
          crash: (error) => this.#turns.crash(error),
        })
      : new MachineClient(this.clock, settings)
    this.clients.push(client)
    client.healthy = !this.#isFaulty && this.clients.some(({ healthy }) => healthy)
    client.start()
    if (page !== undefined) for (const [name, { wish }] of page.seats) client.join(name, wish.spectator)
    else client.join(favourite, random.chance(0.2))
    for (const topic of plan.topics) if (random.chance(0.6)) client.subscribe(topic, drawReading(random))
    this.#every(random.int(100, 300), () => this.#act(client, favourite, random))
  }

  #isPublic(id: number): boolean {
    return this.plan.public && new Random((this.#seed ^ 0xaaaa) + Math.imul(id, 0x9e3779b1)).chance(0.6)
  }

  /** The node that a ticket names: the owner of the client's meeting, or any. */
  #nameFor(client: ClientFacts, favourite: string): number {
    if (this.plan.astray) return this.#balancer.int(0, this.plan.nodes - 1)
    const owners = this.business.ownersOf(favourite)
    return owners[0]?.index ?? client.node
  }

  /** The node that the balancer connects a client to. Its map of the nodes may be an old one. */
  #balance(named: number, client: ClientFacts): number {
    const isStale = this.#isFaulty && this.#balancer.chance(this.plan.stale)
    const living = this.nodes.filter((each) => each.alive && each !== this.#unreached)
    let node = isStale ? this.#balancer.int(0, this.plan.nodes - 1) : named
    if (this.nodes[node] === this.#unreached) node = this.#balancer.pick(living)?.index ?? node
    if (this.nodes[node]?.alive !== true) {
      if (isStale) this.observer.clustered?.('led to a dead node', `client ${client.id}`)
      else node = this.#balancer.pick(living)?.index ?? node
    }
    if (node !== named) this.observer.clustered?.('led to another node', `client ${client.id} to ${node}`)
    else if (node !== client.node) this.observer.clustered?.('moved', `client ${client.id} to ${node}`)
    return node
  }

  /** A client was told that its meeting is not where it is connected. */
  #misled(of: ClientFacts, meeting: string, code: ErrorCode): void {
    const [owner] = this.business.ownersOf(meeting)
    if (code !== 'NOT_FOUND' || owner === undefined || owner.index === of.node) return
    this.observer.clustered?.('misroute', `client ${of.id} asks ${of.node} for ${meeting} of ${owner.index}`)
    const client = this.clients.find(({ id }) => id === of.id)
    if (client === undefined || !this.#isWorking) return
    this.clock.after(0, () => {
      if (client.closed) return
      client.quit()
      this.replaceClient(client, true)
    })
  }

  replaceClient(client: SimClient, isReload: boolean): void {
    const at = this.clients.indexOf(client)
    if (at === -1 || !this.#isWorking) return
    this.clients.splice(at, 1)
    this.#startClient(isReload ? client : undefined)
  }

  #act(client: SimClient, favourite: string, random: Random): void {
    if (client.closed) return
    if (client.isOver) {
      client.kill()
      this.replaceClient(client, false)
      return
    }
    const dice = random.unit()
    const meeting = random.chance(0.8) ? favourite : random.pick(this.plan.meetings).name
    const topic = random.pick(this.plan.topics)
    if (!client.seats.has(favourite) && dice < 0.3) client.join(favourite, random.chance(0.2))
    else if (dice < 0.65) client.input(meeting)
    else if (dice < 0.75) client.request(random.pick([500, 2_000]))
    else if (dice < 0.79) {
      if (client.seats.has(meeting)) client.leave(meeting)
      else client.join(meeting, random.chance(0.2))
    } else if (dice < 0.87) {
      if (client.readers.has(topic)) client.unsubscribe(topic)
      else client.subscribe(topic, drawReading(random))
    } else if (dice < 0.93) {
      if (this.plan.topics.includes('c1')) client.publish('c1')
    } else this.business.push(client.user)
    client.fidget(random)
  }
}

function isUnanswered({ settled, meetings }: RestingClient): boolean {
  return settled && meetings.some(({ unanswered }) => unanswered > 0)
}
