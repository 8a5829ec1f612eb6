import { limits } from '../../protocol/limits.ts'
import type { Payload } from '../../protocol/payload.ts'
import type { MeetingInfo } from '../meeting/business.ts'
import type { Fence } from '../meeting/reigns.ts'
import type { NodeDrain, ToldRevocation } from '../ports.ts'
import type { SessionInfo } from '../session/session-info.ts'
import type { Said, HandedSession } from '../session/handed-session.ts'
import type { ToldSuccession } from './successions.ts'
import type { HeadOf, Kept, KeptEntry, Want } from '../topic/kept.ts'
import type { TopicInfo } from '../topic/topic-info.ts'
import {
  blob,
  bool,
  bytes,
  type Form,
  json,
  list,
  name,
  nullable,
  payload,
  struct,
  text,
  uint,
} from './forms.ts'

/** What is asked in questions of one kind, and what is answered. */
interface Kind<Q, A> {
  readonly question: Form<Q>
  readonly answer: Form<A>
}

/** Where a user has sessions, and how many. */
export interface Place {
  readonly node: number
  readonly sessions: number
  readonly connected: number
}

/** What the home of a user knows. `isComplete`: it has heard of all nodes, so there are no sessions but these. */
export interface Whereabouts {
  readonly isComplete: boolean
  readonly places: readonly Place[]
}

/**
 * What a node may have of a meeting: the meeting itself, or a copy for its own clients, from which it may be about to
 * go on with the meeting. In messages, its place here.
 */
export const meetingParts = ['nothing', 'replica', 'owner', 'heir'] as const
export type MeetingPart = (typeof meetingParts)[number]

/** A page of a list in order of name. */
interface PageQuestion {
  readonly count: number
  readonly after: string
  readonly contains: string
}

/** What an owner says of its meeting to whoever decides between several. */
export interface Claimant extends Fence {
  readonly world: number
  /** It seals nothing, because too few support it. */
  readonly isPaused: boolean
  /** Members who are connected. */
  readonly present: number
  /** The next frame. */
  readonly next: number
}

/** Names a reign of a meeting, so that what was decided about it concerns no later one. */
export interface Subject extends Fence {
  readonly name: string
  readonly world: number
}

/** Everything that a node may ask another one. */
interface Kinds {
  /** Where a user has sessions. Asked of the user's home. */
  whereabouts: Kind<{ readonly user: string }, Whereabouts>
  /** Pushes to the user's sessions on the node asked. Answer: their number. */
  push: Kind<{ readonly user: string; readonly name: string; readonly data: Payload }, number>
  /** Closes the user's connections on the node asked, or those of one `session` (its id). Answer: their number. */
  disconnect: Kind<
    { readonly user: string; readonly session: string; readonly text: string; readonly final: boolean },
    number
  >
  /** Takes over a revocation. Answer: number of connections closed. */
  revoke: Kind<ToldRevocation, number>
  /**
   * Revocations in force on the node asked with numbers of its own above `after`; `last` is the asker's own last number,
   * so that it is asked in turn for what it has not told. `next`: where to go on, now or, if `isAll`, another time.
   */
  revocations: Kind<
    { readonly after: number; readonly last: number },
    { readonly told: readonly ToldRevocation[]; readonly next: number; readonly isAll: boolean }
  >
  /** What the node asked keeps of topics, in the order asked; what is left out is to be asked for again. */
  kept: Kind<readonly Want[], readonly Kept[]>
  /**
   * Frames that the node asked has of a meeting's world, from one on: a page of them, as they are sent to replicas.
   * `next`, and the fence of the last one; asked with the fence of the asker's. `owns`: it owns the meeting, perhaps in
   * another world; `stands`: it would go on with it. Null where it has none.
   */
  frames: Kind<
    Subject & { readonly from: number },
    | (Fence & {
        readonly next: number
        readonly packet: Uint8Array
        readonly owns: boolean
        readonly stands: boolean
      })
    | null
  >
  /** What the node asked, which has said that it owns a meeting, has of it; null where it does not own it. */
  claimant: Kind<{ readonly name: string }, Claimant | null>
  /** The node asked gives up this reign of a meeting, since another owner comes before it. */
  depose: Kind<Subject, boolean>
  /** The asker goes on with a world at a fence: if the node asked owns it at a lower one, it stops. */
  supersede: Kind<Subject, boolean>
  /**
   * The asker is to go on with a world at a fence, which its owner hands over. Answer: whether the node asked consents:
   * it knows of no higher fence in that world, and does not stand for it.
   */
  takes: Kind<Subject, boolean>
  /** Sessions of the node asked, the oldest first. `user`: '' for all. */
  sessions: Kind<{ readonly user: string; readonly limit: number }, readonly SessionInfo[]>
  /** Meetings that are open on the node asked; `ofKind`: only those of `kind`. */
  meetings: Kind<PageQuestion & { readonly ofKind: boolean; readonly kind: string }, readonly MeetingInfo[]>
  /** Topics of the node asked. */
  topics: Kind<PageQuestion, readonly TopicInfo[]>
  /** A meeting of the node asked; null where it is not open there. So answer all questions about one meeting. */
  meeting: Kind<{ readonly name: string }, MeetingInfo | null>
  /** Removes a member. Answer: whether there was one. */
  kick: Kind<{ readonly name: string; readonly slot: number; readonly message: string }, boolean | null>
  /** Sends data to one member. Answer: whether there was one. */
  sendTo: Kind<{ readonly name: string; readonly slot: number; readonly data: Payload }, boolean | null>
  /** Calls the business of a meeting. Answer: what its kind answers. */
  call: Kind<{ readonly name: string; readonly method: string; readonly data: Payload }, Payload | null>
  /** Ends a meeting. */
  close: Kind<{ readonly name: string; readonly message: string }, boolean | null>
  /** Number of subscriptions to a topic on the node asked. */
  subscribers: Kind<{ readonly topic: string }, number>
  /** What the node asked has of a meeting. */
  part: Kind<{ readonly meeting: string }, number>
  /**
   * Hands a session over to the node that asks. `to`: where it has gone before; 0: it is not known. `isConnected`: its
   * client is connected there, so it is handed over only where the asker `isSure` that the client still waits for it.
   */
  session: Kind<
    { readonly user: string; readonly id: string; readonly isSure: boolean },
    { readonly state: HandedSession | null; readonly to: number; readonly isConnected: boolean }
  >
  /** Hands a session over to the node asked. Answer: whether it goes on with it. */
  keep: Kind<HandedSession, boolean>
  /** An answer to a call of a session that was handed over to the node asked. */
  sendOn: Kind<{ readonly id: string; readonly entry: Uint8Array }, boolean>
  /** Drains the node asked within a time; 0: only asks how far it is. */
  drain: Kind<{ readonly timeoutMs: number }, NodeDrain>
  /** Meetings that the node asked has gone on with in the last `withinMs` milliseconds. */
  successions: Kind<{ readonly withinMs: number }, readonly ToldSuccession[]>
  /** Has a fault befall the node asked: it is cut off the bus for so long; 0: it is killed. For development. */
  fail: Kind<{ readonly cutMs: number }, boolean>
}

