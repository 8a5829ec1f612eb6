import { Balance } from './balance.ts'
import { Cluster } from './cluster/cluster.ts'
import { NODES } from './cluster/messages.ts'
import { Names } from './cluster/names.ts'
import { Connections } from './door/connections.ts'
import { Endings } from './door/endings.ts'
import { Revocations } from './door/revocations.ts'
import { Downstream } from './down/downstream.ts'
import { Draining } from './draining.ts'
import { Budget } from './ground/budget.ts'
import type { NodeConfig } from './ground/config.ts'
import type { NodeLoad } from './ground/node-facts.ts'
import type { Stats } from './ground/stats.ts'
import { isEdge } from './ground/incarnation.ts'
import { Timers } from './ground/timers.ts'
import { Work } from './ground/work.ts'
import type { Guards } from './guards.ts'
import { Inlet } from './inlet.ts'
import { type Loaded, loadOf } from './load.ts'
import { Lineage } from './meeting/lineage.ts'
import { Meetings, randomNumber } from './meeting/meetings.ts'
import type { MeetingBusiness } from './ports.ts'
import type { Bus, OfferedMeeting } from './ports.ts'
import { Retreat } from './retreat.ts'
import { Peering, type PeeringHost } from './peering.ts'
import type { Elsewhere } from './session/elsewhere.ts'
import { Sessions } from './session/sessions.ts'
import { Carrier, QUIET } from './topic/carrier.ts'
import { noPeers } from './topic/catch-up.ts'
import { Publishers } from './topic/publishers.ts'
import { Topics } from './topic/topics.ts'
import { counted } from './traffic.ts'
import { Dispatch } from './up/dispatch.ts'
import { Requests } from './up/requests.ts'
import type { Cluster as ClusterOfJoins } from './up/searches.ts'

const ELSEWHERE = 'the session connected to another node'

/** The rooms of a node, made and connected to one another. */
export class Wiring {
  readonly timers: Timers = new Timers()
  readonly budget: Budget
  readonly downstream: Downstream
  readonly sessions: Sessions
  readonly meetings: Meetings
  readonly topics: Topics
  readonly requests: Requests
  readonly dispatch: Dispatch
  readonly connections: Connections
  readonly endings: Endings
  /** Null for a node alone. */
  readonly cluster: Cluster | null
  readonly names: Names
  readonly work: Work
  /** What it and the other nodes ask and tell each other; null for a node alone. */
  readonly peering: Peering | null
  readonly inlet: Inlet
  readonly draining: Draining
  /** Null but for an edge. */
  readonly retreat: Retreat | null = null
  #lastLog = 0

