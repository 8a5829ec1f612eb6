import { errorOf } from '../../protocol/error-texts.ts'
import { type ErrorCode, RtmsError } from '../../protocol/errors.ts'
import { isName } from '../../protocol/names.ts'
import type { MeetingInfo } from '../meeting/business.ts'
import type { Application, MeetingCall, Outcome, Whereabouts } from '../ports.ts'
import { isEdge } from '../ground/incarnation.ts'
import { AGAIN_MS } from '../session/elsewhere.ts'
import type { ClaimEnding } from './claims.ts'
import type { Cluster } from './cluster.ts'

/** How an incarnation is written in a name: with digits and letters. */
const BASE = 36

/** What names need of their node. */
export interface NamesHost {
  readonly incarnation: number
  readonly application: Pick<Application, 'located'>
  /** Null for a node alone. */
  readonly cluster: Cluster | null
  isOpen(name: string): boolean
  /** Whether the node is stopping, and opens nothing any more. */
  isDraining(): boolean
  /** The node that this one has handed a meeting over to; 0 for none. */
  heirOf(name: string): number
  /** The same, while this node holds the name. */
  passedTo(name: string): number
}

/** Opens a meeting on this node, at a fence of at least this term. Null: it is open. */
export type Open = (term: number, now: number) => MeetingInfo | ErrorCode | null

/** Is told which node has a meeting: 0 for none, null where nobody could say. */
export type Found = (owner: number | null, now: number) => void

/** Searches that may wait for one claim. */
const FINDERS = 10_000

/** A name that is claimed: who waits for it. */
interface Claimed {
  /** The first one is the one for which the meeting is opened. */
  readonly calls: MeetingCall[]
  readonly finders: Found[]
}

/**
 * The names of meetings, and which node has the meeting of each. In a cluster a name is claimed before a meeting is
 * opened under it. A name that a node has made up begins with its incarnation, so nobody else opens it and nobody need
 * ask where it is; it needs no claim and no bus.
 */
export class Names {
  readonly #host: NamesHost
  readonly #claimed: Map<string, Claimed> = new Map()
  /** Names made up so far. */
  #made = 0

  constructor(host: NamesHost) {
    this.#host = host
  }

