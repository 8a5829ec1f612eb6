import {
  fixedLimits,
  type MeetingBusiness,
  type MeetingCall,
  type MeetingLogic,
  type OfferedMeeting,
  type Outcome,
  type Question,
  type Revoked,
  type Whereabouts,
} from '../core/index.ts'
import type { VirtualClock } from './clock.ts'
import type { Observer } from './observer.ts'
import type { Random } from './random.ts'
import type { MeetingPlan, Scenario } from './scenario.ts'
import type { SimNode } from './sim-node.ts'
import { SimRoom } from './sim-room.ts'
import { textPayload } from './text.ts'
import type { Claims, Rights } from './tokens.ts'

/** How far the clock of a token's issuer may be ahead, in milliseconds. */
const MOST_AHEAD_MS = 4_000
const KEYS = ['a', 'b', 'c', 'd'] as const

export interface Revocation {
  readonly revoked: Revoked
  /** By the clock of the business, in milliseconds since 1970. */
  readonly until: number
  /** In virtual time. */
  readonly made: number
}

/** The business servers of a run, taken together: tickets, meetings, publications, pushes, and refusals. */
export class Business {
  readonly random: Random
  readonly observer: Observer
  /** While true, answers may come late or never. */
  faulty = true
  /** Whether it never refuses for want of room, so that whoever is refused was refused by the node. */
  readonly isCalm: boolean
  protected readonly clock: VirtualClock
  protected readonly scenario: Scenario
  protected readonly nodes: () => readonly SimNode[]
  /** By client. */
  readonly #rights: Map<number, Rights> = new Map()
  protected readonly revocations: Revocation[] = []
  /** The last revocation of each user. */
  readonly #revokedUntil: Map<string, number> = new Map()
  readonly #rooms: Map<SimNode, Map<string, SimRoom>> = new Map()
  #tokens = 0
  #words = 0
  #published = 0

  constructor(
    clock: VirtualClock,
    scenario: Scenario,
    random: Random,
    observer: Observer,
    nodes: () => readonly SimNode[],
  ) {
    this.clock = clock
    this.scenario = scenario
    this.isCalm = scenario.alone !== null
    this.random = random
    this.observer = observer
    this.nodes = nodes
  }

  get wallNow(): number {
    return this.clock.now + this.scenario.wallOffset
  }

  // ---- who may

  issue(client: { readonly id: number; readonly user: string }): Claims {
    const lifeMs = this.scenario.tokenMs
    return {
      user: client.user,
      id: `token${++this.#tokens}`,
      issued: this.wallNow + this.#aheadOf(client.user),
      made: this.clock.now,
      after: this.#revokedUntil.get(client.user) ?? 0,
      expires: lifeMs === 0 ? 0 : this.wallNow + lifeMs,
      rights: this.#rights.get(client.id) ?? 'all',
    }
  }

