import { type Client, connect, type Meeting, RtmsError, type State } from 'rtms/client'
import { getTicket, type GuestTicket } from '../shell/guest.ts'
import { Line } from './line.ts'
import { cursorOf, isStalled, type View, watch } from './view.ts'
import type { Happening, Policy } from './words.ts'

/** Small, so that it is used up within seconds. */
const WINDOW = 16_384
const FLOOD = 300
const KEPT = 40

interface Entry {
  readonly n: number
}

/** A line of the story. */
export interface Told {
  readonly id: number
  readonly at: Date
  readonly what: Happening
}

/** A connection to be disturbed, and an honest count of what came of it. */
export class Experiment {
  readonly line = new Line()
  view: View | null = null
  problem: unknown = null
  policy: Policy = 'skip'
  speed = 20
  story: readonly Told[] = []
  /** The last frame and entry read. */
  frame = 0
  entry = 0
  underWay = 0
  /** The tour has the switches. */
  isLed = false
  readonly counts = { told: 0, silent: 0, conflated: 0, refused: 0, framed: 0, framesMissing: 0 }
  readonly #client: Client
  readonly #changed: () => void
  #guest: string | null = null
  /** What leads a load balancer to the node that has the lab. */
  #route = ''
  #lab = ''
  #meeting: Meeting | null = null
  #unsubscribe = (): void => {}
  /** A gap was told of: the next jump in the numbers is no surprise. */
  #told = false
  #connected = false
  #stalled = false
  #fallen = false
  readonly #waiting: Map<Happening['kind'], () => void> = new Map()

