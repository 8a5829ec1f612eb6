import type { MeetingBusiness, MeetingInfo, MeetingOptions } from '../../core/index.ts'
import { isName, RtmsError } from '../../protocol/index.ts'
import { checkName } from '../ground/check.ts'
import { defined } from '../ground/defined.ts'
import type { Logger } from '../ground/logger.ts'
import type { Host } from '../host.ts'
import { HookRunner, type KindHooks } from './kinds.ts'
import {
  type MeetingKind,
  type OpenOptions,
  optionsSchema,
  kindSchema,
  checkOptions,
} from './meeting-options.ts'
import { Meeting } from './meeting.ts'
import { Opener, type OpenMissing } from './opener.ts'
import type { Searches } from './searches.ts'

interface Kind {
  readonly settings: Partial<MeetingOptions>
  readonly hooks: KindHooks
}

/** The meetings of this node. */
export class Meetings {
  readonly #host: Host
  readonly #logger: Logger
  readonly #searches: Searches
  readonly #kinds: Map<string, Kind> = new Map()
  /** Open meetings of a kind, so every hook of a meeting gets the same object. */
  readonly #rooms: Map<string, Meeting> = new Map()
  /** @internal */
  readonly opener: Opener

  /** @internal */
  constructor(host: Host, logger: Logger, searches: Searches) {
    this.#host = host
    this.#logger = logger
    this.#searches = searches
    this.opener = new Opener(host, logger, (name, options) => this.open(name, options))
  }

  /**
   * Defines a kind of meeting: default options, and hooks (see {@link KindHooks}). It applies to meetings opened
   * afterwards. Throws BAD_NAME, or an Error that lists every invalid option or says that the kind is already defined.
   */
  define(kind: string, definition: MeetingKind): void {
    checkName('kind', kind, 'BAD_NAME')
    checkOptions(`the kind ${kind} cannot be defined`, kindSchema, definition)
    if (this.#kinds.has(kind)) throw new Error(`${kind} was defined already; define it once, at the start`)
    const { onOpen, onJoin, onInput, onFrame, onLeave, onClose, ...given } = definition
    this.#kinds.set(kind, {
      settings: defined(given),
      hooks: { onOpen, onJoin, onInput, onFrame, onLeave, onClose },
    })
  }

  /**
   * Opens a meeting, or returns the open one of this name unchanged. Rejects with an `RtmsError`: BAD_NAME; LIMIT where
   * the node has too many; UNSUPPORTED where its kind is not defined; DRAINING or, later, CLOSED where the node is
   * stopping. Rejects with an Error that lists every invalid option.
   */
  async open(name: string, options: OpenOptions = {}): Promise<Meeting> {
    checkName('meeting', name, 'BAD_NAME')
    checkOptions(`the meeting ${name} cannot be opened`, optionsSchema, options)
    const { kind, metadata = Object.freeze({}), ...given } = options
    if (kind === undefined) this.#open(name, defined(given), { kind: '', metadata, logic: null })
    else this.#openKind(name, defined(given), kind, metadata)
    return this.get(name) as Meeting
  }

  /**
   * Calls `handler` when a client wants to join a meeting that its ticket allows and that is not open, and opens the
   * meeting with the options that the handler returns. A restarted server thus honours the tickets it issued before.
   * `null`, an error, and no answer within 5 s (`limits.authorizeMs`) mean NOT_FOUND. The handler is called once for
   * all clients who want to join meanwhile; the name may be anything that some ticket allows. Returns a function that
   * removes the handler. Throws an Error where there is a handler already.
   */
  onMissing(handler: OpenMissing): () => void {
    return this.opener.register(handler)
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

  /** Returns false where a meeting is open under this name. */
  #open(name: string, options: Partial<MeetingOptions>, business: MeetingBusiness): boolean {
    const opened = this.#host.act((node, now) => node.openMeeting(name, options, now, business))
    if (typeof opened === 'string') throw new RtmsError(opened)
    return opened !== null
  }

  get(name: string): Meeting | undefined {
    if (!isName(name) || this.#host.node.meeting(name) === undefined) return undefined
    return this.#rooms.get(name) ?? new Meeting(this.#host, this.#logger, name)
  }

  /** All open meetings, or those of a kind. */
  list({ kind }: { readonly kind?: string | undefined } = {}): MeetingInfo[] {
    const all = [...this.#host.node.meetings()]
    return kind === undefined ? all : all.filter((info) => info.kind === kind)
  }

  /**
   * A page of the open meetings: at most `limit` of them in the order of names, after the name `after`. Each call looks
   * at all meetings, a few in each turn of the event loop.
   */
  page({
    limit,
    after = '',
    kind,
    contains,
  }: {
    readonly limit: number
    readonly after?: string | undefined
    readonly kind?: string | undefined
    /** Only names that contain this text, ignoring case. */
    readonly contains?: string | undefined
  }): Promise<readonly MeetingInfo[]> {
    return this.#searches.run(this.#host.node.meetingPage({ count: limit, after, contains }, kind))
  }

  /** Ends a meeting for everyone. Has no effect where none of this name is open. */
  close(name: string): void {
    this.#host.afterHook((node) => node.closeMeeting(name))
  }

  /** @internal Ends all meetings of a kind, so their `onClose` is called. */
  closeAll(): void {
    for (const name of this.#rooms.keys()) this.close(name)
  }
}
