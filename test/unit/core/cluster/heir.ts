import type { ClaimEnding } from '../../../../src/core/cluster/claims.ts'
import type { Legacy } from '../../../../src/core/cluster/heritage.ts'
import type { MeshMessageOf } from '../../../../src/core/cluster/mesh-messages.ts'
import type { RevivalHost } from '../../../../src/core/cluster/orphan.ts'
import type { AnswerOf, KindName, QuestionOf } from '../../../../src/core/cluster/question-kinds.ts'
import type { QuestionEnding } from '../../../../src/core/cluster/questions.ts'
import { Replica } from '../../../../src/core/cluster/replica.ts'
import { Successions } from '../../../../src/core/cluster/successions.ts'
import { Support } from '../../../../src/core/cluster/support.ts'
import { View } from '../../../../src/core/cluster/view.ts'
import type { Limits } from '../../../../src/core/ground/config.ts'
import { LEAST_EDGE } from '../../../../src/core/ground/incarnation.ts'
import type { MeetingBusiness } from '../../../../src/core/index.ts'
import type { Attendee } from '../../../../src/core/meeting/attendance.ts'
import { plain } from '../../../../src/core/meeting/business.ts'
import { Meetings } from '../../../../src/core/meeting/meetings.ts'
import { defaultMeeting } from '../../../../src/core/meeting/options.ts'
import type { Owner } from '../../../../src/core/meeting/owner.ts'
import type { Fence } from '../../../../src/core/meeting/reigns.ts'
import type { Session } from '../../../../src/core/session/session.ts'
import type { MeetingEvent, MessageOf } from '../../../../src/protocol/index.ts'
import { followedOf, frameOf, joinOf, Parts, words } from './parts.ts'

/** This node; the owner of the meeting; and the number of the log of its copy here. */
export const SELF = 9
export const OWNER = 5
export const NUMBER = 30
/** Other nodes: one that has frames, one that has none, one that is silent, and an edge. */
export const [HAS, HAS_NOT, SILENT, EDGE] = [6, 7, 8, LEAST_EDGE + 1] as const
/** A fence of this node, above that of the owner. */
export const FENCE: Fence = { term: 3, incarnation: SELF }

/** A question to another node that has no answer yet. */
interface Asked {
  readonly node: number
  readonly kind: KindName
  readonly question: QuestionOf<'frames'>
  readonly deadline: number
  readonly ended: (node: number, ending: QuestionEnding<never>, now: number) => void
}

/**
 * A node with a copy of a meeting of ann, bob, who is away, and a robot, in three frames; it may go on with it. All that
 * it says to others is noted, and the test answers.
 */
export class Heir extends Parts {
  /** What is said to other nodes, and done about the name of the meeting, in words. */
  readonly said: string[] = []
  readonly answers: string[] = []
  readonly rejoined: string[] = []
  readonly asked: Asked[] = []
  /** Questions to the registrar. */
  readonly looks: ((ending: ClaimEnding, now: number) => void)[] = []
  readonly silent: Set<number> = new Set([SILENT])
  readonly successions: Successions = new Successions()
  adopted: MeetingBusiness | null = plain
  /** Until when nodes support its own meetings, and since when members must have answered where they do not. */
  until = Infinity
  since = -Infinity
  isDraining = false
  /** What it has told others that it does not own. */
  readonly denied: string[] = []
  /** The highest term that the registrar has told of. */
  #told = 0
  isClaiming = false
  isHeld = false
  view = 1
  self = SELF
  readonly nodes: View
  readonly meetings: Meetings
  readonly host: RevivalHost
  readonly support: Support = new Support({ call: () => {}, answer: () => {}, isAgainst: () => false })
  /** Of the meeting of the next copy. */
  name = 'm'
  /** What else its owner tells when that begins. */
  facts: Partial<MeshMessageOf<'followed'>> = {}
  replica!: Replica

