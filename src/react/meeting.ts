import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { Client, Frame, FrameGap, Meeting as JoinedMeeting, Member } from '../client/index.ts'
import { RtmsError } from '../protocol/index.ts'
import { useProvided } from './provider.ts'
import { findStore, Store, takeStore } from './store.ts'

/** What {@link useMeeting} takes. The callbacks may change with each render: the latest ones are called. */
export interface MeetingOptions<T = unknown> {
  /** Read only, without a slot. */
  readonly spectator?: boolean
  /** Hash of the configuration this client runs. */
  readonly config?: string
  /**
   * Called for every frame in order. The components that caused the join start with the first frame kept, later
   * components with the next one.
   */
  readonly onFrame?: (frame: Frame<T>) => void
  /** Called when frames are missing for good. */
  readonly onGap?: (gap: FrameGap) => void
  /** Called with each message that the business server sends to this member alone. */
  readonly onMessage?: (data: unknown) => void
}

interface Seat<T> {
  /** `ended`: refused, kicked, closed; `error` says why. */
  readonly state: 'joining' | 'joined' | 'ended'
  /** This member's slot, 255 for a spectator; null while not joined. */
  readonly slot: number | null
  /** Who is in the meeting, by slot. */
  readonly members: readonly Member[]
  /** No frames come for now; see `isWaiting` of the client's meeting. */
  readonly isWaiting: boolean
  readonly error: RtmsError | null
  /** The client's meeting, for everything else; null while not joined. */
  readonly meeting: JoinedMeeting<T> | null
}

/** What {@link useMeeting} returns: the same object until something but the frames changes. */
export interface Meeting<T = unknown> extends Seat<T> {
  /** Sends an input; see `send` of the client's meeting. Rejects with NOT_JOINED before it is joined. */
  readonly send: (data: T) => Promise<number>
}

interface Listener<T> {
  changed(): void
  frame(frame: Frame<T>): void
  gap(gap: FrameGap): void
  message(data: unknown): void
}

const JOINING: Seat<unknown> = {
  state: 'joining',
  slot: null,
  members: [],
  isWaiting: false,
  error: null,
  meeting: null,
}

const joining = <T>(): Seat<T> => JOINING as Seat<T>

class MeetingStore<T> extends Store<Seat<T>, Listener<T>> {
  readonly #client: Client
  readonly #name: string
  readonly #options: { readonly spectator: boolean; readonly config: string }
  readonly #abort: AbortController = new AbortController()
  #meeting: JoinedMeeting<T> | null = null
  #error: RtmsError | null = null

  constructor(
    client: Client,
    name: string,
    options: { readonly spectator: boolean; readonly config: string },
    ended: () => void,
  ) {
    super(joining<T>(), ended)
    this.#client = client
    this.#name = name
    this.#options = options
  }

  get meeting(): JoinedMeeting<T> | null {
    return this.#meeting
  }

  protected override open(): void {
    const { signal } = this.#abort
    // A component waits for as long as it is there.
    const patience = { timeoutMs: Infinity, offline: 'queue' } as const
    this.#client.join<T>(this.#name, { ...this.#options, ...patience, signal }).then(
      (meeting) => (signal.aborted ? meeting.leave() : this.#joined(meeting)),
      (error: unknown) => signal.aborted || this.#ended(error as RtmsError),
    )
  }

  protected override close(): void {
    this.#abort.abort()
    this.#meeting?.leave()
  }

  protected override compute(): Seat<T> {
    const meeting = this.#meeting
    const state = this.#error !== null ? 'ended' : meeting === null ? 'joining' : 'joined'
    return {
      state,
      slot: meeting?.slot ?? null,
      members: meeting?.members ?? [],
      isWaiting: meeting?.isWaiting ?? false,
      error: this.#error,
      meeting,
    }
  }

  #joined(meeting: JoinedMeeting<T>): void {
    this.#meeting = meeting
    this.changed()
    meeting.onRejoin(() => this.changed())
    meeting.onMembers(() => this.changed())
    meeting.onWaiting(() => this.changed())
    meeting.onEnd((error) => this.#ended(error))
    meeting.onMessage((data) => this.listeners.emit((listener) => listener.message(data)))
    meeting.onGap((gap) => this.listeners.emit((listener) => listener.gap(gap)))
    meeting.onFrame((frame) => this.listeners.emit((listener) => listener.frame(frame)))
  }

  #ended(error: RtmsError): void {
    this.#meeting = null
    this.#error = error
    this.changed()
  }
}

/**
 * Keeps a meeting joined while a component uses it, across reconnects. Components that name the same meeting and
 * options share one seat. Frames go to `onFrame` and do not render: keep what you derive from them in state of your
 * own.
 */
export function useMeeting<T = unknown>(name: string, options: MeetingOptions<T> = {}): Meeting<T> {
  const client = useProvided('useMeeting')
  const { spectator = false, config = '' } = options
  const subject = `meeting ${name}`
  const variant = JSON.stringify([spectator, config])
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const subscribe = useCallback(
    (changed: () => void) => {
      const make = (ended: () => void): MeetingStore<T> =>
        new MeetingStore<T>(client, name, { spectator, config }, ended)
      return takeStore(client, subject, variant, make).attach({
        changed,
        frame: (frame) => latest.current.onFrame?.(frame),
        gap: (gap) => latest.current.onGap?.(gap),
        message: (data) => latest.current.onMessage?.(data),
      })
    },
    [client, subject, variant, name, spectator, config],
  )
  const find = useCallback(
    () => findStore<MeetingStore<T>>(client, subject, variant),
    [client, subject, variant],
  )
  const snapshot = useCallback(() => find()?.state ?? joining<T>(), [find])
  const seat = useSyncExternalStore(subscribe, snapshot, joining<T>)
  const send = useCallback(
    (data: T): Promise<number> => {
      const meeting = find()?.meeting
      if (meeting) return meeting.send(data)
      const refused = Promise.reject<number>(
        new RtmsError('NOT_JOINED', `${name} is not joined yet, or no more`),
      )
      refused.catch(() => {})
      return refused
    },
    [find, name],
  )
  return useMemo(() => ({ ...seat, send }), [seat, send])
}
