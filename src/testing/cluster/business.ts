import {
  defaultLimits,
  type MeetingBusiness,
  type MeetingCall,
  type OfferedMeeting,
  type Outcome,
  type Whereabouts,
} from '../../core/index.ts'
import { Business, type Revocation } from '../business.ts'
import { violate } from '../observer.ts'
import type { MeetingPlan } from '../scenario.ts'
import type { SimNode } from '../sim-node.ts'
import type { SimRoom } from '../sim-room.ts'

/** How long a node has to say that it takes a revocation for made, in milliseconds. */
const REVOKED_MS = 2_000

/** A call about a name that was not answered yet. */
interface Asked {
  readonly node: SimNode
  readonly at: number
  /** What is to be opened; null where the name is only looked for. */
  readonly opens: { readonly plan: MeetingPlan; readonly room: SimRoom; readonly done: () => void } | null
}

/** The business of a cluster: it opens a meeting through whichever node it happens to ask. */
export class ClusterBusiness extends Business {
  readonly #asked: Map<MeetingCall, Asked> = new Map()

  protected override open(node: SimNode, plan: MeetingPlan, done: () => void): void {
    node.do((core, now) => {
      const { room, business } = this.roomFor(node, plan)
      const call = { name: plan.name }
      this.#asked.set(call, { node, at: this.clock.now, opens: { plan, room, done } })
      core.claimMeeting(call, plan.options, now, business)
    })
  }

  /** Asks a node which node has a meeting. */
  find(node: SimNode, name: string): void {
    node.do((core, now) => {
      const call = { name }
      this.#asked.set(call, { node, at: this.clock.now, opens: null })
      core.findMeeting(call, now)
    })
  }

  override located(node: SimNode, call: MeetingCall, outcome: Outcome<Whereabouts>): void {
    const asked = this.#asked.get(call)
    if (asked === undefined) return violate('names', `${node.index} answered twice about ${call.name}`)
    this.#asked.delete(call)
    const { opens, at } = asked
    if (opens !== null && outcome.ok && outcome.value.isNew) {
      const { plan, room } = opens
      const world = node.core.meeting(call.name)?.epoch
      if (world === undefined) return violate('names', `${call.name} is new at ${node.index}, and not open`)
      this.begin(node, plan, room, world)
      // A port calls nothing of the node.
      node.later(0, () => room.seatBots())
    }
    this.observer.located?.(node.index, call.name, outcome, this.clock.now - at)
    if (opens !== null) node.later(0, opens.done)
  }

  override adopt(node: SimNode, { name }: OfferedMeeting): MeetingBusiness | null {
    const plan = this.scenario.meetings.find((each) => each.name === name)
    if (plan === undefined) return null
    const { room, business } = this.roomFor(node, plan)
    room.restored = () => this.goOn(node, plan, room)
    room.revived = (frame) => this.revive(node, plan, room, frame)
    return business ?? null
  }

  /** A node has ended, and answers nothing any more. */
  died(node: SimNode): void {
    for (const [call, asked] of this.#asked) if (asked.node === node) this.#asked.delete(call)
  }

  /** Each call has had its answer. */
  noneWaits(): void {
    for (const [{ name }, { node, at }] of this.#asked)
      violate('names', `a call about ${name} of ${at.toFixed(0)} ms at node ${node.index} was never answered`)
  }

  /** The nodes that have a meeting open. */
  ownersOf(name: string): SimNode[] {
    return this.nodes().filter(({ alive, core }) => alive && core.meeting(name) !== undefined)
  }

  /** Opens a meeting through one node, or through two at once. */
  openSomewhere(isRace: boolean): void {
    const plan = this.random.pick(this.scenario.meetings)
    for (let n = isRace ? 2 : 1; n > 0; n--) this.open(this.random.pick(this.nodes()), plan, () => {})
  }

  /** One node is told, which tells the others: those it reaches at once, the rest when they are heard again. */
  protected override spread(revocation: Revocation): void {
    const living = this.nodes().filter(({ alive }) => alive)
    // Where no node runs, nobody can be told.
    if (living.length > 0) this.#spreadFrom(this.random.pick(living), revocation)
  }

  /** I17: where all is well, a revocation holds on all nodes within two seconds. This one is of a user nobody is. */
  revokeNobody(): void {
    const [told] = this.nodes() as [SimNode, ...SimNode[]]
    const revocation = { revoked: { user: 'nobody' }, until: this.wallNow, made: this.clock.now }
    this.revocations.push(revocation)
    this.#spreadFrom(told, revocation)
    this.clock.after(REVOKED_MS, () => this.allRevoked())
  }

  #spreadFrom(told: SimNode, revocation: Revocation): void {
    const { revoked, until, made } = revocation
    this.revokeAt(told, revocation)
    const ofUser = 'user' in revoked
    const leftMs = defaultLimits.tokenMs + Math.max(0, until - this.wallNow)
    const question = { ofUser, name: ofUser ? revoked.user : revoked.id, until, leftMs }
    told.do(({ cluster, peering }, now) => {
      const others = cluster?.peers.map(({ incarnation }) => incarnation) ?? []
      peering?.questions.ask(others, 'revoke', question, now + REVOKED_MS, (node, ending) => {
        const other = this.nodes().find(({ incarnation, alive }) => alive && incarnation === node)
        if (other === undefined) return
        this.observer.clustered?.(`revocation ${ending.by}`, `${told.index} to ${other.index}`)
        if (ending.by === 'answer') this.observer.revoked?.(other.index, revoked, made)
      })
    })
  }

  /** A node that has started asks the others. */
  protected override remind(): void {}

  /** What one node knows to be revoked, all do. One that ends before it could tell anybody takes it with it. */
  allRevoked(): void {
    for (const { revoked } of this.revocations) {
      if (!('user' in revoked)) continue
      const known = this.nodes().map(({ core }) => core.revokedUntil(revoked.user))
      if (new Set(known).size > 1)
        violate(
          'I17',
          `the nodes do not agree up to when the tokens of ${revoked.user} are revoked: ${known.join()}`,
        )
    }
  }

  /** A node opens a meeting, unless another one has it. */
  claim(node: SimNode, name: string): void {
    const plan = this.scenario.meetings.find((each) => each.name === name)
    if (plan !== undefined) this.open(node, plan, () => {})
  }

  /** The owner of the first meeting kicks its first member. */
  kickOne(): void {
    for (const { name } of this.scenario.meetings)
      for (const owner of this.ownersOf(name)) {
        const member = owner.core.meeting(name)?.members.find(({ bot }) => !bot)
        if (member !== undefined) return owner.do((core) => void core.kick(name, member.slot, 'out'))
      }
  }

  /** The owner of a random meeting closes it. */
  closeOne(): void {
    const { name } = this.random.pick(this.scenario.meetings)
    for (const owner of this.ownersOf(name)) owner.do((core, now) => core.closeMeeting(name, now))
  }
}
