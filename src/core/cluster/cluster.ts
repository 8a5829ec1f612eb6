import type { NodeFacts } from '../ground/node-facts.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { Acquaintance } from './acquaintance.ts'
import { type ClaimEnding, Claims } from './claims.ts'
import { type ClusterLimits, clusterLimits } from './cluster-limits.ts'
import type { ClusterPorts, ClusterSelf } from './cluster-ports.ts'
import { Hearing } from './hearing.ts'
import { Holdings } from './holdings.ts'
import {
  type ClusterMessage,
  decodeCluster,
  encodeCluster,
  introduce,
  type Introduction,
} from './messages.ts'
import type { KnownPeer, Peer } from './peer.ts'
import { believed, Registrar } from './registrar.ts'
import { View } from './view.ts'

/**
 * The other nodes, and who may open which meeting. Each node beats; whoever hears of a node that it has not met, or
 * finds that its view is another, tells what it knows. A node is gone when that is proven, or by its own word; one that
 * is merely silent stays in the view.
 */
export class Cluster {
  readonly #self: number
  readonly #facts: ClusterSelf
  readonly #timers: Timers
  readonly #ports: ClusterPorts
  readonly #stats: Stats
  readonly #limits: ClusterLimits
  readonly #view: View
  readonly #peers: Map<number, KnownPeer> = new Map()
  readonly #hearing: Hearing
  readonly acquaintance: Acquaintance
  readonly #registrar: Registrar
  readonly holdings: Holdings
  readonly #claims: Claims
  readonly #beat: Timer
  readonly #settling: Timer
  readonly #telling: Timer
  /** When the others were last told what this node owns in a new view. */
  #toldAt = -Infinity
  /** Whether the bus carries messages, and whether this node knows the others, or knows that it is alone. */
  #isUp = false
  #isSettled = false
  #isDraining = false
  /** The highest term of a fence of this node, or of which a registrar has told it where it has looked for a name. */
  #term = 0

