import type { MeetingLogic, Refusal } from '../../core/index.ts'
import { fromPayload, limits, type Payload, RtmsError, toPayload } from '../../protocol/index.ts'
import type { Logger } from '../ground/logger.ts'
import { refusalIn } from '../ground/refusal.ts'
import type { Host } from '../host.ts'
import type { HookTurns } from '../ground/hook-turns.ts'
import { type AtOnce, atOnce, encoded, replacement } from './decisions.ts'
import { type MeetingFrame, toMeetingFrame, Lazy } from './frames.ts'
import { Meeting } from './meeting.ts'
import { checked, type Schema } from './schema.ts'

/** A user who wants to join a meeting. */
export interface JoinAttempt<M = unknown, W = unknown, I = unknown> {
  readonly user: string
  /** The slot that the user would get. */
  readonly slot: number
  readonly meeting: Meeting<M, W, I>
}

/** An input on its way into a frame. */
export interface MemberInput<I = unknown, M = unknown, W = unknown, F = I> {
  readonly slot: number
  readonly user: string
  /**
   * JSON parsed, or bytes as a `Uint8Array`, which is read-only. With `input`, what that schema made of it; without it,
   * what a client sent, whatever its type says: check it.
   */
  readonly data: I
  readonly meeting: Meeting<M, W, F>
}

/**
 * A member who has left, and why: `left`, `expired` (the session did not come back), `kicked` or `forbidden` (the token
 * changed).
 */
export interface Departure<M = unknown, W = unknown, I = unknown> {
  readonly user: string
  readonly slot: number
  readonly reason: string
  readonly meeting: Meeting<M, W, I>
}

/** What {@link Meeting.call} asks for, on whichever node that was. */
export interface CallToMeeting<M = unknown, W = unknown, I = unknown> {
  readonly method: string
  /** JSON parsed, or bytes as a `Uint8Array`, which is read-only; null where nothing was given. */
  readonly data: unknown
  readonly meeting: Meeting<M, W, I>
}

/**
 * The business's hooks for meetings of a kind. Every hook is synchronous: it runs inside the node's sweep, which waits
 * for it, because async hooks would let inputs overtake one another. Keep hooks quick: start slow work and do not wait
 * for it.
 *
 * `bot.send`, `bot.leave`, `kick` and `close` take effect as soon as the sweep is over when called from a hook. An
 * error thrown by a hook is logged and has no other effect, except that `onJoin`, `onInput` and `onCall` refuse.
 */