  /** Makes up a name that is not taken. */
  make(): string {
    const { incarnation } = this.#host
    for (;;) {
      const name = `${incarnation.toString(BASE)}-${++this.#made}`
      if (!this.#host.isOpen(name)) return name
    }
  }

  /** Opens a meeting, unless it is open on this node or another. The answer goes to `Application.located`. */
  claim(call: MeetingCall, open: Open, now: number): void {
    const { name } = call
    const { cluster, incarnation } = this.#host
    const claimed = this.#claimed.get(name)
    const maker = this.#makerOf(name)
    const heir = this.#host.passedTo(name)
    if (this.#host.isOpen(name)) this.#tell(call, incarnation)
    else if (heir !== 0) this.#tell(call, heir)
    else if (isEdge(incarnation)) this.locate(call, now, edgesOpenNone(name))
    else if (this.#host.isDraining()) this.#fail(call, errorOf('DRAINING'))
    else if (claimed !== undefined) claimed.calls.push(call)
    else if (cluster === null || maker === incarnation)
      this.#opened([call], open(cluster?.nextTerm() ?? 0, now))
    else if (maker !== 0) this.#tell(call, maker)
    else if (!isName(name)) this.#fail(call, errorOf('BAD_NAME'))
    else {
      this.#claimed.set(name, { calls: [call], finders: [] })
      cluster.claim(name, now, (ending, at) => this.#ended(cluster, name, open, ending, at))
    }
  }

  #ended(cluster: Cluster, name: string, open: Open, ending: ClaimEnding, now: number): void {
    const { calls, finders } = this.#claimed.get(name) as Claimed
    this.#claimed.delete(name)
    // It may have come from another node meanwhile.
    if (this.#host.isOpen(name)) this.#opened(calls, null)
    else if (ending.by === 'grant') {
      const opened = open(ending.term, now)
      if (typeof opened === 'string') cluster.closed(name)
      this.#opened(calls, opened)
    } else if (ending.by === 'taken') for (const call of calls) this.#tell(call, ending.owner)
    else {
      const error = this.#host.isDraining() ? errorOf('DRAINING') : lateAbout(name)
      for (const call of calls) this.#fail(call, error)
    }
    for (const found of finders) this.#found(name, ending, now, found)
  }

  /** `opened`: what opening the meeting for the first of these calls has led to. */
  #opened(calls: readonly MeetingCall[], opened: MeetingInfo | ErrorCode | null): void {
    for (const [at, call] of calls.entries())
      if (typeof opened === 'string') this.#fail(call, new RtmsError(opened))
      else this.#tell(call, this.#host.incarnation, opened !== null && at === 0)
  }

  /** Tells the business which node has a meeting, as `Application.located`. `none`: the answer where no node has it. */
  locate(call: MeetingCall, now: number, none: RtmsError | null = null): void {
    this.find(call.name, now, (owner) => {
      if (owner === null) this.#fail(call, lateAbout(call.name))
      else if (owner === 0 && none !== null) this.#fail(call, none)
      else this.#tell(call, owner)
    })
  }

  /** Finds the node that has a meeting. `found` is called once, perhaps at once. */
  find(name: string, now: number, found: Found): void {
    const { cluster, incarnation } = this.#host
    const claimed = this.#claimed.get(name)
    const maker = this.#makerOf(name)
    if (this.#host.isOpen(name)) found(incarnation, now)
    else if (claimed !== undefined) claimed.finders.push(found)
    else if (maker !== 0) found(maker === incarnation ? this.#host.heirOf(name) : maker, now)
    else if (cluster === null || !isName(name)) found(0, now)
    else cluster.find(name, now, (ending, at) => this.#found(name, ending, at, found))
  }

  /**
   * Another node has been told that this one has a meeting, which may be one that it is only about to open: a grant
   * reserves the name before it arrives. `found` is called once that is known. False: it is opening none.
   */
  await(name: string, found: Found): boolean {
    const finders = this.#claimed.get(name)?.finders
    if (finders === undefined || finders.length >= FINDERS) return false
    finders.push(found)
    return true
  }

  #found(name: string, ending: ClaimEnding, now: number, found: Found): void {
    const { incarnation } = this.#host
    // This node may have opened it meanwhile, or met the one that has made up the name.
    const owner = ending.by === 'taken' ? ending.owner || this.#makerOf(name) : 0
    if (this.#host.isOpen(name)) found(incarnation, now)
    else if (ending.by === 'late') found(null, now)
    else found(owner === incarnation ? this.#host.heirOf(name) : owner, now)
  }

  /** The node that has made up a name: this one, or one that is there; 0 where it is any other name. */
  #makerOf(name: string): number {
    const [, text = ''] = /^([\da-z]{1,10})-\d+$/.exec(name) ?? []
    const node = Number.parseInt(text, BASE)
    const { incarnation, cluster } = this.#host
    return node === incarnation || cluster?.peer(node) !== undefined ? node : 0
  }

  #tell(call: MeetingCall, owner: number, isNew = false): void {
    this.#answer(call, { ok: true, value: { owner, isNew } })
  }

  #fail(call: MeetingCall, error: RtmsError): void {
    this.#answer(call, { ok: false, error })
  }

  #answer(call: MeetingCall, outcome: Outcome<Whereabouts>): void {
    this.#host.application.located(call, outcome)
  }
}

function edgesOpenNone(name: string): RtmsError {
  const text = `no node has ${name}, and this one is an edge, which opens no meetings: open it on another node`
  return new RtmsError('UNSUPPORTED', text)
}

function lateAbout(name: string): RtmsError {
  const text = `the cluster has not said in time which node has ${name}: the bus is down or a node does not answer; try again`
  return new RtmsError('BUSY', text, { retryAfterMs: AGAIN_MS })
}