export type KindName = keyof Kinds
type Valued<F> = F extends Form<infer T> ? T : never
export type QuestionOf<K extends KindName> = Valued<Kinds[K]['question']>
export type AnswerOf<K extends KindName> = Valued<Kinds[K]['answer']>

const page = { count: uint, after: name, contains: text(limits.name) }
const revocation = struct<ToldRevocation>({ ofUser: bool, name, until: uint, leftMs: uint })
const head = struct<HeadOf>({ source: uint, number: uint })
const entry = struct<KeptEntry>({
  source: uint,
  number: uint,
  stamp: uint,
  isOld: bool,
  key: name,
  tombstone: bool,
  data: payload,
})
const subject = { name, world: uint, term: uint, incarnation: uint }
const place = struct<Place>({ node: uint, sessions: uint, connected: uint })

const session = struct<HandedSession>({
  id: name,
  user: name,
  calls: uint,
  first: uint,
  entries: list(bytes),
  said: list(struct<Said>({ number: uint, meeting: name, data: payload })),
})

/** In messages a kind is its place in this table: all nodes of a cluster run one version. */
export const questionKinds: Kinds = {
  whereabouts: {
    question: struct({ user: name }),
    answer: struct<Whereabouts>({ isComplete: bool, places: list(place) }),
  },
  push: { question: struct({ user: name, name, data: payload }), answer: uint },
  disconnect: {
    question: struct({ user: name, session: text(limits.name), text: text(Infinity), final: bool }),
    answer: uint,
  },
  revoke: { question: revocation, answer: uint },
  revocations: {
    question: struct({ after: uint, last: uint }),
    answer: struct({ told: list(revocation), next: uint, isAll: bool }),
  },
  kept: {
    question: list(struct<Want>({ topic: name, from: uint, heads: list(head) })),
    answer: list(struct<Kept>({ entries: list(entry), next: uint, heads: list(head) })),
  },
  frames: {
    question: struct({ ...subject, from: uint }),
    answer: nullable(
      struct({ term: uint, incarnation: uint, next: uint, packet: blob, owns: bool, stands: bool }),
    ),
  },
  claimant: {
    question: struct({ name }),
    answer: nullable(
      struct<Claimant>({
        world: uint,
        term: uint,
        incarnation: uint,
        isPaused: bool,
        present: uint,
        next: uint,
      }),
    ),
  },
  depose: { question: struct<Subject>(subject), answer: bool },
  supersede: { question: struct<Subject>(subject), answer: bool },
  takes: { question: struct<Subject>(subject), answer: bool },
  sessions: { question: struct({ user: name, limit: uint }), answer: json() },
  meetings: { question: struct({ ...page, ofKind: bool, kind: name }), answer: json() },
  topics: { question: struct(page), answer: json() },
  meeting: { question: struct({ name }), answer: json() },
  kick: { question: struct({ name, slot: uint, message: text(Infinity) }), answer: json() },
  sendTo: { question: struct({ name, slot: uint, data: payload }), answer: json() },
  call: { question: struct({ name, method: name, data: payload }), answer: nullable(payload) },
  close: { question: struct({ name, message: text(Infinity) }), answer: json() },
  subscribers: { question: struct({ topic: name }), answer: uint },
  part: { question: struct({ meeting: name }), answer: uint },
  session: {
    question: struct({ user: name, id: name, isSure: bool }),
    answer: struct({ state: nullable(session), to: uint, isConnected: bool }),
  },
  keep: { question: session, answer: bool },
  sendOn: { question: struct({ id: name, entry: bytes }), answer: bool },
  drain: { question: struct({ timeoutMs: uint }), answer: json() },
  successions: { question: struct({ withinMs: uint }), answer: json() },
  fail: { question: struct({ cutMs: uint }), answer: bool },
}

export const kindNames: readonly KindName[] = Object.keys(questionKinds) as KindName[]