  constructor(changed: () => void) {
    this.#changed = changed
    this.#client = connect({
      getTicket: () => this.#ticket(),
      socket: this.line.socket,
      window: WINDOW,
      maxBackoffMs: 1_000,
    })
    this.#client.onState((state, error) => this.#stateChanged(state, error))
    watch(
      () => (this.#guest === null ? null : { guest: this.#guest, route: this.#route }),
      (view) => this.#seen(view),
    )
  }

  get state(): State {
    return this.#client.state
  }

  async #ticket(): Promise<GuestTicket> {
    if (this.line.offline) throw new RtmsError('NOT_SENT', 'the line is cut')
    const ticket = await getTicket<{ readonly lab: string }>('inside', {}, this.#route)
    this.#guest = ticket.guest
    this.#route = new URL(ticket.url).search
    if (this.#lab === '') void this.#enter(ticket.lab)
    // The lab was given up after a long absence.
    else if (this.#lab !== ticket.lab) location.reload()
    return ticket
  }

  async #enter(lab: string): Promise<void> {
    this.#lab = lab
    this.#subscribe()
    try {
      const meeting = await this.#client.join(lab, { timeoutMs: Infinity })
      this.#meeting = meeting
      meeting.onGap(({ from, to }) => {
        this.counts.framesMissing += to - from
        this.frame = to - 1
      })
      meeting.onFrame((frame) => {
        if (this.frame > 0 && frame.number !== this.frame + 1) this.counts.silent++
        this.frame = frame.number
        for (const event of frame.events)
          if (event.type === 'resume') this.#tell({ kind: 'stood', ms: event.gap })
      })
      meeting.onRejoin(({ recovered, next }) => {
        if (recovered) this.#tell({ kind: 'rejoined' })
        // Frames from there on were undone, or are another epoch's.
        else this.frame = Math.min(this.frame, next - 1)
      })
      meeting.onEnd(() => location.reload())
      addEventListener('pagehide', () => meeting.leave())
    } catch (error) {
      this.#fail(error)
    }
  }

  #subscribe(): void {
    const since = this.#client.position(this.#lab) ?? undefined
    this.#unsubscribe()
    let again = since !== undefined
    this.#unsubscribe = this.#client.subscribe<Entry>(this.#lab, ({ n }) => this.#read(n), {
      policy: this.policy,
      ...(since === undefined ? {} : { since }),
      onGap: ({ lost }) => this.#gap(lost),
      onSubscribed: ({ recovered }) => {
        if (again)
          this.#tell(
            recovered
              ? { kind: 'recovered', from: this.entry + 1, frame: this.frame + 1 }
              : { kind: 'resumed' },
          )
        again = true
      },
      onError: (error) => this.#fail(error),
    })
  }

  #gap(lost: number): void {
    this.#told = true
    // Where the latest values stand in for what is lost, the first of them says up to where.
    if (lost > 0 && this.policy !== 'conflate')
      this.#tell({ kind: 'gap', from: this.entry + 1, to: this.entry + lost })
  }

  /** Entries are numbered by their publisher, so that a hole is seen whoever is silent about it. */
  #read(n: number): void {
    const missing = n - this.entry - 1
    if (this.entry > 0 && missing > 0) {
      if (!this.#told) this.counts.silent += missing
      else if (this.policy === 'conflate') {
        this.counts.conflated += missing
        this.#tell({ kind: 'conflated', from: this.entry + 1, to: n - 1 })
      } else this.counts.told += missing
    }
    this.#told = false
    this.entry = Math.max(this.entry, n)
  }

  #stateChanged(state: State, error: RtmsError | null): void {
    if (state === 'connected') {
      this.problem = null
      if (!this.#connected) this.#tell({ kind: 'connected' })
      this.#connected = true
    } else if (this.#connected && state === 'disconnected') {
      this.#connected = false
      const code = error?.code
      if (code === 'SLOW' || code === 'RATE') this.#tell({ kind: 'goodbye', reason: code })
      this.#tell({ kind: 'lost', reason: code === undefined ? '' : ` (${code})` })
    }
    if (state === 'closed' && error !== null) this.#fail(error)
    this.#changed()
  }

  #seen(view: View): void {
    // A lab outlives a reload of its page.
    if (this.view === null) this.speed = view.speed
    this.view = view
    const stalled = isStalled(view)
    const { unacknowledgedBytes: bytes = 0, window = 0 } = view.session ?? {}
    if (stalled !== this.#stalled) {
      this.#stalled = stalled
      if (stalled) this.#tell({ kind: 'stalled', bytes, window })
      else if (view.session?.connected === true) this.#tell({ kind: 'flowing' })
    }
    const cursor = cursorOf(view, 'topic')
    const fallen = cursor !== null && cursor.position > 0 && cursor.position < cursor.first
    if (fallen && !this.#fallen) this.#tell({ kind: 'fallen', from: cursor.position, to: cursor.first - 1 })
    this.#fallen = fallen
    this.#changed()
  }

  #tell(what: Happening): void {
    const id = (this.story[0]?.id ?? 0) + 1
    this.story = [{ id, at: new Date(), what }, ...this.story].slice(0, KEPT)
    this.#waiting.get(what.kind)?.()
    this.#changed()
  }

  /** Resolves at the next happening of this kind. */
  next(kind: Happening['kind']): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(kind, resolve))
  }

  #fail(error: unknown): void {
    this.problem = error
    this.#changed()
  }

  // ---- the switches

  toggleReading(): void {
    if (this.line.stopped) {
      this.#tell({ kind: 'reading' })
      this.line.read()
    } else {
      this.line.stop()
      this.#tell({ kind: 'stopped' })
    }
  }

  cut(): void {
    this.#tell({ kind: 'cut' })
    this.line.cut()
  }

  flood(): void {
    const meeting = this.#meeting
    if (meeting === null) return
    this.#tell({ kind: 'flood', count: FLOOD })
    this.underWay += FLOOD
    const frames: number[] = []
    const refusals = new Map<string, number>()
    let answered = 0
    const settle = (): void => {
      this.underWay--
      if (++answered < FLOOD) return
      for (const [code, count] of refusals) this.#tell({ kind: 'refused', code, count })
      if (frames.length > 0)
        this.#tell({
          kind: 'framed',
          count: frames.length,
          from: Math.min(...frames),
          to: Math.max(...frames),
        })
    }
    const send = async (i: number): Promise<void> => {
      try {
        frames.push(await meeting.send({ flood: i }))
        this.counts.framed++
      } catch (error) {
        const code = error instanceof RtmsError ? error.code : 'UNKNOWN'
        this.counts.refused++
        refusals.set(code, (refusals.get(code) ?? 0) + 1)
      }
      settle()
    }
    for (let i = 0; i < FLOOD; i++) void send(i)
  }

  setPolicy(policy: Policy): void {
    if (policy === this.policy || this.#lab === '') return
    this.policy = policy
    this.#tell({ kind: 'policy', policy })
    this.#subscribe()
  }

  async setSpeed(speed: number): Promise<void> {
    const before = this.speed
    if (speed === before) return
    this.speed = speed
    try {
      await this.#client.request('inside.speed', { perSecond: speed }, { offline: 'refuse' })
      this.#tell({ kind: 'speed', speed })
    } catch (error) {
      this.speed = before
      this.#fail(error)
    }
  }
}