export interface KindHooks<I = unknown, M = unknown, S = unknown, W = unknown, F = I> {
  /**
   * Checks each input before `onInput`, which gets what the schema makes of it, as do frames. One that it refuses is
   * dropped, and the sender's promise rejects with FORBIDDEN. The schema is synchronous, as the hooks are.
   */
  readonly input?: Schema<I> | undefined
  /** The meeting has been opened; it has no members yet. */
  readonly onOpen?: ((meeting: Meeting<M, W, F>) => AtOnce) | undefined
  /**
   * A user whose ticket allows it wants to become a member. `false` refuses with FORBIDDEN; a thrown `RtmsError`
   * refuses with its code, message and wait; any other thrown value refuses with HANDLER_FAILED. Not called for
   * spectators, bots, or members who come back after a reconnect.
   */
  readonly onJoin?: ((attempt: JoinAttempt<M, W, F>) => AtOnce) | undefined
  /**
   * A member sent an input that is within its limits. Undefined or `true` passes it on. `false` or `null` drops it, and
   * the sender's promise rejects with FORBIDDEN. A thrown `RtmsError` drops it with its code, any other thrown value
   * with HANDLER_FAILED, so a client cannot get past a check by making it fail. Any other value replaces the input: a
   * value with a JSON form, or a `Uint8Array`, of at most 4 KiB. Not called for bots.
   */
  readonly onInput?: ((input: MemberInput<I, M, W, F>) => F | boolean | null | undefined | void) | undefined
  /**
   * A frame was sealed, perhaps an empty one, so this is the meeting's clock. It stands still while nobody is
   * connected.
   */
  readonly onFrame?: ((frame: MeetingFrame<F, W>, meeting: Meeting<M, W, F>) => AtOnce) | undefined
  /** A member has left, and all its inputs are in frames. Not called for bots, nor when the meeting ends. */
  readonly onLeave?: ((departure: Departure<M, W, F>) => AtOnce) | undefined
  /**
   * Answers {@link Meeting.call} with the value returned, as a request handler does: a value with a JSON form, or a
   * `Uint8Array`, of at most 32 KiB; undefined is null. The caller's promise rejects with a thrown `RtmsError`, and
   * with HANDLER_FAILED for any other thrown value.
   */
  readonly onCall?: ((call: CallToMeeting<M, W, F>) => unknown) | undefined
  /**
   * The meeting is about to go on on another node, because this one drains: returns the state that the business has of
   * it, a value with a JSON form or a `Uint8Array`. No hook of the meeting runs here afterwards. Without `snapshot`, a
   * meeting of a kind with hooks cannot move: it ends with its node. So it does where `snapshot` throws, or where the
   * state is larger than about 256 KiB.
   */
  readonly snapshot?: ((meeting: Meeting<M, W, F>) => S) | undefined
  /**
   * The meeting has come from another node: takes what `snapshot` has returned there, instead of `onOpen`; null where
   * that node has ended, and with it what it knew and its bots. Without `restore` the meeting ends then. The hooks
   * run here from now on; `meeting.bots` are those that were added there.
   */
  readonly restore?: ((state: S | null, meeting: Meeting<M, W, F>) => AtOnce) | undefined
  /** The meeting is about to end: through `close`, because nobody came for `ttlMs`, or with the node. */
  readonly onClose?: ((meeting: Meeting<M, W, F>) => AtOnce) | undefined
}

export const hookNames: readonly Exclude<keyof KindHooks, 'input'>[] = [
  'onOpen',
  'onJoin',
  'onInput',
  'onFrame',
  'onLeave',
  'onCall',
  'onClose',
  'snapshot',
  'restore',
]

const FAILED = new RtmsError('HANDLER_FAILED', 'The business server could not decide.')
const NOT_ADMITTED: Refusal = refusal('The business does not let this user in.')
const DROPPED: Refusal = refusal('The business does not take this input.')

function refusal(message: string): Refusal {
  return { code: 'FORBIDDEN', message, retryAfterMs: 0 }
}

class Incoming extends Lazy implements MemberInput {
  readonly slot: number
  readonly user: string
  readonly meeting: Meeting

  constructor(slot: number, user: string, payload: Payload, meeting: Meeting) {
    super(payload)
    this.slot = slot
    this.user = user
    this.meeting = meeting
  }
}

class Called extends Lazy implements CallToMeeting {
  readonly method: string
  readonly meeting: Meeting

  constructor(method: string, payload: Payload, meeting: Meeting) {
    super(payload)
    this.method = method
    this.meeting = meeting
  }
}

/** Runs the hooks of one meeting and contains their errors. */
export class HookRunner {
  readonly #hooks: KindHooks
  readonly #kind: string
  readonly #meeting: Meeting
  readonly #host: Pick<Host, 'hook' | 'joining'>
  readonly #logger: Logger
  readonly #hookTurns: Pick<HookTurns, 'hasTime'>

  constructor(
    hooks: KindHooks,
    kind: string,
    meeting: Meeting,
    host: Pick<Host, 'hook' | 'joining'> & { readonly hookTurns: Pick<HookTurns, 'hasTime'> },
    logger: Logger,
  ) {
    this.#hooks = hooks
    this.#kind = kind
    this.#meeting = meeting
    this.#host = host
    this.#logger = logger
    this.#hookTurns = host.hookTurns
  }

  opened(): void {
    const { onOpen } = this.#hooks
    if (onOpen !== undefined) this.#tell('onOpen', () => onOpen(this.#meeting))
  }

