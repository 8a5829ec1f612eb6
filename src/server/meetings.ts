import * as v from 'valibot'
import type { Bot as Seat, MeetingBusiness, MeetingInfo, MeetingOptions, MemberInfo } from '../core/index.ts'
import { isName, limits, RtmsError, toPayload } from '../protocol/index.ts'
import { checkName, checkUser, payloadOf } from './check.ts'
import type { Host } from './host.ts'
import { hookNames, HookRunner, type KindHooks, type MeetingFrame, toMeetingFrame } from './kinds.ts'
import { defined, type Logger } from './options.ts'

/** A member that the business plays itself: its inputs are in frames like any other's. */
export class Bot {
  /** 0–254. */
  readonly slot: number
  readonly #seat: Seat
  readonly #host: Host
  readonly #refused: (code: string) => void

  /** @internal */
  constructor(seat: Seat, host: Host, refused: (code: string) => void) {
    this.slot = seat.slot
    this.#seat = seat
    this.#host = host
    this.#refused = refused
  }

  /**
   * Sends an input: what has a JSON form, or a `Uint8Array`. While nobody is connected it waits for the clock. Throws a TypeError for
   * what has no JSON form, or an `RtmsError`: TOO_LARGE; BUSY where `inputBurst` inputs wait already; CLOSED where it left
   * or the meeting ended. From inside a hook the last two are logged instead, since the input is taken in later.
   */
  send(value: unknown): void {
    const data = toPayload(value)
    if (data.bytes.length > this.#seat.maxInput) throw new RtmsError('TOO_LARGE')
    const { inHook } = this.#host
    this.#host.act(() => {
      const refusal = this.#seat.send(data)
      if (refusal === null) return
      if (!inHook) throw new RtmsError(refusal)
      this.#refused(refusal)
    })
  }

  /** Leaves, behind what it has sent. Without effect where it has left. */
  leave(): void {
    this.#host.act(() => this.#seat.leave())
  }
}

/** A room of this node, by its name: of two meetings that had the name one after the other it means the open one. */
export class Meeting {
  readonly name: string
  readonly #host: Host
  readonly #logger: Logger

  /** @internal */
  constructor(host: Host, logger: Logger, name: string) {
    this.#host = host
    this.#logger = logger
    this.name = name
  }

  /** How it stands now. Throws CLOSED where it was closed. */
  get info(): MeetingInfo {
    const info = this.#host.node.meeting(this.name)
    if (info === undefined) throw this.#closed()
    return info
  }

  /** Who is in it, bots too. Throws CLOSED where it was closed. */
  get members(): readonly MemberInfo[] {
    return this.info.members
  }

