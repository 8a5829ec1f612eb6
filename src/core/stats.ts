import type { ErrorCode } from '../protocol/errors.ts'

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
  bytesOut = 0
  sweeps = 0
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
  /** Inputs refused or dropped, by reason. */
  readonly inputsRefused: Map<ErrorCode, number> = new Map()
  /** Publications not taken, by reason. */
  readonly publicationsRefused: Map<ErrorCode, number> = new Map()

  refuseInput(reason: ErrorCode, count = 1): void {
    this.inputsRefused.set(reason, (this.inputsRefused.get(reason) ?? 0) + count)
  }

  refusePublication(reason: ErrorCode): void {
    this.publicationsRefused.set(reason, (this.publicationsRefused.get(reason) ?? 0) + 1)
  }

  /** Sealing lateness in milliseconds: the worst of the running second and of the one before it. */
  #latenessSecond = 0
  #latenessNow = 0
  #latenessBefore = 0

  sealed(now: number, lateness: number): void {
    this.#turn(now)
    this.framesSealed++
    if (lateness > this.#latenessNow) this.#latenessNow = lateness
  }

  lateness(now: number): number {
    this.#turn(now)
    return Math.max(this.#latenessNow, this.#latenessBefore)
  }

  #turn(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#latenessSecond) return
    this.#latenessBefore = second === this.#latenessSecond + 1 ? this.#latenessNow : 0
    this.#latenessNow = 0
    this.#latenessSecond = second
  }
}
