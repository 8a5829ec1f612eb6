import type { Cluster } from './cluster/cluster.ts'
import { Homes } from './cluster/homes.ts'
import { linked, LinkParts } from './cluster/link-messages.ts'
import { Mesh, type MeshHost } from './cluster/mesh.ts'
import { Moves } from './cluster/moves.ts'
import { Passing, type PassingHost } from './cluster/passing.ts'
import type { Found } from './cluster/names.ts'
import { type AnswerOf, type MeetingPart, meetingParts, type QuestionOf } from './cluster/question-kinds.ts'
import type { Whereabouts } from './cluster/question-kinds.ts'
import { type Answerer, type Answerers, Questions, Refusal } from './cluster/questions.ts'
import { Revoking, type RevokingHost } from './cluster/revoking.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { utf8Length } from '../protocol/bytes.ts'
import { limits } from '../protocol/limits.ts'
import type { Payload } from '../protocol/payload.ts'
import type { Connection } from './door/connection.ts'
import type { NodeConfig } from './ground/config.ts'
import type { PageQuery, Search } from './ground/page.ts'
import type { Stats } from './ground/stats.ts'
import type { Timers } from './ground/timers.ts'
import type { Work } from './ground/work.ts'
import type { MeetingInfo } from './meeting/business.ts'
import type { Application, Bus, DrainProgress, DrainState, ToldRevocation } from './ports.ts'
import type { SessionInfo } from './session/session-info.ts'
import type { Sessions } from './session/sessions.ts'
import { Twins } from './cluster/twins.ts'
import type { TopicPeers } from './topic/catch-up.ts'
import { keptOf } from './topic/kept.ts'
import type { TopicInfo } from './topic/topic-info.ts'
import type { Topics } from './topic/topics.ts'

/** Searches for other nodes under way, of which some go on in each sweep; further ones are refused. */
const SEARCHES = 1_000
const SEARCHES_PER_SWEEP = 8
/** How long a node has to say what it has of a meeting. */
const PART_MS = 1_000
/** How long a node has to answer about a meeting that was handed over to it. */
const FORWARDED_MS = 1_500

/** What this node does for others that ask it. */
export interface PeeringHost {
  push(user: string, name: string, data: Payload): number
  disconnect(user: string, text: string, final: boolean, now: number, id: string): number
  learnRevocation(told: ToldRevocation, now: number): number | ErrorCode
  sessionList(limit: number, user?: string): SessionInfo[]
  meetingPage(wish: PageQuery, kind?: string): Search<readonly MeetingInfo[]>
  topicPage(wish: PageQuery): Search<readonly TopicInfo[]>
  subscribers(topic: string): number
  meeting(name: string): MeetingInfo | undefined
  kick(meeting: string, slot: number, message: string): boolean
  sendTo(meeting: string, slot: number, data: Payload): boolean
  closeMeeting(name: string, now: number, message?: string): void
  readonly draining: { readonly state: DrainState; readonly progress: DrainProgress }
}

/**
 * A meeting as another node is told of it: the business may have put something into its metadata that has no JSON form.
 */
function written(info: MeetingInfo): MeetingInfo {
  try {
    JSON.stringify(info.metadata)
    return info
  } catch {
    return { ...info, metadata: { error: 'It has no JSON form.' } }
  }
}

/** A search for another node, which goes on a little with each sweep. */
interface Running {
  /** True: it is over, and the node has its answer. */
  step(): boolean
}

/** What a node and its peers ask and tell each other, over links: questions, homes, what topics have missed. */
export class Peering implements TopicPeers {
  readonly links: LinkParts
  readonly homes: Homes
  /** Meetings across nodes. */
  readonly mesh: Mesh
  /** Asks clients to move to other nodes. */
  readonly moves: Moves
  readonly questions: Questions
  /** Decides between several owners of one name. */
  readonly twins: Twins
  /** Sessions that go from node to node. */
  readonly passing: Passing
  readonly revoking: Revoking
  readonly #self: number
  readonly #cluster: Cluster
  readonly #host: PeeringHost
  readonly #application: Pick<Application, 'callMeeting' | 'drain' | 'fail'>
  readonly #topics: () => Topics
  readonly #searches: Running[] = []
  readonly #work: Work