  constructor(config: NodeConfig, stats: Stats, guards: Guards, host: PeeringHost & Loaded) {
    const { limits, incarnation } = config
    const { application } = guards
    const bus = counted(guards.bus, stats)
    const { timers } = this
    const budget = (this.budget = new Budget(limits.logBytes))
    const work = (this.work = new Work(config.ofHooks))
    const keys = config.cluster?.lineage
    const lineage = keys === undefined ? null : new Lineage(keys, (now) => now + config.wallOffset)
    const revocations = new Revocations(limits)
    const nextLog = (): number => ++this.#lastLog
    const publishers = new Publishers(incarnation)
    const downstream = (this.downstream = new Downstream(
      limits,
      stats,
      work,
      publishers,
      (outlet) => this.endings.dismiss(outlet, 'SLOW'),
      (outlet, error) => {
        guards.tell(error)
        this.endings.dismiss(outlet, 'BROKEN')
      },
    ))
    const sessions = (this.sessions = new Sessions(config, timers, stats, {
      limits,
      budget,
      slow: (outlet) => downstream.doom(outlet),
      expired: (session, now) => this.endings.expired(session, now),
      caughtUp: (session) => this.dispatch.resume(session),
      counted: (user) => peering?.homes.changed(user),
      sendOn: (session, to, entry) => peering?.passing.sendOn(session, to, entry),
    }))
    const cluster = (this.cluster = clusterOf(
      config,
      timers,
      stats,
      bus,
      guards,
      () => peering,
      () => loadOf(host),
    ))
    const peering: Peering | null = (this.peering =
      cluster &&
      new Peering(config, timers, stats, bus, cluster, sessions, () => topics, host, application, {
        limits,
        timers,
        downstream,
        budget,
        work,
        lineage,
        revocations,
        stats,
        put: (node, bytes) => bus.send(node, bytes),
        meetings: () => meetings,
        isDraining: () => this.connections.draining,
        adopt: (offered) => adoptBy(guards, offered),
        nextLog,
        newWorld: () => randomNumber(config.entropy),
        opening: (name, found) => names.await(name, found),
        refuse: (...refused) => this.dispatch.refuseRemote(...refused),
        rejoin: (session) => this.endings.rejoin(session),
        replaced: ({ outlet }, now) => {
          if (outlet !== null) this.connections.close(outlet, 'REPLACED', ELSEWHERE, now)
        },
      }))
    const meetings: Meetings = (this.meetings = new Meetings(
      config,
      timers,
      downstream,
      stats,
      budget,
      work,
      nextLog,
      (name) => cluster?.closed(name),
      peering === null
        ? undefined
        : {
            supportedUntil: (owner, now) => peering.mesh.backing.supportedUntil(owner, now),
            answersSince: (now) => peering.mesh.backing.answersSince(now),
            askReach: (...asked) => peering.mesh.backing.askReach(...asked),
          },
      lineage,
      (owner, now) => peering?.mesh.charters.add(owner, now),
    ))
    // This node, where it is about to go on with a meeting.
    const revives = (name: string): number => (peering?.mesh.revival.holds(name) === true ? incarnation : 0)
    const names = (this.names = new Names({
      incarnation,
      application,
      cluster,
      isOpen: (name) => meetings.get(name) !== undefined,
      isDraining: () => this.connections.draining,
      heirOf: (name) => revives(name) || (peering?.mesh.handover.heirOf(name, 0) ?? 0),
      passedTo: (name) => revives(name) || (peering?.mesh.handover.passedTo(name) ?? 0),
    }))
    const carrier = new Carrier(bus, publishers, timers, limits, () => topics.catchUp.hasPeers)
    const others = peering ?? noPeers
    const topics = new Topics(
      config,
      timers,
      downstream,
      carrier,
      stats,
      budget,
      work,
      publishers,
      nextLog,
      others,
      (topic) => application.published?.(topic),
    )
    this.topics = topics
    this.inlet = new Inlet(topics, carrier, cluster, peering, stats)
    const requests = (this.requests = new Requests(limits, timers, downstream, application, stats))
    const dispatch = (this.dispatch = new Dispatch(limits, stats, work, {
      timers,
      application,
      downstream,
      meetings,
      topics,
      requests,
      cluster: peering && joinsOf(incarnation, peering, names),
      refresh: (session, message, now) => this.connections.refresh(session, message, now),
      seated: (session, joined, now) => {
        if (peering === null) return
        if (typeof joined === 'object' && 'world' in joined) peering.mesh.charters.give(session, joined, now)
        peering.moves.seated(session, now)
      },
      flood: (outlet) => this.endings.dismiss(outlet, 'RATE'),
    }))
    const connections = (this.connections = new Connections({
      config,
      timers,
      stats,
      downstream,
      budget,
      sessions,
      application,
      revocations,
      // The upstream queue of whoever promises something waits meanwhile.
      enqueue: (session, message, now) => {
        if (message.type === 'promise' || message.type === 'kept') peering?.mesh.told(session, message, now)
        else dispatch.enqueue(session, message, now)
      },
      makeRoom: (user, now) => this.endings.makeRoom(user, now),
      retrieve: (id, user, now, isAwaited, done) => {
        const isElsewhere = peering !== null && id !== '' && sessions.get(id) === undefined
        const wait = isElsewhere ? sessions.debtOf(user, now) : 0
        if (isElsewhere && wait === 0) peering.passing.retrieve(user, id, now, isAwaited, done)
        else if (wait === 0) done(now)
        return wait
      },
      attached: (session) => dispatch.resume(session),
    }))
    this.endings = new Endings({
      config,
      sessions,
      connections,
      revocations,
      application,
      dropped: (session, now) => {
        dispatch.drop(session, now)
        peering?.moves.drop(session)
      },
    })
    const handover = peering?.mesh.handover ?? null
    const { moves = null, passing = null } = peering ?? {}
    const parts = { limits, timers, connections, downstream, meetings, requests, sessions, cluster }
    this.draining = new Draining({ ...parts, handover, moves, passing })
    const balances = config.cluster?.moves !== undefined && !isEdge(incarnation)
    if (balances && cluster !== null && moves !== null) new Balance({ ...parts, cluster, moves }).begin(0)
    if (cluster !== null && isEdge(incarnation))
      this.retreat = new Retreat(incarnation, { ...parts, cluster })
  }
}

/** The business's side of a meeting of another node; only those without a kind need none. */
function adoptBy(guards: Guards, offered: OfferedMeeting): MeetingBusiness | null {
  const business = guards.application.adopt(offered)
  return business && { ...business, logic: guards.logic(business.logic) }
}

function clusterOf(
  config: NodeConfig,
  timers: Timers,
  stats: Stats,
  bus: Bus,
  { watch }: Guards,
  peering: () => Peering | null,
  load: () => NodeLoad,
): Cluster | null {
  const { id, incarnation, cluster } = config
  if (cluster === undefined) return null
  bus.subscribe(NODES)
  bus.subscribe(QUIET)
  const self = {
    id,
    incarnation,
    get address(): string {
      return cluster.address
    },
    get health(): string {
      return cluster.health
    },
    get load(): NodeLoad {
      return load()
    },
  }
  return new Cluster(
    self,
    timers,
    {
      broadcast: (bytes) => bus.publish(NODES, bytes),
      send: (node, bytes) => bus.send(node, bytes),
      met: (peer) => watch.met(peer),
      probe: (peer, now) => {
        watch.probe(peer)
        peering()?.questions.doubt(peer.node, now)
      },
      expelled: () => watch.expelled?.(),
      viewed: (ended, now) => peering()?.viewed(ended, now),
      heard: (node, now) => peering()?.heard(node, now),
      contested: (contest, now) => peering()?.twins.contested(contest, now),
    },
    stats,
  )
}

function joinsOf(self: number, peering: Peering, names: Names): ClusterOfJoins {
  const elsewhere: Elsewhere = peering.mesh
  return {
    self,
    find: (name, now, found) =>
      names.find(name, now, (owner, at) =>
        owner === null ? peering.search(name, at, found) : found(owner, at),
      ),
    ownerOf: (name) => elsewhere.ownerOf(name),
    recalls: (join) => elsewhere.recalls(join),
    outruns: (join) => elsewhere.outruns(join),
    join: (owner, session, message, now, joined) => elsewhere.join(owner, session, message, now, joined),
    drop: (session) => elsewhere.drop(session),
  }
}