  /**
   * The logic for the core, with only the methods that have a hook. `ended`: called after `onClose`, and when the
   * meeting has gone to another node; `come`: when it has come from one.
   */
  logic(ended: () => void, come: () => void = () => {}): MeetingLogic {
    const { input: schema, onJoin, onInput, onFrame, onLeave, onClose, snapshot, restore } = this.#hooks
    const meeting = this.#meeting
    const logic: MeetingLogic = {
      close: () => {
        if (onClose !== undefined) this.#tell('onClose', () => onClose(meeting))
        ended()
      },
      moved: ended,
      restore: (state) => {
        come()
        if (restore !== undefined) this.#tell('restore', () => restore(state && fromPayload(state), meeting))
      },
    }
    // What the business knows of it besides has ended with its node.
    const { input: _, ...hooks } = this.#hooks
    const isPlain = Object.values(hooks).every((hook) => hook === undefined)
    if (restore !== undefined || isPlain) logic.revive = () => logic.restore?.(null)
    if (snapshot !== undefined || isPlain) logic.snapshot = () => this.#snapshot(snapshot)
    if (onJoin !== undefined) {
      logic.join = (slot, user) => {
        const answer = this.#ask('onJoin', () => {
          this.#host.joining = { meeting: meeting.name, slot }
          return onJoin({ slot, user, meeting })
        })
        this.#host.joining = null
        if (answer instanceof RtmsError) return answer
        return answer === false ? NOT_ADMITTED : null
      }
    }
    if (onInput !== undefined || schema !== undefined) {
      logic.input = (slot, user, data) => {
        const answer = this.#ask('onInput', () => {
          const input = new Incoming(slot, user, data, meeting)
          if (schema === undefined) return replacement('onInput', onInput?.(input), limits.input)
          input.data = checked(schema, input.data)
          const wanted = replacement('onInput', onInput?.(input), limits.input)
          return wanted === undefined ? encoded('the schema', input.data, limits.input) : wanted
        })
        if (answer instanceof RtmsError) return answer
        return answer === null ? DROPPED : ((answer as Payload | undefined) ?? data)
      }
    }
    if (onFrame !== undefined) {
      logic.frame = (sealed) => {
        const frame = toMeetingFrame(sealed)
        this.#tell('onFrame', () => onFrame(frame, meeting))
      }
    }
    if (onLeave !== undefined) {
      logic.isBehind = () => !this.#hookTurns.hasTime
      logic.leave = (slot, user, reason) =>
        this.#tell('onLeave', () => onLeave({ slot, user, reason, meeting }))
    }
    return logic
  }

  #snapshot(snapshot: KindHooks['snapshot']): Payload | null {
    try {
      return toPayload(atOnce(this.#host.hook(() => snapshot?.(this.#meeting))) ?? null)
    } catch (error) {
      this.#failed('snapshot', error)
      return null
    }
  }

  /** The answer to a call, or why there is none. */
  call(method: string, data: Payload): Payload | RtmsError {
    const { onCall } = this.#hooks
    if (onCall === undefined) return new RtmsError('NO_HANDLER', `the kind ${this.#kind} has no onCall`)
    const call = new Called(method, data, this.#meeting)
    return this.#ask('onCall', () => answerOf(onCall(call))) as Payload | RtmsError
  }

  /** Returns the hook's answer, the `RtmsError` it threw, or HANDLER_FAILED, logged, where it threw anything else. */
  #ask(hook: keyof KindHooks, call: () => unknown): unknown {
    try {
      return atOnce(this.#host.hook(call))
    } catch (error) {
      const refusal = refusalIn(error)
      if (refusal !== null) return refusal
      this.#failed(hook, error)
      return FAILED
    }
  }

  #tell(hook: keyof KindHooks, call: () => unknown): void {
    try {
      atOnce(this.#host.hook(call))
    } catch (error) {
      this.#failed(hook, error)
    }
  }

  #failed(hook: keyof KindHooks, error: unknown): void {
    const { name } = this.#meeting
    this.#logger.error({ err: error, kind: this.#kind, meeting: name, hook }, 'a hook of a meeting failed')
  }
}

function answerOf(answer: unknown): Payload {
  // Too large is HANDLER_FAILED: the caller sent nothing that it could correct.
  return encoded('onCall', atOnce(answer) ?? null, limits.payload)
}
