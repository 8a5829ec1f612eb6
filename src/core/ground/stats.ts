import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageType } from '../../protocol/schema.ts'
import type { LossReason } from '../ports.ts'
import { Worst } from './worst.ts'

/** A histogram: counts values by the first bound that they do not exceed, and their sum. */
export class Buckets {
  readonly bounds: readonly number[]
  /** One count per bound, and a last one for values above all bounds. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  add(value: number): void {
    let at = 0
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at++
    this.counts[at] = (this.counts[at] as number) + 1
    this.sum += value
  }
}

/**
 * The limit that refused a connection: connections or handshakes of the node, open or new connections of the address.
 */
export type RefusedBy = 'connections' | 'handshakes' | 'address' | 'rate'

/**
 * What a message between nodes is about: publications; the last numbers of quiet topics; which nodes there are and who
 * opens which meeting; what two nodes ask and tell each other; frames of meetings for their replicas.
 */
export type BusKind = 'topics' | 'digests' | 'nodes' | 'links' | 'frames' | 'other'

/** Messages of one kind, and their bytes. */
export interface Traffic {
  messages: number
  bytes: number
}

/** How a resume ended: 'recovered', or the reason why something is missing. */
export type ResumeOutcome = 'recovered' | 'LOST' | ErrorCode

/** What a node has done since it started: counters that only rise. Metrics, checkers and benchmarks read them. */
export class Stats {
  connectionsOpened = 0
  connectionsClosed = 0
  sessionsOpened = 0
  sessionsResumed = 0
  /** Sessions handed over to other nodes, and taken over from them. */
  sessionsGiven = 0
  sessionsTaken = 0
  sessionsEnded = 0
  packetsIn = 0
  bytesIn = 0
  messagesIn = 0
  writes = 0
  messagesOut = 0
  bytesOut = 0
  sweeps = 0
  /** Sweeps that ran out of budget and left work for the next one: upward, and downward. */
  sweepsCutUp = 0
  sweepsCutDown = 0
  framesSealed = 0
  framesSlipped = 0
  inputsReceived = 0
  inputsFramed = 0
  publications = 0
  /** Malformed messages on the bus, which no node of this cluster can have sent. */
  strangers = 0
  /** Messages to and from other nodes, by what they are about. */
  readonly busOut: Map<BusKind, Traffic> = new Map()
  readonly busIn: Map<BusKind, Traffic> = new Map()
  /** Links to other nodes that broke: what the two had sent each other may be lost. */
  linksBroken = 0
  /** Meetings handed over to other nodes, and taken over from them; offers that were declined or not answered. */
  handoversGiven = 0
  handoversTaken = 0
  handoversRefused = 0
  /** Meetings whose node had ended and that this one went on with; in the same world, or in a new one. */
  meetingsRevived = 0
  meetingsForked = 0
  /** How many times a meeting of this node was paused, since too few supported its owner. */
  meetingsPaused = 0
  /** Meetings that this node has given up, since another owner of the name came before it. */
  meetingsDeposed = 0
  requestsStarted = 0
  requestsEnded = 0
  repliesDiscarded = 0
  pushes = 0
  creditStalls = 0
  socketStalls = 0
  /** Connections closed, by reason. */
  readonly connectionsLost: Map<LossReason, number> = new Map()
  /** Connections refused on opening, by the limit that was reached; `origin`: by the page that asked. */
  readonly connectionsRefused: Map<RefusedBy | 'origin', number> = new Map()
  /** Inputs refused or dropped, by reason. */
  readonly inputsRefused: Map<ErrorCode, number> = new Map()
  /** Publications refused, by reason. */
  readonly publicationsRefused: Map<ErrorCode, number> = new Map()
  /** Failed client calls, by type of call and reason. Each topic of a SUBSCRIBE counts. */
  readonly callsFailed: Map<MessageType, Map<ErrorCode, number>> = new Map()

  /** GAPs sent to readers, and the publications and frames that they stand for, by reason. */
  readonly gaps: Map<ErrorCode, number> = new Map()
  readonly entriesSkipped: Map<ErrorCode, number> = new Map()
  /** Session log entries that were already dropped when their session resumed. */
  sessionEntriesLost = 0

  /** Resumes by outcome: of sessions, meetings and topics. */
  readonly sessionResumes: Map<ResumeOutcome, number> = new Map()
  readonly meetingResumes: Map<ResumeOutcome, number> = new Map()
  readonly topicResumes: Map<ResumeOutcome, number> = new Map()

  sendOnBus(kind: BusKind, bytes: number): void {
    carry(this.busOut, kind, bytes)
  }

  hearOnBus(kind: BusKind, bytes: number): void {
    carry(this.busIn, kind, bytes)
  }

  loseConnection(reason: LossReason): void {
    this.connectionsClosed++
    count(this.connectionsLost, reason)
  }

  refuseConnection(by: RefusedBy | 'origin'): void {
    count(this.connectionsRefused, by)
  }

  refuseInput(reason: ErrorCode, inputs = 1): void {
    count(this.inputsRefused, reason, inputs)
  }

  refusePublication(reason: ErrorCode): void {
    count(this.publicationsRefused, reason)
  }

  failCall(call: MessageType, reason: ErrorCode): void {
    let reasons = this.callsFailed.get(call)
    if (reasons === undefined) this.callsFailed.set(call, (reasons = new Map()))
    count(reasons, reason)
  }

  gap({ reason, skipped }: { readonly reason: ErrorCode; readonly skipped: number }): void {
    count(this.gaps, reason)
    if (skipped > 0) count(this.entriesSkipped, reason, skipped)
  }

  /** Claims for the names of meetings, by how they ended. */
  readonly claims: Map<'grant' | 'taken' | 'late', number> = new Map()

  /** Questions to the cluster which node has a meeting, by answer. */
  readonly searches: Map<'found' | 'nowhere' | 'late', number> = new Map()

  claimEnded(by: 'grant' | 'taken' | 'late'): void {
    count(this.claims, by)
  }

  searchEnded(by: 'found' | 'nowhere' | 'late'): void {
    count(this.searches, by)
  }

  /**
   * Moves of clients to the nodes that own their meetings: asked for by this node; and those that have led here, where
   * the client belongs or where it does not.
   */
  readonly moves: Map<'asked' | 'arrived' | 'wrong', number> = new Map()

  move(how: 'asked' | 'arrived' | 'wrong'): void {
    count(this.moves, how)
  }

  resume(of: 'session' | 'meeting' | 'topic', outcome: ResumeOutcome): void {
    count(this[`${of}Resumes`], outcome)
  }

  /** How late frames were sealed, in milliseconds; 0 for frames of a meeting without a clock. */
  readonly sealing: Buckets = new Buckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])

  /** The worst lateness of the current second and the one before it. */
  readonly #lateness: Worst = new Worst(2)

  sealed(now: number, lateness: number): void {
    this.framesSealed++
    this.sealing.add(lateness)
    this.#lateness.note(lateness, now)
  }

  lateness(now: number): number {
    return this.#lateness.at(now)
  }
}

function carry(traffic: Map<BusKind, Traffic>, kind: BusKind, bytes: number): void {
  const known = traffic.get(kind)
  if (known === undefined) traffic.set(kind, { messages: 1, bytes })
  else {
    known.messages++
    known.bytes += bytes
  }
}

function count<K>(counts: Map<K, number>, key: K, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
