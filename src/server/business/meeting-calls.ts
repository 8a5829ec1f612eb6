import {
  type AnswerOf,
  CLOSED,
  type KindName,
  type MeetingInfo,
  type QuestionOf,
  type RtmsNode,
  shorten,
} from '../../core/index.ts'
import { limits, type Payload, RtmsError } from '../../protocol/index.ts'
import type { Logger } from '../ground/logger.ts'
import type { Host } from '../host.ts'
import type { Peers } from './peers.ts'

/** A slot as another node is told it: what cannot be one is nobody's. */
function told(slot: number): number {
  return Number.isInteger(slot) && slot >= 0 && slot < limits.slots ? slot : limits.slots
}

/** The parts of the meetings that calls use. */
export interface CallsHost {
  /** The node that has a meeting, by incarnation; 0 for none. */
  find(name: string): Promise<number>
  /** What a meeting of this node answers to {@link MeetingCalls.call}. */
  called(name: string, method: string, data: Payload): Payload | RtmsError
}

/**
 * Calls about a meeting, wherever in the cluster it is: they run on the node that has it. All reject with an
 * `RtmsError`: BUSY where the cluster has not said in time which node that is; UNKNOWN where that node did not answer
 * in time, so that it may have happened; CLOSED where this node is.
 */
export class MeetingCalls {
  readonly #host: Host
  readonly #peers: Peers
  readonly #logger: Logger
  readonly #meetings: CallsHost

  constructor(host: Host, peers: Peers, logger: Logger, meetings: CallsHost) {
    this.#host = host
    this.#peers = peers
    this.#logger = logger
    this.#meetings = meetings
  }

  /** Whether the meeting is not here but may be on another node. */
  isAway(name: string): boolean {
    return !this.#peers.isAlone && this.#host.node.meeting(name) === undefined
  }

  /** The meeting as it is now; null where it is not open. */
  look(name: string): Promise<MeetingInfo | null> {
    return this.#run(name, 'meeting', { name }, (node) => node.meeting(name) ?? null)
  }

  /** Whether a member was removed; null where the meeting is not open. */
  kick(name: string, slot: number, message: string): Promise<boolean | null> {
    const here = (node: RtmsNode): boolean => node.kick(name, slot, message)
    return this.#run(name, 'kick', { name, slot: told(slot), message: shorten(message) }, here)
  }

  /** Whether there was a member to send it to; null where the meeting is not open. */
  sendTo(name: string, slot: number, data: Payload): Promise<boolean | null> {
    const here = (node: RtmsNode): boolean => node.sendTo(name, slot, data)
    return this.#run(name, 'sendTo', { name, slot: told(slot), data }, here)
  }

  /** What the meeting's `onCall` answers; null where the meeting is not open. Rejects with what it throws, too. */
  call(name: string, method: string, data: Payload): Promise<Payload | null> {
    return this.#run(name, 'call', { name, method, data }, () => {
      const answer = this.#meetings.called(name, method, data)
      if (answer instanceof RtmsError) throw answer
      return answer
    })
  }

  /** Whether a meeting was ended; null where it was not open. */
  close(name: string, message: string = CLOSED): Promise<boolean | null> {
    return this.#run(name, 'close', { name, message: shorten(message) }, (node, now) => {
      node.closeMeeting(name, now, message)
      return true
    })
  }

  /** For calls whose outcome nobody waits for. */
  forget(name: string, call: Promise<unknown>): void {
    call.catch((error: unknown) =>
      this.#logger.warn({ err: error, meeting: name }, 'a call for a meeting of another node failed'),
    )
  }

  async #run<K extends 'meeting' | 'kick' | 'sendTo' | 'call' | 'close'>(
    name: string,
    kind: K,
    question: QuestionOf<K>,
    here: (node: RtmsNode, now: number) => AnswerOf<K>,
  ): Promise<AnswerOf<K> | null> {
    // Hooks are synchronous, and awaited work comes after the call they are part of.
    if (this.#host.inHook) await Promise.resolve()
    const isHere = (): boolean => this.#host.node.meeting(name) !== undefined
    if (isHere()) return this.#host.act(here)
    const owner = await this.#meetings.find(name)
    if (isHere()) return this.#host.act(here)
    return owner === 0 || owner === this.#host.node.incarnation
      ? null
      : this.#ask(owner, name, kind, question)
  }

  async #ask<K extends KindName>(
    owner: number,
    name: string,
    kind: K,
    question: QuestionOf<K>,
  ): Promise<AnswerOf<K> | null> {
    const { answers, missing, refusal } = await this.#peers.ask(kind, question, { nodes: [owner] })
    if (refusal !== null) throw refusal
    if (missing.length === 0) return answers.get(owner) ?? null
    const text = `${missing.join(', ')} has ${name} and did not answer: whether it was done is unknown`
    throw new RtmsError('UNKNOWN', text)
  }
}