  /** `self` is read anew for each heartbeat: an address may become known later. */
  constructor(
    self: ClusterSelf,
    timers: Timers,
    ports: ClusterPorts,
    stats: Stats,
    limits: ClusterLimits = clusterLimits,
  ) {
    const incarnation = (this.#self = self.incarnation)
    this.#facts = self
    this.#timers = timers
    this.#ports = ports
    this.#stats = stats
    this.#limits = limits
    this.#hearing = new Hearing(limits, this.#peers)
    this.acquaintance = new Acquaintance(this.#peers, (node) => this.isSilent(node))
    const view = (this.#view = new View(incarnation))
    const registrar = (this.#registrar = new Registrar(incarnation, view, limits, {
      owns: (name) => this.holdings.has(name),
      isSecond: (name) => this.holdings.isSecond(name),
      isSilent: (node) => this.isSilent(node),
      answer: (claimer, { id }, verdict) => {
        if (claimer === incarnation) this.#claims.answered(id, verdict, this.#hearing.now)
        else if (verdict.by === 'grant') this.#send(claimer, { type: 'grant', id, term: verdict.term })
        else this.#send(claimer, { type: 'taken', id, owner: verdict.owner, term: verdict.term })
      },
    }))
    const claims = (this.#claims = new Claims(timers, limits.claims, {
      put: (name, id, opens) => this.#put(name, id, opens),
      // Whoever has reserved the name for this node is told.
      gaveUp: (name) => {
        this.holdings.tell(name)
        this.#registrar.release(name)
      },
      refused: (name) => this.holdings.refused(name),
    }))
    this.holdings = new Holdings(incarnation, view, limits.namesPerMessage, {
      get claimed() {
        return claims.last
      },
      get term() {
        return registrar.term
      },
      isClaiming: (name) => claims.has(name),
      send: (node, message) => this.#send(node, message),
    })
    this.#beat = new Timer('beat', (now) => this.#onBeat(now))
    this.#settling = new Timer('settling', (now) => this.#settleAlone(now))
    this.#telling = new Timer('telling', (now) => {
      this.#toldAt = now
      this.holdings.tellAll()
    })
  }

  /** The nodes that have not ended, without this one. */
  get peers(): readonly Peer[] {
    return [...this.#peers.values()]
  }

  peer(node: number): Peer | undefined {
    return this.#peers.get(node)
  }

  get view(): number {
    return this.#view.id
  }

  /** The nodes that have not ended, this one among them. */
  get nodes(): View {
    return this.#view
  }

  /** Whether this node knows the others, or knows that it is alone. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Whether a node was not heard for a lease while this one listened. */
  isSilent(node: number, now: number = this.#hearing.now): boolean {
    return this.#hearing.isSilent(node, now)
  }

  /** How many of them were heard lately, and how many are silent. */
  census(now: number): { readonly alive: number; readonly silent: number } {
    return this.#hearing.census(now)
  }

  // ---- meetings

  /**
   * Asks whether this node may open a meeting. `ended` is called once, at the latest after `claimMs`, or as long after
   * this node has settled: with the term of its fence, and then the meeting counts as open here until {@link closed};
   * with the node that has it; or late. One name is claimed once at a time.
   */
  claim(name: string, now: number, ended: (ending: ClaimEnding, now: number) => void): void {
    this.#hearing.at(now)
    if (this.holdings.has(name) || this.#claims.has(name))
      throw new Error(`${name} is open here, or is being opened`)
    this.#claims.claim(name, now + this.#patience, (ending, at) => {
      this.#stats.claimEnded(ending.by)
      if (ending.by !== 'grant') return ended(ending, at)
      const term = this.nextTerm(ending.term)
      this.took(name, term)
      ended({ by: 'grant', term }, at)
    })
  }

  /** The term of a new fence of this node, above all that it knows of. Others hear of it by {@link took}. */
  nextTerm(granted = 0): number {
    this.#term = Math.max(this.#term + 1, believed(granted))
    return Math.max(this.#term, granted)
  }

  /**
   * Asks who has a meeting open. `ended` is called once, at the latest after `claimMs`: with the owner, 0 for none; or
   * late, at once where its registrar is silent.
   */
  find(name: string, now: number, ended: (ending: ClaimEnding, now: number) => void): void {
    this.#hearing.at(now)
    const registrar = this.#view.registrarOf(name)
    if (registrar !== this.#self && this.#isSettled && this.isSilent(registrar)) {
      this.#stats.searchEnded('late')
      return ended({ by: 'late' }, now)
    }
    this.#claims.find(name, now + this.#patience, (ending, at) => {
      const isFound = ending.by === 'taken' && ending.owner !== 0
      // The name may have been opened meanwhile, and closed: an earlier meeting goes on above that.
      if (ending.by === 'taken') this.#term = Math.max(this.#term, believed(ending.term))
      this.#stats.searchEnded(ending.by === 'late' ? 'late' : isFound ? 'found' : 'nowhere')
      ended(ending, at)
    })
  }

  /** How long a claim may take. That of a node that has only just started waits until it knows the others. */
  get #patience(): number {
    const { claimMs, settleMs } = this.#limits
    return this.#isSettled ? claimMs : settleMs + claimMs
  }

  isClaiming(name: string): boolean {
    return this.#claims.has(name)
  }

  /** Number of names that this node remembers as their registrar. */
  get remembered(): number {
    return this.#registrar.size
  }

  /** A meeting of this node has ended. */
  closed(name: string): void {
    this.holdings.delete(name)
    this.#registrar.release(name)
  }

  /** This node owns a meeting from now on, at a fence of this term. */
  took(name: string, term: number): void {
    this.#registrar.learn(term)
    this.holdings.add(name)
    this.#registrar.notice(name)
  }

  #put(name: string, id: number, opens: boolean): boolean {
    if (!this.#isUp || !this.#isSettled) return false
    const registrar = this.#view.registrarOf(name)
    const { id: view } = this.#view
    if (registrar === this.#self) {
      this.#registrar.claim(registrar, { type: 'claim', view, echo: this.holdings.round, id, opens, name })
      return true
    }
    const echo = this.holdings.roundOf(registrar)
    if (echo === 0) return false
    this.#send(registrar, { type: 'claim', view, echo, id, opens, name })
    return true
  }

  // ---- nodes

  /** The bus carries messages, for the first time or again. */
  up(now: number): void {
    this.#hearing.at(now)
    this.#hearing.begin(now)
    this.#isUp = true
    this.#timers.set(this.#beat, now + this.#limits.heartbeatMs)
    if (!this.#isSettled) this.#timers.set(this.#settling, now + this.#limits.settleMs)
    this.#heartbeat(false)
    this.holdings.beat()
    this.#claims.retry()
  }

  /** The bus carries nothing until further notice. A node without it declares no one dead and claims nothing new. */
  down(now: number): void {
    this.#hearing.at(now)
    this.#isUp = false
    this.#timers.clear(this.#beat)
    this.#timers.clear(this.#settling)
  }

  /** This node is about to leave, and tells the others, who hand nothing over to it. */
  drain(): void {
    this.#isDraining = true
    this.#heartbeat(false)
  }

  /** Says goodbye: others need not wait for its word any more. */
  leave(now: number): void {
    this.#claims.endAll(now)
    this.#heartbeat(true)
    this.down(now)
  }

  /** A node is proven to have ended. */
  gone(node: number, now: number): void {
    this.#hearing.at(now)
    this.#turn([node], [], now)
  }

  /**
   * Some nodes have ended, and some are there. Many may come at once: they are met together before the others are told,
   * and told once.
   */
  #turn(ended: readonly number[], living: readonly number[], now: number): void {
    const gone = ended.filter(
      (node) => node !== this.#self && this.#view.end(node) && this.#peers.delete(node),
    )
    const come = living.filter((node) => this.#meet(node, now))
    if (gone.length + come.length === 0) return
    this.#registrar.renew()
    this.holdings.renew()
    this.#claims.renew()
    if (this.#telling.index < 0)
      this.#timers.set(this.#telling, Math.max(now, this.#toldAt + this.#limits.tellMs))
    this.#ports.viewed(gone, now)
    for (const node of come) this.#ports.heard(node, now)
  }

  /** False: it is known, has ended, or is one too many. */
  #meet(node: number, now: number): boolean {
    const isOneTooMany = this.#peers.size >= this.#limits.nodes && !this.#peers.has(node)
    if (isOneTooMany) this.#stats.strangers++
    if (isOneTooMany || !this.#view.meet(node)) return false
    this.acquaintance.meet(node, now)
    return true
  }

  #onBeat(now: number): void {
    this.#hearing.at(now)
    this.#timers.set(this.#beat, now + this.#limits.heartbeatMs)
    if (this.#hearing.isDue(now)) this.#heartbeat(false)
    this.holdings.beat()
    this.#claims.beat()
    for (const peer of this.#peers.values()) {
      peer.beat()
      if (!this.#hearing.isSuspect(peer, now)) continue
      if (this.#hearing.isReplaced(peer, this.#facts.id, now)) this.gone(peer.incarnation, now)
      else this.#ports.probe({ node: peer.incarnation, health: peer.health }, now)
    }
    // Somebody may have been silent for too long.
    this.#registrar.review()
    for (const contest of this.#registrar.contests()) this.#ports.contested?.(contest, now)
  }

  #heartbeat(leaves: boolean): void {
    if (!this.#isUp) return
    this.#hearing.speak()
    const { id, address, health, load } = this.#facts
    const state = { view: this.#view.id, isSettled: this.#isSettled, isDraining: this.#isDraining, leaves }
    this.#ports.broadcast(encodeCluster({ type: 'heartbeat', ...state, id, address, health, load }))
  }

  /** Nobody has introduced itself: this node is alone, unless it could not have heard that, or hears of somebody. */
  #settleAlone(now: number): void {
    this.#hearing.at(now)
    if (now < this.#hearing.aloneAt) this.#timers.set(this.#settling, this.#hearing.aloneAt)
    else this.#settle()
  }

  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#timers.clear(this.#settling)
    this.#claims.retry()
  }

  /** What another node has sent, to all or to this one. */
  handle(from: number, bytes: Uint8Array, now: number): void {
    this.#hearing.at(now)
    const message = decodeCluster(bytes)
    if (message === null) {
      this.#stats.strangers++
      return
    }
    if (from === this.#self) return
    if (this.#view.ended.has(from)) {
      this.#turnAway(from, message)
      return
    }
    // Nobody could find out about the end of a node that has not said where it is.
    const isTelling = message.type === 'heartbeat' || message.type === 'introduction'
    if (isTelling || this.#peers.has(from)) this.#met(from, now)
    // Not so, or there are too many already.
    if (!this.#peers.has(from)) return this.#hearing.strange()
    switch (message.type) {
      case 'heartbeat':
        this.#learn(this.#peer(from), message)
        this.#peer(from).isDraining = message.isDraining
        if (message.leaves) this.gone(from, now)
        else if (this.#compare(from, message.view) && message.isSettled) this.#settle()
        break
      case 'introduction':
        this.#hearOf(message, now)
        break
      case 'claim':
        if (!this.#compare(from, message.view) || message.echo !== this.holdings.round) break
        if (this.#view.registrarOf(message.name) === this.#self) this.#registrar.claim(from, message)
        break
      case 'grant':
        this.#claims.answered(message.id, { by: 'grant', term: message.term }, now)
        break
      case 'taken':
        this.#claims.answered(message.id, { by: 'taken', owner: message.owner, term: message.term }, now)
        break
      case 'holds':
        if (!this.#compare(from, message.view)) break
        this.holdings.heard(from, message.round)
        this.#claims.retry()
        if (message.echo !== this.holdings.round || !this.#registrar.hear(from, message)) break
        this.#send(from, { type: 'held', echo: message.round, seq: message.seq })
        break
      case 'held':
        if (message.echo === this.holdings.round) this.holdings.confirmed(from, message)
    }
  }

  /** A node that has ended is alive after all: its place was given to others, so it has to begin anew, as another. */
  #turnAway(node: number, message: ClusterMessage): void {
    if (message.type !== 'heartbeat' || message.leaves) return
    this.#send(node, { type: 'introduction', isSettled: false, living: [], ended: [node] })
  }

  #peer(node: number): KnownPeer {
    return this.#peers.get(node) as KnownPeer
  }

  /** Another node has named those that it takes for alive. What a node says of itself counts for more. */
  #hearOf({ living, ended, isSettled }: Introduction, now: number): void {
    if (ended.includes(this.#self)) this.#ports.expelled?.()
    const others = living.filter(({ node }) => node !== this.#self)
    const nodes = others.map(({ node }) => node)
    this.#turn(ended, nodes, now)
    for (const { node, ...facts } of others) {
      const peer = this.#peers.get(node)
      if (peer?.health === '') this.#learn(peer, { ...facts, load: peer.load })
    }
    if (isSettled) this.#settle()
  }

  #learn(peer: KnownPeer, facts: NodeFacts & Pick<Peer, 'load'>): void {
    const { incarnation, health: known } = peer
    peer.learn(facts)
    if (peer.health !== known) this.#ports.met({ node: incarnation, health: peer.health })
  }

  /** A node was heard itself: what others say of one that is silent does not make it heard. */
  #met(node: number, now: number): void {
    this.#turn([], [node], now)
    const peer = this.#peers.get(node)
    if (peer === undefined) return
    const wasSilent = this.isSilent(node, now)
    peer.heard = now
    if (wasSilent) this.#ports.heard(node, now)
  }

  /**
   * Whether a node has the same view. If not, it is told what this one knows: once a beat, since that may be lost. In a
   * large cluster a few nodes do that at once, and the others where it has not helped.
   */
  #compare(node: number, view: number): boolean {
    const peer = this.#peer(node)
    const beats = peer.compare(this.#view.id, view)
    if (beats < 0) this.acquaintance.agrees(peer)
    if (beats < 0) return true
    const { introducers, introduceBeats } = this.#limits
    if (beats < introduceBeats * this.#hearing.pace && !this.#view.isNear(this.#self, node, introducers))
      return false
    if (!peer.introduce()) return false
    this.#send(node, {
      type: 'introduction',
      isSettled: this.#isSettled,
      living: [...this.#peers.values(), this.#facts].map(introduce),
      ended: [...this.#view.ended],
    })
    return false
  }

  #send(node: number, message: ClusterMessage): void {
    if (this.#isUp) this.#ports.send(node, encodeCluster(message))
  }
}