  constructor(
    config: NodeConfig,
    timers: Timers,
    stats: Stats,
    bus: Bus,
    cluster: Cluster,
    sessions: Sessions,
    topics: () => Topics,
    host: PeeringHost,
    application: Pick<Application, 'callMeeting' | 'drain' | 'fail'>,
    meshHost: Omit<MeshHost, 'links' | 'self' | 'cluster' | 'questions'> &
      Pick<PassingHost, 'replaced'> &
      Pick<RevokingHost, 'revocations'>,
  ) {
    this.#self = config.incarnation
    this.#cluster = cluster
    this.#host = host
    this.#application = application
    this.#topics = topics
    this.#work = meshHost.work
    const put = (node: number, bytes: Uint8Array): void => bus.send(node, bytes)
    const isThere = (node: number): boolean => this.isThere(node)
    const isTaken = (): boolean => this.#work.isTaken || this.mesh.hosting.turns.isFull
    this.links = new LinkParts(timers, stats, { put, isThere, isTaken }, config.limits)
    const questions = (): Questions => this.questions
    this.mesh = new Mesh({ ...meshHost, links: this.links, self: this.#self, cluster, questions })
    this.twins = new Twins({
      self: this.#self,
      questions,
      claimant: (name) => this.mesh.deposing.claimant(name),
      depose: (...deposed) => this.mesh.deposing.depose(...deposed),
    })
    const { downstream } = meshHost
    this.moves = new Moves({
      config,
      timers,
      stats,
      tell: ({ outlet }, move) => downstream.control(outlet as Connection, move),
      ownerOf: (log) => this.mesh.ownerOfLog(log),
      urlOf: ({ outlet }, node) => this.#urlOf(config, outlet as Connection, node),
    })
    const send = (node: number, message: Uint8Array): void => this.links.send(node, message)
    this.homes = new Homes(
      this.#self,
      {
        view: cluster.nodes,
        isSilent: (node) => cluster.isSilent(node),
        users: () => sessions.users(),
        presence: (user) => sessions.presence(user),
        send,
        isOpen: (node) => this.links.isOpen(node),
      },
      stats,
    )
    this.passing = new Passing({
      self: this.#self,
      sessions,
      questions: () => this.questions,
      homeOf: (user) => this.homeOf(user),
      whereabouts: (user) => this.whereabouts(user),
      peers: () => this.peers(),
      draining: () =>
        cluster.peers.filter(({ isDraining }) => isDraining).map(({ incarnation }) => incarnation),
      reaches: (node) => this.reaches(node),
      replaced: meshHost.replaced,
      deliver: (session, entry) => downstream.sendEncoded(session, entry),
      isOpen: (node, isLast) => this.isThere(node) && this.links.isOpen(node, isLast),
    })
    this.revoking = new Revoking({
      revocations: meshHost.revocations,
      learnRevocation: (told, now) => host.learnRevocation(told, now),
      questions,
      isThere,
      reaches: (node) => this.reaches(node),
    })
    this.questions = new Questions(timers, stats, send, this.#answerers(config.limits.busBytes))
    this.links.add(linked.homes, this.homes)
    this.links.add(linked.questions, {
      message: (from, bytes, now) => this.questions.message(from, bytes, now),
      broken: (node, now) => {
        this.questions.broken(node, now)
        // What this node was told of may have been lost with the link.
        this.revoking.ask(node, now)
      },
    })
  }

  get hasWork(): boolean {
    return (
      this.links.hasWork ||
      this.mesh.hasWork ||
      this.homes.hasWork ||
      this.passing.hasWork ||
      this.#searches.length > 0
    )
  }

  /** Part of the sweep. */
  sweep(now: number): void {
    this.#work.begin()
    this.passing.sweep(now)
    this.homes.sweep(now)
    for (const search of this.#searches.splice(0, SEARCHES_PER_SWEEP))
      if (!search.step()) this.#searches.push(search)
    this.mesh.sweep(now)
    this.links.sweep(now)
  }

  // ---- the other nodes

  /** The nodes that can be asked. */
  *peers(): Generator<number> {
    for (const node of this.#cluster.nodes.living) if (node !== this.#self && this.reaches(node)) yield node
  }

  /** Whether a node is there, and was heard lately. */
  reaches(node: number): boolean {
    return !this.#cluster.isSilent(node)
  }

  isThere(node: number): boolean {
    return this.#cluster.nodes.has(node)
  }

  /** Where the client of a connection would reach another node; '' where that is not known. */
  #urlOf({ cluster }: NodeConfig, { host }: Connection, node: number): string {
    const peer = this.#cluster.peer(node)
    if (peer === undefined || peer.id === '' || !this.reaches(node)) return ''
    const url = cluster?.urlOf?.(peer, host) ?? peer.address
    return utf8Length(url) > limits.name ? '' : url
  }

  /** The nodes that have not ended are others than before. `ended`: those that have. */
  viewed(ended: readonly number[], now: number): void {
    for (const node of ended) {
      this.links.gone(node)
      this.mesh.gone(node, now)
      this.questions.gone(node, now)
      this.revoking.gone(node)
      this.#topics().catchUp.gone(node, now)
    }
    this.homes.renew()
    // One that has ended may have told some of the others only.
    if (ended.length > 0) for (const node of this.peers()) this.revoking.ask(node, now)
  }

  /** A node is met, or heard again after it was silent. */
  heard(node: number, now: number): void {
    this.#topics().catchUp.met(node, this.#topics().all())
    this.mesh.revival.heard(node)
    this.revoking.ask(node, now)
  }

  /** The bus carries messages again: this node may have missed what anybody has said. */
  up(isAgain: boolean, now: number): void {
    this.links.up()
    if (!isAgain) return
    for (const node of this.peers()) this.heard(node, now)
  }

  /** This node closes. */
  close(now: number): void {
    // Before what it waits for ends: it would go on without those answers.
    this.mesh.revival.close()
    this.questions.close(now)
  }

  // ---- questions

  /** See {@link TopicPeers.ask}. */
  ask: TopicPeers['ask'] = (node, wants, deadline, ended) => {
    this.questions.ask([node], 'kept', wants, deadline, (_, ending, now) =>
      ended(ending.by === 'answer' ? ending.answer : null, now),
    )
  }

  /** What this node has of a meeting. */
  partOf(meeting: string): MeetingPart {
    if (this.#host.meeting(meeting) !== undefined) return 'owner'
    if (this.mesh.revival.holds(meeting)) return 'heir'
    return this.mesh.ownerOf(meeting) === 0 ? 'nothing' : 'replica'
  }

  /**
   * Asks all nodes which of them has a meeting, or would go on with it: its registrar has not said. `found` is called
   * once, with null where none does.
   */
  search(meeting: string, now: number, found: Found): void {
    const left = new Set(this.peers())
    if (left.size === 0) return found(null, now)
    this.questions.ask([...left], 'part', { meeting }, now + PART_MS, (node, ending, at) => {
      const part = ending.by === 'answer' ? meetingParts[ending.answer] : 'nothing'
      const has = part === 'owner' || part === 'heir'
      if (!left.delete(node) || (left.size > 0 && !has)) return
      left.clear()
      found(has ? node : null, at)
    })
  }

  /** The node that knows where a user has sessions. */
  homeOf(user: string): number {
    return this.#cluster.nodes.registrarOf(user)
  }

  /** Where a user has sessions, as far as this node knows. */
  whereabouts(user: string): Whereabouts {
    const { isComplete, places } = this.homes.whereabouts(user)
    return { isComplete: isComplete && this.#cluster.isSettled, places }
  }

  #answerers(most: number): Answerers {
    const host = this.#host
    return {
      whereabouts: ({ user }, reply) => reply(this.whereabouts(user)),
      push: ({ user, name, data }, reply) => reply(host.push(user, name, data)),
      disconnect: ({ user, session, text, final }, reply, _, now) =>
        reply(host.disconnect(user, text, final, now, session)),
      revoke: (told, reply, _, now) => {
        const closed = host.learnRevocation(told, now)
        reply(typeof closed === 'number' ? closed : new Refusal(closed, 'too many are revoked'))
      },
      revocations: (question, reply, from, now) => reply(this.revoking.answer(from, question, now)),
      kept: (wants, reply) => {
        const { nodes } = this.#cluster
        // Who is there answers for itself.
        const tells = (source: number): boolean => source === this.#self || !nodes.has(source)
        reply(keptOf(wants, (name) => this.#topics().get(name), tells, most))
      },
      frames: (wanted, reply, from, now) => reply(this.mesh.revival.framesFor(wanted, from, now)),
      claimant: ({ name }, reply) => reply(this.mesh.deposing.claimant(name)),
      depose: (subject, reply, _, now) => {
        this.mesh.deposing.depose(subject, now)
        reply(true)
      },
      supersede: (subject, reply, _, now) => {
        this.mesh.deposing.supersede(subject, now)
        reply(true)
      },
      takes: (subject, reply) => reply(this.mesh.consents.gives(subject)),
      sessions: ({ user, limit }, reply) => reply(host.sessionList(limit, user === '' ? undefined : user)),
      meetings: ({ ofKind, kind, ...wish }, reply) =>
        this.#run(host.meetingPage(wish, ofKind ? kind : undefined), (found) =>
          reply(found instanceof Refusal ? found : found.map(written)),
        ),
      topics: (wish, reply) => this.#run(host.topicPage(wish), reply),
      meeting: this.#atOwner('meeting', ({ name }) => host.meeting(name) ?? null),
      kick: this.#atOwner('kick', ({ name, slot, message }) => host.kick(name, slot, message)),
      sendTo: this.#atOwner('sendTo', ({ name, slot, data }) => host.sendTo(name, slot, data)),
      call: this.#atOwner('call', ({ name, method, data }) => {
        const answer = this.#application.callMeeting(name, method, data)
        return 'code' in answer ? new Refusal(answer.code, answer.message) : answer
      }),
      close: this.#atOwner('close', ({ name, message }, now) => {
        host.closeMeeting(name, now, message)
        return true
      }),
      subscribers: ({ topic }, reply) => reply(host.subscribers(topic)),
      part: ({ meeting }, reply) => reply(meetingParts.indexOf(this.partOf(meeting))),
      ...this.passing.answerers,
      drain: ({ timeoutMs }, reply) => {
        if (timeoutMs > 0) this.#application.drain(timeoutMs)
        const { state, progress } = host.draining
        reply({ state: timeoutMs > 0 && state === 'serving' ? 'draining' : state, ...progress })
      },
      successions: ({ withinMs }, reply, _, now) => reply(this.mesh.successions.told(withinMs, now)),
      fail: ({ cutMs }, reply) => {
        const will = this.#application.fail?.(cutMs) === true
        reply(will || new Refusal('FORBIDDEN', 'the node was not started with the option faults'))
      },
    }
  }

  /** Answers about a meeting that is open here; one that was handed over is asked about where it has gone. */
  #atOwner<K extends 'meeting' | 'kick' | 'sendTo' | 'call' | 'close'>(
    kind: K,
    act: (question: QuestionOf<K>, now: number) => AnswerOf<K> | Refusal,
  ): Answerer<K> {
    return (question, reply, from, now) => {
      const { name } = question
      const { handover } = this.mesh
      const heir = handover.heirOf(name, from)
      if (this.#host.meeting(name) !== undefined) reply(act(question, now))
      else if (handover.isTaking(name)) reply(new Refusal('BUSY', 'it is on its way to this node; try again'))
      else if (this.#cluster.isClaiming(name)) reply(new Refusal('BUSY', 'it is being opened; try again'))
      else if (heir === 0) reply(null as AnswerOf<K>)
      else
        this.questions.ask([heir], kind, question, now + FORWARDED_MS, (_, ending) => {
          if (ending.by === 'answer') reply(ending.answer)
          else if (ending.by === 'refused') reply(new Refusal(ending.refused.code, ending.refused.message))
          else reply(new Refusal('UNKNOWN', 'the node that it was handed over to has not answered'))
        })
    }
  }

  #run<T>(search: Search<T>, reply: (found: T | Refusal) => void): void {
    if (this.#searches.length >= SEARCHES)
      return reply(new Refusal('BUSY', 'too many lists at once; try again'))
    this.#searches.push({
      step: () => {
        const { done = false, value } = search.next()
        if (done) reply(value as T)
        return done
      },
    })
  }
}
