import type {
  MeetingBusiness,
  MeetingCall,
  MeetingInfo,
  MeetingOptions,
  MissingMeeting,
  OfferedMeeting,
  Outcome,
  Whereabouts,
} from '../../core/index.ts'
import {
  type Contract,
  isName,
  type FramedOf,
  type MeetingOf,
  type NameIn,
  type Payload,
  RtmsError,
} from '../../protocol/index.ts'
import { checkLimit, checkName } from '../ground/check.ts'
import { defined } from '../ground/defined.ts'
import type { Logger } from '../ground/logger.ts'
import { checkNames } from '../../spelling/meant.ts'
import type { Host } from '../host.ts'
import { HookRunner, type KindHooks } from './kinds.ts'
import {
  type MeetingKind,
  type OpenOptions,
  optionsSchema,
  kindSchema,
  checkOptions,
} from './meeting-options.ts'
import { MeetingCalls } from './meeting-calls.ts'
import { Meeting } from './meeting.ts'
import { Opener, type OpenMissing } from './opener.ts'
import type { Listed, Peers } from './peers.ts'
import type { Searches } from './searches.ts'

interface Kind {
  readonly settings: Partial<MeetingOptions>
  readonly hooks: KindHooks
}

/** A meeting of the cluster. */
export interface ListedMeeting extends MeetingInfo {
  /** The name of the node that has it. */
  readonly node: string
}

/** Which meetings of a list are wanted. */
interface MeetingPage {
  readonly limit: number
  readonly after?: string | undefined
  readonly kind?: string | undefined
  /** Only names that contain this text, ignoring case. */
  readonly contains?: string | undefined
}

/** An open meeting of a kind. Every hook gets the same object. */
interface Hooked {
  readonly meeting: Meeting
  readonly runner: HookRunner
}

/** A meeting of a kind, as the contract has it; of any kind where that is not known. */
export type MeetingIn<C extends Contract, K = NameIn<C, 'meetings'>> = Meeting<
  MeetingOf<C, K, 'message'>,
  MeetingOf<C, K, 'say'>,
  FramedOf<C, K>
>

/** A call that waits for the cluster. */
interface Call extends MeetingCall {
  readonly ended: (outcome: Outcome<Whereabouts>) => void
}

/** The meetings of this node, and of the others of its cluster. */
export class Meetings<C extends Contract = Contract> {
  readonly #host: Host
  readonly #logger: Logger
  readonly #searches: Searches
  readonly #peers: Peers
  readonly #kinds: Map<string, Kind> = new Map()
  readonly #rooms: Map<string, Hooked> = new Map()
  /** @internal */
  readonly opener: Opener
  /** @internal */
  readonly calls: MeetingCalls

  /** @internal */
  constructor(host: Host, logger: Logger, searches: Searches, peers: Peers) {
    this.#host = host
    this.#peers = peers
    this.#logger = logger
    this.#searches = searches
    this.calls = new MeetingCalls(host, peers, logger, {
      find: (name) => this.#find(name),
      called: (...call) => this.called(...call),
    })
    this.opener = new Opener(host, logger, (missing, options) =>
      this.openOrFind(missing.name, options, missing),
    )
  }