  constructor(peers: readonly number[], limits: Partial<Limits> = {}) {
    super(limits)
    const { timers, downstream, budget, work, stats, successions, support } = this
    const config = {
      limits: this.limits,
      entropy: (length: number) => new Uint8Array(length),
      incarnation: SELF,
    }
    const backing = { supportedUntil: () => this.until, answersSince: () => this.since, askReach: () => {} }
    const closed = (name: string): void => void this.said.push(`${name} is let go of`)
    this.meetings = new Meetings(
      config as never,
      timers,
      downstream,
      stats,
      budget,
      work,
      () => 40,
      closed,
      backing,
    )
    this.nodes = new View(SELF)
    for (const node of peers) this.nodes.meet(node)
    const now = { self: () => this.self, view: () => this.view, peers: () => this.peers }
    this.host = {
      get self() {
        return now.self()
      },
      limits: this.limits,
      timers,
      stats,
      work,
      successions,
      support,
      meetings: () => this.meetings,
      cluster: {
        nodes: this.nodes,
        get peers() {
          return now.peers()
        },
        get view() {
          return now.view()
        },
        took: (name: string, term: number) => this.said.push(`${name} is its own at ${term}`),
        closed,
        nextTerm: (least: number) => Math.max(least, this.#told + 1),
        isSilent: (node: number) => this.silent.has(node),
        isClaiming: () => this.isClaiming,
        holdings: {
          has: () => this.isHeld,
          add: (name: string, stands: boolean) =>
            this.said.push(`${name} is held${stands ? '' : ' as its own'}`),
        },
        find: (_: string, __: number, ended: (ending: ClaimEnding, now: number) => void) =>
          this.looks.push(ended),
      },
      hosting: {
        goOn: (node: number, { replica }: MeshMessageOf<'follow'>) =>
          this.said.push(`${node}: follow ${replica}`),
        send: (node: number, replica: number, owner: number) =>
          this.said.push(`${node}: moved ${replica} to ${owner}`),
        parked: {
          remove: (node: number, replica: number) => this.said.push(`${node}: ${replica} waits no more`),
        },
      },
      questions: () => ({
        ask: (
          nodes: Iterable<number>,
          kind: KindName,
          question: QuestionOf<'frames'>,
          deadline: number,
          ended: Asked['ended'],
        ) => {
          for (const node of nodes) this.asked.push({ node, kind, question, deadline, ended })
        },
      }),
      isDraining: () => this.isDraining,
      adopt: () => this.adopted,
      replica: (name: string) => (this.replica.name === name ? this.replica : undefined),
      denied: (name: string, node: number) => this.denied.push(`${name} to ${node}`),
      link: (node: number, message: Parameters<typeof words>[0]) =>
        this.said.push(`${node}: ${words(message)}`),
      newWorld: () => 78,
    } as unknown as RevivalHost
  }

  /** What the replica tells its node. */
  tells: { ended(replica: Replica): void; orphaned(replica: Replica, now: number): void } = {
    ended: () => {},
    orphaned: () => {},
  }

  /** The copy. */
  copy(legacy: Partial<Legacy> = {}, ...more: MeetingEvent[]): void {
    const { limits, timers, downstream, budget, work } = this
    this.replica = new Replica(
      {
        limits,
        timers,
        downstream,
        budget,
        work,
        link: (node, message) => this.host.link(node, message),
        put: () => {},
        isOpen: () => true,
        isThere: (node) => this.nodes.has(node),
        mark: () => {},
        refuse: () => {},
        rejoin: ({ user }) => this.rejoined.push(user),
        ended: (replica) => this.tells.ended(replica),
        advanced: () => {},
        orphaned: (...orphaned) => this.tells.orphaned(...orphaned),
        promised: () => {},
        recalled: () => {},
        outrun: () => {},
        maySucceed: () => true,
      },
      this.name,
      OWNER,
      NUMBER,
      this.now,
    )
    const seqs = [
      [1, 7],
      [3, 9],
    ]
    const options = { ...defaultMeeting, frameRate: 0 }
    const told = JSON.stringify({ options, kind: '', metadata: {}, seqs, terms: [], ...legacy })
    this.replica.follow()
    const facts = { replica: NUMBER, frameRate: 0, config: 'abc', bots: [{ slot: 2, from: 1 }] }
    this.replica.handle(followedOf({ ...facts, legacy: told, ...this.facts }), this.now)
    const members = ['ann', 'bob', 'robot'].map((user, slot): MeetingEvent => ({ type: 'join', slot, user }))
    const frames = [
      frameOf([...members, ...more]),
      frameOf([], [[0, 4]]),
      frameOf([{ type: 'away', slot: 1 }]),
    ]
    this.replica.frames({ type: 'frames', replica: NUMBER, first: 1, frames, marks: [0, 1, 2] }, this.now)
    this.said.length = 0
  }

  /** The members, as of the last frame here. */
  get members(): readonly Attendee[] {
    return this.replica.copy.room?.attendance.list ?? []
  }

  /** The meeting, where this node goes on with it. */
  get owner(): Owner {
    return this.meetings.get('m') as Owner
  }

  get peers(): { readonly incarnation: number }[] {
    return [...this.nodes.living].filter((node) => node !== SELF).map((incarnation) => ({ incarnation }))
  }

  heard(): string[] {
    return this.said.splice(0)
  }

  /** A spectator who reads along here. */
  watch(user: string): Session {
    const session = this.session(user)
    this.replica.join(session, joinOf({ spectator: true }), this.now, () => {})
    return session
  }

  /** A client looks for the meeting. */
  join(user: string, parts: Partial<MessageOf<'join'>> = {}): Session {
    const session = this.session(user)
    this.replica.join(session, joinOf(parts), this.now, (answer) => {
      if (typeof answer === 'string') this.answers.push(`${user}: ${answer}`)
      else if ('code' in answer) this.answers.push(`${user}: ${answer.code}`)
      else {
        const { slot, seq, continued } = answer
        this.answers.push(`${user}: slot ${slot}, seq ${seq}${continued ? ', continued' : ''}`)
      }
    })
    return session
  }

  /** The next question is answered, or ends in another way. */
  answer(node: number, ending: AnswerOf<'frames'> | 'deadline' | 'broken'): void {
    const at = this.asked.findIndex((asked) => asked.node === node)
    const [{ ended } = {}] = this.asked.splice(at, 1)
    if (ended === undefined || at === -1) throw new Error(`${node} was not asked`)
    const by = typeof ending === 'string' ? { by: ending } : ({ by: 'answer', answer: ending } as const)
    ended(node, by as QuestionEnding<never>, this.now)
  }

  /** The registrar says who has the name, 0: nobody; and the highest term that it knows. */
  says(owner: number, term: number = 0): void {
    const look = this.looks.shift()
    if (look === undefined) throw new Error('the registrar was not asked')
    this.#told = Math.max(this.#told, term)
    look({ by: 'taken', owner, term }, this.now)
  }

  /** What the frames tell that are sealed now. */
  sealed(): string[] {
    const { log, room } = this.owner
    const from = log.next
    this.meetings.sweep(this.now)
    return [...room.history(from, log.next)].flatMap(({ events }) =>
      events.map((event) => Object.values(event).join(' ')),
    )
  }
}

/** What the client of a member holds that came in the first frame, and has promised this node's fence. */
export function heldBy(slot: number): MessageOf<'join'>['held'] {
  const promised = { promisedTerm: FENCE.term, promisedIncarnation: FENCE.incarnation }
  return [{ slot, elected: 1, term: 2, incarnation: OWNER, seen: 3, stable: 0, ...promised }]
}

/** What that member promises, who has all frames that are here. */
export function promiseOf(
  user: string,
  slot: number,
  { term, incarnation }: Fence,
  parts: Partial<MeshMessageOf<'promised'>> = {},
): MeshMessageOf<'promised'> {
  const held = { elected: 1, term: 2, incarnation: OWNER, seen: 3 }
  const promised = { promisedTerm: term, promisedIncarnation: incarnation, age: 0 }
  return { type: 'promised', replica: NUMBER, meeting: 'm', user, slot, ...held, ...promised, ...parts }
}