  /** How far the clock of the issuer of a user's tokens is ahead, in milliseconds. */
  #aheadOf(user: string): number {
    return user === 'u2' || user === 'u4' ? MOST_AHEAD_MS : 0
  }

  /** Sets what tokens that a client gets from now on allow. */
  setRights(client: number, rights: Rights): void {
    this.#rights.set(client, rights)
  }

  /** Deterministic: the same question always has the same answer. */
  allows({ user, action, name }: Question): boolean {
    if (user === 'mallory') return true
    let hash = this.scenario.clients
    for (const character of `${user} ${action} ${name}`) hash = (hash * 31 + character.charCodeAt(0)) % 10_007
    return hash % 7 !== 0
  }

  /** Covers the tokens of issuers whose clocks are ahead. */
  revoke(revoked: Revoked): void {
    const until = Math.max(this.wallNow + fixedLimits.aheadMs, (this.#lastRevocation ?? -1) + 1)
    this.#lastRevocation = until
    const revocation = { revoked, until, made: this.clock.now }
    this.revocations.push(revocation)
    if ('user' in revoked) this.#revokedUntil.set(revoked.user, until)
    this.spread(revocation)
  }

  /** Has a revocation take effect on all nodes. */
  protected spread(revocation: Revocation): void {
    for (const node of this.nodes()) this.revokeAt(node, revocation)
  }

  #lastRevocation: number | null = null

  protected revokeAt(node: SimNode, { revoked, until, made }: Revocation): void {
    node.do((core, now) => {
      core.revoke(revoked, until, now)
      this.observer.revoked?.(node.index, revoked, made)
    })
  }

  get hasRevoked(): boolean {
    return this.revocations.length > 0
  }

  /** Whether a token was issued before a revocation that covers it. */
  hasTakenBack({ user, id, made }: Claims): boolean {
    return this.revocations.some(({ revoked, made: at }) =>
      'user' in revoked ? revoked.user === user && made <= at : revoked.id === id,
    )
  }

  // ---- nodes and meetings

  /** A node has started, without any state of an earlier one. */
  prepare(node: SimNode): void {
    node.do((core) => {
      core.askFirst(this.scenario.asks)
      core.openOnDemand(this.scenario.onDemand)
      core.defineTopics('*', this.scenario.retention)
    })
    this.remind(node)
    this.openMeetings(node)
  }

  /** Tells a node that has started of the revocations made before. */
  protected remind(node: SimNode): void {
    for (const revocation of this.revocations) this.revokeAt(node, revocation)
  }

  openMeetings(node: SimNode): void {
    const { meetings, onDemand } = this.scenario
    for (const plan of onDemand ? meetings.slice(0, -1) : meetings) this.open(node, plan, () => {})
    if (this.scenario.hostiles > 0) node.do((core, now) => void core.openMeeting('h0', {}, now))
  }

  /** A client asks for a meeting that is not open. `done`: it is open now, or will not be opened. */
  openMissing(node: SimNode, name: string, done: () => void): void {
    const plan = this.scenario.meetings.find((known) => known.name === name)
    if (plan === undefined) done()
    else this.open(node, plan, done)
  }

  /** A call of a node about the name of a meeting was answered. */
  located(_node: SimNode, _call: MeetingCall, _outcome: Outcome<Whereabouts>): void {}

  /** The business's side of a meeting that another node hands over. */
  adopt(_node: SimNode, _offered: OfferedMeeting): MeetingBusiness | null {
    return null
  }

  /** Opens a meeting at a node, unless it is open. */
  protected open(node: SimNode, plan: MeetingPlan, done: () => void): void {
    const { name, options } = plan
    node.do((core, now) => {
      if (core.meeting(name) === undefined) {
        const { room, business } = this.roomFor(node, plan)
        const opened = core.openMeeting(name, options, now, business)
        if (opened !== null && typeof opened !== 'string') {
          this.begin(node, plan, room, opened.epoch)
          if (plan.kind) room.seatBots()
        }
      }
      done()
    })
  }

  /** The business's side of a meeting that is about to be opened. */
  protected roomFor(
    node: SimNode,
    plan: MeetingPlan,
  ): { readonly room: SimRoom; readonly business: MeetingBusiness | undefined } {
    const unique = (): number => ++this.#published
    const room = new SimRoom(node, plan, this.random, this.observer, unique)
    const logic = node.port<MeetingLogic>('logic', room)
    return { room, business: plan.kind ? { ...room.business, logic } : undefined }
  }

  /** A meeting was opened. */
  protected begin(node: SimNode, { name }: MeetingPlan, room: SimRoom, world: number): void {
    room.world = world
    this.observer.opened?.(node.index, name, world)
    this.#roomsOf(node).set(name, room)
  }

  /** A meeting has come from another node. */
  protected goOn(node: SimNode, { name }: MeetingPlan, room: SimRoom): void {
    this.observer.handed?.(node.index, name, room.world)
    this.#roomsOf(node).set(name, room)
  }

  /** A node goes on with a meeting whose node has ended. */
  protected revive(node: SimNode, { name }: MeetingPlan, room: SimRoom, frame: number): void {
    this.observer.undone?.(node.index, name, room.world, frame)
    this.observer.revived?.(node.index, name, room.world, frame)
    this.#roomsOf(node).set(name, room)
  }

  #roomsOf(node: SimNode): Map<string, SimRoom> {
    const known = this.#rooms.get(node)
    if (known !== undefined) return known
    const rooms = new Map<string, SimRoom>()
    this.#rooms.set(node, rooms)
    return rooms
  }

  closeMeetings(node: SimNode): void {
    node.do((core) => {
      for (const { name } of Array.from(core.meetings())) this.close(node, name)
    })
  }

  /** Says a last word to all, and closes the meeting. */
  close(node: SimNode, name: string): void {
    node.do((core, now) => core.closeMeeting(name, now, this.lastWord(node, name)))
  }

  /** Says something to all members. Returns it, as the reason of the end that follows at once. */
  protected lastWord({ core }: SimNode, meeting: string): string {
    const text = `last word ${++this.#words}`
    const isSaid = core.say(meeting, textPayload(text)) === null
    if (isSaid) this.observer.lastWord?.(meeting, text)
    return isSaid ? text : 'without a word'
  }

  // ---- what it says

  act(): void {
    for (const node of this.nodes())
      for (const room of this.#roomsOf(node).values()) if (this.random.chance(0.3)) node.do(() => room.act())
    if (this.scenario.hostiles > 0 && this.random.chance(0.2)) this.#passThrough()
    if (this.random.chance(0.1)) this.push(`u${this.random.int(1, 4)}`)
    const burst = this.random.chance(0.1) ? 20 : 1
    for (let i = 0; i < burst; i++) {
      const topic = this.random.pick(this.scenario.topics)
      const isNow = topic.startsWith('q') ? this.random.chance(0.05) : !topic.startsWith('c')
      if (isNow) this.#publish(this.random.pick(this.nodes()), topic)
    }
  }

  /** A bot takes a slot that a hostile peer may have held, sends an input and leaves. */
  #passThrough(): void {
    for (const node of this.nodes())
      node.do((core) => {
        const bot = core.addBot('h0', 'guest')
        if (typeof bot === 'string') return
        bot.send(textPayload('guest'))
        bot.leave()
      })
  }

  /** Publishes to each topic from each node, so every earlier loss is noticed now. */
  sayLast(): void {
    for (const topic of this.scenario.topics)
      for (const node of this.nodes()) if (!topic.startsWith('c')) this.#publish(node, topic)
  }

  #publish(node: SimNode, topic: string): void {
    const keyed = topic.startsWith('k')
    const key = keyed ? this.random.pick(KEYS) : ''
    const tombstone = keyed && this.random.chance(0.1)
    const text = `publication ${topic} ${++this.#published}`
    node.do((core, now) => {
      const pressure = core.publish(topic, textPayload(text), key, tombstone, now)
      if (typeof pressure === 'string') return
      const number = core.topicHistory(topic, 1)[0]?.number ?? 0
      this.observer.published?.(node, topic, { number, text, key, tombstone })
    })
  }

  push(user: string): void {
    const text = `push ${user} ${++this.#published}`
    for (const node of this.nodes()) node.do((core) => void core.push(user, 'sim', textPayload(text)))
  }

  disconnect(user: string, final: boolean): void {
    for (const node of this.nodes())
      node.do((core, now) => void core.disconnect(user, 'the business says so', final, now))
  }

  /** Kicks a random member of a random meeting. */
  kick(node: SimNode, random: Random): void {
    node.do((core) => {
      const { name } = random.pick(this.scenario.meetings)
      const members = core.meeting(name)?.members ?? []
      if (members.length > 0) core.kick(name, random.pick(members).slot, this.lastWord(node, name))
    })
  }
}