  /**
   * Defines a kind of meeting: default options, a schema of its inputs, and hooks (see {@link KindHooks}). It applies
   * to meetings opened afterwards. Throws BAD_NAME, or an Error that lists every invalid option or says that the kind
   * is already defined.
   */
  define<
    K extends NameIn<C, 'meetings'>,
    I extends MeetingOf<C, K, 'input'> = MeetingOf<C, K, 'input'>,
    S = MeetingOf<C, K, 'state'>,
  >(
    kind: K,
    definition: MeetingKind<I, MeetingOf<C, K, 'message'>, S, MeetingOf<C, K, 'say'>, FramedOf<C, K, I>>,
  ): void {
    checkName('kind', kind, 'BAD_NAME')
    checkOptions(`the kind ${kind} cannot be defined`, kindSchema, definition)
    if (this.#kinds.has(kind)) throw new Error(`${kind} was defined already; define it once, at the start`)
    const { input, onOpen, onJoin, onInput, onFrame, onLeave, onCall, onClose, snapshot, restore, ...given } =
      definition as unknown as MeetingKind
    this.#kinds.set(kind, {
      settings: defined(given),
      hooks: { input, onOpen, onJoin, onInput, onFrame, onLeave, onCall, onClose, snapshot, restore },
    })
  }

  /**
   * Opens a meeting, or returns the open one of this name unchanged: in a cluster that of whichever node has it.
   * Without a name, one is made up that no other meeting has; in a cluster that takes no question to the others.
   * Rejects with an `RtmsError`: BAD_NAME; LIMIT where the node has too many; UNSUPPORTED where its kind is not
   * defined; DRAINING or, later, CLOSED where the node is stopping; BUSY where the cluster has not said within a second
   * whether another node has it, so that it was not opened. Rejects with an Error that lists every invalid option.
   */
  async open<K extends NameIn<C, 'meetings'>>(
    name: string,
    options?: OpenOptions<K>,
  ): Promise<MeetingIn<C, K>>
  async open<K extends NameIn<C, 'meetings'>>(options?: OpenOptions<K>): Promise<MeetingIn<C, K>>
  async open(...given: readonly [(string | OpenOptions)?, OpenOptions?]): Promise<Meeting> {
    const [first, second = {}] = given
    // A name that is undefined by mistake is no call without a name.
    const isNamed = given.length > 0 && (typeof first !== 'object' || first === null)
    const name: unknown = isNamed ? first : this.#host.node.nameMeeting()
    checkName('meeting', name, 'BAD_NAME')
    return (await this.openOrFind(name, isNamed ? second : ((first ?? {}) as OpenOptions))).meeting
  }

  /** @internal Like {@link open}, for a question whether there is such a meeting too; tells whether it is a new one. */
  async openOrFind(
    name: string,
    options: OpenOptions,
    missing?: MissingMeeting,
  ): Promise<{ readonly meeting: Meeting; readonly isNew: boolean }> {
    checkOptions(`the meeting ${name} cannot be opened`, optionsSchema, options)
    const { kind, metadata = Object.freeze({}), ...settings } = options
    const { incarnation } = this.#host.node
    const { owner, isNew } =
      kind === undefined
        ? await this.#open(name, defined(settings), { kind: '', metadata, logic: null, missing }, () => {})
        : await this.#openKind(name, defined(settings), kind, metadata, missing)
    const known = owner === incarnation ? this.get(name) : undefined
    return { meeting: known ?? this.#handle(name), isNew }
  }

  /**
   * Calls `handler` when a client wants to join a meeting that its ticket allows and that is not open, and opens the
   * meeting with the options that the handler returns. A restarted server thus honours the tickets it issued before.
   * `null`, an error, and no answer within 5 s (`limits.authorizeMs`) mean NOT_FOUND. The handler is called once for
   * all clients who want to join meanwhile; the name may be anything that some ticket allows. Returns a function that
   * removes the handler. Throws an Error where there is a handler already.
   */
  onMissing(handler: OpenMissing<NameIn<C, 'meetings'>>): () => void {
    return this.opener.register(handler)
  }

  #openKind(
    name: string,
    given: Partial<MeetingOptions>,
    kind: string,
    metadata: Readonly<Record<string, unknown>>,
    missing: MissingMeeting | undefined,
  ): Whereabouts | Promise<Whereabouts> {
    const definition = this.#kinds.get(kind)
    if (definition === undefined) {
      throw new RtmsError(
        'UNSUPPORTED',
        `the meeting ${name} cannot be opened: the kind ${kind} is not known; define it first`,
      )
    }
    const meeting = this.#handle(name)
    const runner = new HookRunner(definition.hooks, kind, meeting, this.#host, this.#logger)
    const logic = runner.logic(() => this.#rooms.delete(name))
    const business = { kind, metadata, logic, missing }
    return this.#open(name, { ...definition.settings, ...given }, business, () => {
      this.#rooms.set(name, { meeting, runner })
      runner.opened()
    })
  }

  /**
   * Opens a meeting, or finds it. `opened` is called where it was opened here just now, before anybody can join.
   */
  #open(
    name: string,
    options: Partial<MeetingOptions>,
    business: MeetingBusiness,
    opened: () => void,
  ): Whereabouts | Promise<Whereabouts> {
    const { incarnation, cluster } = this.#host.node
    if (cluster !== null) return this.#claim(name, options, business, opened)
    const made = this.#host.act((node, now) => node.openMeeting(name, options, now, business))
    if (typeof made === 'string') throw new RtmsError(made)
    if (made !== null) opened()
    return { owner: incarnation, isNew: made !== null }
  }

  #claim(
    name: string,
    options: Partial<MeetingOptions>,
    business: MeetingBusiness,
    opened: () => void,
  ): Promise<Whereabouts> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        name,
        ended: (outcome) => {
          if (!outcome.ok) return reject(outcome.error)
          if (outcome.value.isNew) opened()
          return resolve(outcome.value)
        },
      }
      this.#host.act((node, now) => node.claimMeeting(call, options, now, business))
    })
  }

  /** @internal The business's side of a meeting that another node hands over; null where its kind is not defined. */
  adopt({ name, kind, metadata }: OfferedMeeting): MeetingBusiness | null {
    if (kind === '') return { kind, metadata, logic: null }
    const definition = this.#kinds.get(kind)
    if (definition === undefined) return null
    const meeting = this.#handle(name)
    const runner = new HookRunner(definition.hooks, kind, meeting, this.#host, this.#logger)
    const ended = (): void => void this.#rooms.delete(name)
    return { kind, metadata, logic: runner.logic(ended, () => this.#rooms.set(name, { meeting, runner })) }
  }

  /** @internal The answer of the cluster to a call. */
  located(call: MeetingCall, outcome: Outcome<Whereabouts>): void {
    ;(call as Call).ended(outcome)
  }

  /** @internal The answer of a meeting that is open here to a call. */
  called(name: string, method: string, data: Payload): Payload | RtmsError {
    const none = new RtmsError('NO_HANDLER', `the meeting ${name} has no kind, so there is no onCall`)
    return this.#rooms.get(name)?.runner.call(method, data) ?? none
  }

  /** @internal The node that has a meeting, by incarnation; 0 for none, and where nobody has said in time. */
  owner(name: string): Promise<number> {
    return this.#find(name).catch((error: unknown) => {
      if (error instanceof RtmsError && error.code === 'BUSY') return 0
      throw error
    })
  }

  #find(name: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const ended = (outcome: Outcome<Whereabouts>): void => {
        if (outcome.ok) resolve(outcome.value.owner)
        else reject(outcome.error)
      }
      const call: Call = { name, ended }
      this.#host.act((node, now) => node.findMeeting(call, now))
    })
  }

  #handle(name: string): Meeting {
    return new Meeting(this.#host, this.#logger, name, this.calls)
  }

  /** The meeting of this name that is open on this node. With a contract, `K` is its kind, which is not checked. */
  get<K extends NameIn<C, 'meetings'> = NameIn<C, 'meetings'>>(name: string): MeetingIn<C, K> | undefined {
    if (!isName(name) || this.#host.node.meeting(name) === undefined) return undefined
    return (this.#rooms.get(name)?.meeting ?? this.#handle(name)) as MeetingIn<C, K>
  }

  /**
   * The meeting of this name, on whichever node it is open; undefined where it is not. Rejects with an `RtmsError`:
   * BAD_NAME; BUSY where the cluster has not said within a second which node has it. `K` as in {@link get}.
   */
  async find<K extends NameIn<C, 'meetings'> = NameIn<C, 'meetings'>>(
    name: string,
  ): Promise<MeetingIn<C, K> | undefined> {
    checkName('meeting', name, 'BAD_NAME')
    const here = this.get<K>(name)
    if (here !== undefined || (await this.#find(name)) === 0) return here
    return this.#handle(name) as MeetingIn<C, K>
  }

  /** All open meetings of all nodes in the order of names, or those of a kind. */
  async list(
    options: { readonly kind?: NameIn<C, 'meetings'> | undefined } = {},
  ): Promise<Listed<ListedMeeting>> {
    checkNames('meetings.list', options, { kind: true })
    return this.#page(Infinity, options)
  }

  /**
   * A page of the open meetings of all nodes: at most `limit` of them in the order of names, after the name `after`.
   * Each call looks at all meetings, a few in each turn of the event loop. Rejects with a RangeError for an invalid
   * limit.
   */
  async page(options: MeetingPage): Promise<Listed<ListedMeeting>> {
    checkNames('meetings.page', options, { limit: true, after: true, kind: true, contains: true })
    const { limit, ...wish } = options
    return this.#page(checkLimit(limit), wish)
  }

  #page(
    limit: number,
    { after = '', kind, contains }: Omit<MeetingPage, 'limit'>,
  ): Promise<Listed<ListedMeeting>> {
    const wish = { contains: contains ?? '', ofKind: kind !== undefined, kind: kind ?? '' }
    return this.#peers.page(
      { count: limit, after },
      (round) => this.#searches.run(this.#host.node.meetingPage({ ...round, contains }, kind)),
      (round) => this.#peers.ask('meetings', { ...round, ...wish }),
      (found) => found.map(([node, info]) => ({ ...info, node: this.#peers.nameOf(node) })),
    )
  }

  /**
   * Ends a meeting for everyone, on whichever node it is, as {@link Meeting.close} does. Has no effect where none of
   * this name is open.
   */
  close(name: string, reason?: string): void {
    this.#handle(name).close(reason)
  }

  /** @internal Ends all meetings of a kind, so their `onClose` is called. */
  closeAll(): void {
    for (const name of this.#rooms.keys())
      this.#host.afterHook((node, now) => node.closeMeeting(name, now, undefined, true))
  }
}