  /** The object it was opened with. Throws CLOSED where it was closed. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.info.metadata
  }

  /**
   * Its frames `from` … `to` − 1, oldest first, as far as its ring keeps them (`limits.meetingLogBytes`); all of them where no
   * bounds are given. Throws CLOSED where it was closed, a RangeError for bounds that are no frame numbers.
   */
  history({
    from = 0,
    to = Number.MAX_SAFE_INTEGER,
  }: { readonly from?: number | undefined; readonly to?: number | undefined } = {}): MeetingFrame[] {
    for (const bound of [from, to])
      if (!Number.isSafeInteger(bound) || bound < 0)
        throw new RangeError(`${String(bound)} is not the number of a frame`)
    if (this.#host.node.meeting(this.name) === undefined) throw this.#closed()
    return Array.from(this.#host.node.meetingHistory(this.name, from, to), toMeetingFrame)
  }

  /**
   * Seats a member of the business's own under this name, at once, also from inside a hook. Bots neither start the clock nor keep
   * an empty meeting open. Throws BAD_NAME, FULL, CLOSED; BUSY where events without number wait for the clock.
   */
  addBot(name: string): Bot {
    checkUser(name)
    const seat = this.#host.command((node) => node.addBot(this.name, name))
    if (seat === 'NOT_FOUND') throw this.#closed()
    if (typeof seat === 'string') throw new RtmsError(seat)
    return new Bot(seat, this.#host, (code) => {
      this.#logger.warn({ meeting: this.name, slot: seat.slot, code }, "a bot's input was refused")
    })
  }

  /**
   * Sends one member what has a JSON form, or a `Uint8Array`, of at most 32 KiB; a member who is away gets it on coming
   * back. Without effect where the slot is empty. Throws TOO_LARGE, or a TypeError for what has no JSON form.
   */
  sendTo(slot: number, value: unknown): void {
    const data = payloadOf(value)
    // Who is being asked about by onJoin has the slot only afterwards.
    if (!this.#host.run((node) => node.sendTo(this.name, slot, data)) && this.#host.inHook)
      this.#host.act((node) => void node.sendTo(this.name, slot, data))
  }

  /**
   * Takes a member's slot away, behind what it has sent; its client is told `reason`, at most 123 bytes of it. It may join
   * again unless `onJoin` refuses. Without effect where the slot is empty.
   */
  kick(slot: number, reason = 'the business ended the membership'): void {
    this.#host.act((node) => void node.kick(this.name, slot, reason))
  }

  /** Ends it for all. Without effect where it was closed. */
  close(): void {
    this.#host.act((node) => node.closeMeeting(this.name))
  }

  #closed(): RtmsError {
    return new RtmsError('CLOSED', `the meeting ${this.name} was closed`)
  }
}

/** What can be set of a meeting; the rest is as its kind says, or as in `defaultMeeting`. */
type Settings = { readonly [K in keyof MeetingOptions]?: MeetingOptions[K] | undefined }

export interface OpenOptions extends Settings {
  /** What it was defined as by `define`. */
  readonly kind?: string | undefined
  /** What the business wants to know of it, kept as it is; clients do not get it. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** What meetings of a kind are like: the options they are opened with unless told otherwise, and what happens in them. */
export interface MeetingKind extends Settings, KindHooks {}

type OptionalInteger = v.OptionalSchema<v.GenericSchema<number>, undefined>

function integer(min: number, max: number): OptionalInteger {
  const wrong = ({ input }: { readonly input: unknown }): string =>
    `${String(input)} was given; expected an integer from ${min} to ${max}; leave it out for the default`
  return v.optional(
    v.pipe(v.number(wrong), v.safeInteger(wrong), v.minValue(min, wrong), v.maxValue(max, wrong)),
  )
}

const MANY = Number.MAX_SAFE_INTEGER

/** What each option of a meeting may be; the HTTP API takes the same. */
export const meetingSettings: Readonly<Record<keyof MeetingOptions, OptionalInteger>> = {
  frameRate: integer(0, 60),
  capacity: integer(1, limits.slots),
  ttlMs: integer(1, MANY),
  inputBytes: integer(1, limits.input),
  inputsPerSecond: integer(1, MANY),
  inputBurst: integer(1, MANY),
  joinsPerMinute: integer(1, 1_000),
  inputsPerFrame: integer(1, MANY),
  frameBytes: integer(1, MANY),
  spectatorDelayMs: integer(0, 3_600_000),
}

const optionsSchema = v.strictObject({
  ...meetingSettings,
  kind: v.optional(v.string()),
  metadata: v.optional(
    v.custom<Readonly<Record<string, unknown>>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'expected an object; leave it out for none',
    ),
  ),
})

const hook = v.optional(
  v.custom<() => unknown>(
    (value) => typeof value === 'function',
    'expected a function; leave it out for none',
  ),
)
const kindSchema = v.strictObject({
  ...meetingSettings,
  ...(Object.fromEntries(hookNames.map((name) => [name, hook])) as Record<keyof KindHooks, typeof hook>),
})

/** Throws an Error that lists every fault. */
function check(
  what: string,
  schema: typeof optionsSchema | typeof kindSchema,
  options: OpenOptions | MeetingKind,
): void {
  const { issues } = v.safeParse(schema, options, { abortPipeEarly: true })
  if (issues === undefined) return
  const faults = issues.map((issue) => `  ${v.getDotPath(issue) ?? 'options'}: ${issue.message}`)
  throw new Error(`${what}:\n${faults.join('\n')}`)
}

interface Kind {
  readonly settings: Partial<MeetingOptions>
  readonly hooks: KindHooks
}

/** The meetings of this node. */
export class Meetings {
  readonly #host: Host
  readonly #logger: Logger
  readonly #kinds: Map<string, Kind> = new Map()
  /** Open meetings of a kind: every hook of one gets the same object. */
  readonly #rooms: Map<string, Meeting> = new Map()

