import type { ErrorCode } from '../../protocol/errors.ts'
import type { MessageType } from '../../protocol/schema.ts'
import type { LossReason } from '../ports.ts'
import { Worst } from './worst.ts'

/** How many values were at most each bound, and how many above all of them. */
export class Buckets {
  readonly bounds: readonly number[]
  /** One for each bound, and one for what is above. */
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

/** What there was too much of: connections or newcomers of the node, connections or new ones of the address. */
export type RefusedBy = 'connections' | 'handshakes' | 'address' | 'rate'

/** How asking to go on where one was left has ended: 'recovered', or the reason why something is missing. */
export type ResumeOutcome = 'recovered' | 'LOST' | ErrorCode

/** What a node has done since it started: counters that only rise, read by metrics, checkers and benches. */
export class Stats {
  connectionsOpened = 0
  connectionsClosed = 0
  sessionsOpened = 0
  sessionsResumed = 0
  sessionsEnded = 0
  packetsIn = 0
  bytesIn = 0
  messagesIn = 0
  writes = 0
  messagesOut = 0
  bytesOut = 0
  sweeps = 0
  /** Sweeps that left something for the next one, since a budget was spent: upward, and downward. */
  sweepsCutUp = 0
  sweepsCutDown = 0
  framesSealed = 0
  framesSlipped = 0
  inputsReceived = 0
  inputsFramed = 0
  publications = 0
  /** Messages on the bus that no node of this cluster can have sent. */
  strangers = 0
  requestsStarted = 0
  requestsEnded = 0
  repliesDiscarded = 0
  pushes = 0
  creditStalls = 0
  socketStalls = 0
  /** Connections closed, by reason. */
  readonly connectionsLost: Map<LossReason, number> = new Map()
  /** Connections closed as soon as they were open, by what there was too much of. */
  readonly connectionsRefused: Map<RefusedBy, number> = new Map()
  /** Inputs refused or dropped, by reason. */
  readonly inputsRefused: Map<ErrorCode, number> = new Map()
  /** Publications not taken, by reason. */
  readonly publicationsRefused: Map<ErrorCode, number> = new Map()
  /** Clients' calls that failed, by what was called and reason; of a SUBSCRIBE each topic counts. */
  readonly callsFailed: Map<MessageType, Map<ErrorCode, number>> = new Map()

  /** GAPs told to readers, and the publications and frames that they stood for, by reason. */
  readonly gaps: Map<ErrorCode, number> = new Map()
  readonly entriesSkipped: Map<ErrorCode, number> = new Map()
  /** Entries of session logs that were gone when their session came back for them. */
  sessionEntriesLost = 0

  /** Clients that came back, by how that ended: for their session, each meeting and each topic. */
  readonly sessionResumes: Map<ResumeOutcome, number> = new Map()
  readonly meetingResumes: Map<ResumeOutcome, number> = new Map()
  readonly topicResumes: Map<ResumeOutcome, number> = new Map()

  loseConnection(reason: LossReason): void {
    this.connectionsClosed++
    count(this.connectionsLost, reason)
  }

  refuseConnection(by: RefusedBy): void {
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

  resume(of: 'session' | 'meeting' | 'topic', outcome: ResumeOutcome): void {
    count(this[`${of}Resumes`], outcome)
  }

  /** How late frames were sealed, in milliseconds; 0 for those of a meeting without a clock. */
  readonly sealing: Buckets = new Buckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])

  /** Of the same, the worst of the running second and the one before it. */
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

function count<K>(counts: Map<K, number>, key: K, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