  /** @internal */
  constructor(host: Host, logger: Logger) {
    this.#host = host
    this.#logger = logger
  }

  /**
   * Says what meetings of a kind are like and what happens in them: see {@link KindHooks}. For meetings opened afterwards. Throws
   * BAD_NAME, or an Error that lists every option that is not valid, or says that the kind was defined already.
   */
  define(kind: string, definition: MeetingKind): void {
    checkName('kind', kind, 'BAD_NAME')
    check(`the kind ${kind} cannot be defined`, kindSchema, definition)
    if (this.#kinds.has(kind)) throw new Error(`${kind} was defined already; define it once, at the start`)
    const { onOpen, onJoin, onInput, onFrame, onLeave, onClose, ...given } = definition
    this.#kinds.set(kind, {
      settings: defined(given),
      hooks: { onOpen, onJoin, onInput, onFrame, onLeave, onClose },
    })
  }

  /**
   * Opens a meeting, or returns the one that is open under this name, as it is. Rejects with an `RtmsError`: BAD_NAME;
   * LIMIT where the node has too many; UNSUPPORTED where its kind was not defined; DRAINING or, later, CLOSED where the
   * node stops. With an Error that lists every option that is not valid.
   */
  async open(name: string, options: OpenOptions = {}): Promise<Meeting> {
    checkName('meeting', name, 'BAD_NAME')
    check(`the meeting ${name} cannot be opened`, optionsSchema, options)
    const { kind, metadata = Object.freeze({}), ...given } = options
    if (kind === undefined) this.#open(name, defined(given), { kind: '', metadata, logic: null })
    else this.#openKind(name, defined(given), kind, metadata)
    return this.get(name) as Meeting
  }

  #openKind(
    name: string,
    given: Partial<MeetingOptions>,
    kind: string,
    metadata: Readonly<Record<string, unknown>>,
  ): void {
    const definition = this.#kinds.get(kind)
    if (definition === undefined) {
      throw new RtmsError(
        'UNSUPPORTED',
        `the meeting ${name} cannot be opened: the kind ${kind} is not known; define it first`,
      )
    }
    const meeting = new Meeting(this.#host, this.#logger, name)
    const runner = new HookRunner(definition.hooks, kind, meeting, this.#host, this.#logger)
    const logic = runner.logic(() => this.#rooms.delete(name))
    if (!this.#open(name, { ...definition.settings, ...given }, { kind, metadata, logic })) return
    this.#rooms.set(name, meeting)
    runner.opened()
  }

  /** False where a meeting is open under this name. */
  #open(name: string, options: Partial<MeetingOptions>, business: MeetingBusiness): boolean {
    const opened = this.#host.command((node, now) => node.openMeeting(name, options, now, business))
    if (typeof opened === 'string') throw new RtmsError(opened)
    return opened !== null
  }

  get(name: string): Meeting | undefined {
    if (!isName(name) || this.#host.node.meeting(name) === undefined) return undefined
    return this.#rooms.get(name) ?? new Meeting(this.#host, this.#logger, name)
  }

  /** All that are open, or those of a kind. */
  list({ kind }: { readonly kind?: string | undefined } = {}): MeetingInfo[] {
    const all = [...this.#host.node.meetings()]
    return kind === undefined ? all : all.filter((info) => info.kind === kind)
  }

  /** At most `limit` of them in the order of names, from behind the name `after`: for pages, where there are very many. */
  page({
    limit,
    after = '',
    kind,
    contains,
  }: {
    readonly limit: number
    readonly after?: string | undefined
    readonly kind?: string | undefined
    /** Only names with this in them, whatever its case. */
    readonly contains?: string | undefined
  }): readonly MeetingInfo[] {
    return this.#host.node.meetingPage({ count: limit, after, contains }, kind)
  }

  /** Ends a meeting for all. Without effect where there is none of this name. */
  close(name: string): void {
    this.#host.act((node) => node.closeMeeting(name))
  }

  /** @internal Ends those of a kind, so that their `onClose` is called. */
  closeAll(): void {
    for (const name of this.#rooms.keys()) this.close(name)
  }
}
