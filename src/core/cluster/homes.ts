import { Reader, Writer } from '../../protocol/bytes.ts'
import { limits as protocolLimits } from '../../protocol/limits.ts'
import type { Stats } from '../ground/stats.ts'
import { type Form, within } from './forms.ts'
import { linked, type LinkPart } from './link-messages.ts'
import type { Place, Whereabouts } from './question-kinds.ts'
import type { View } from './view.ts'

/*
 * A message over a link, to a node that is the home of the users in it: `linked.homes`, flags (one byte), the sender's
 * view (uint, where it begins anew), and for each user the name, the number of sessions and of connections at the
 * sender.
 */

/** The sender tells everything anew: what it told before is void. It has told everything. */
const BEGIN = 1
const END = 2

/** Holds two numbers in one. */
const SESSION = 2 ** 20
const count: Form<number> = within(0, SESSION - 1, 'sessions of a user')

export interface HomesLimits {
  /** Users of this node that are told of in one sweep, where everything is told anew. */
  readonly homeUsersPerSweep: number
  /** Bytes of what a home is told anew that wait for more, so that many homes do not get many small messages. */
  readonly homeMessageBytes: number
  /** How long a home may take no more before the others are told without it, and it from the beginning once it does. */
  readonly homeWaitMs: number
  /** Users that one home remembers, for each node that they have sessions on; beyond that it does not know of all. */
  readonly homeUsers: number
}

export const homesLimits: HomesLimits = {
  homeUsersPerSweep: 1_000,
  homeMessageBytes: 4_096,
  homeWaitMs: 1_000,
  homeUsers: 2_000_000,
}

/** What a home was told by one node. */
interface Told {
  /** The view in which it was told. */
  readonly view: number
  isComplete: boolean
  /** Sessions × SESSION + connections, by user. */
  readonly users: Map<string, number>
}

/** What homes need of their node. */
export interface HomesHost {
  readonly view: View
  /** Whether nobody can speak for a node at the moment. */
  isSilent(node: number): boolean
  /** The users with sessions on this node. */
  users(): Iterable<string>
  presence(user: string): { readonly sessions: number; readonly connected: number }
  send(node: number, message: Uint8Array): void
  /** Whether the link to a node takes more: what is sent beyond that only waits there. */
  isOpen(node: number): boolean
}

/** The telling of everything to some nodes, a little in each sweep, as fast as the slowest of them takes it. */
interface Telling {
  readonly to: Set<number>
  readonly users: Iterator<string>
  /** What waits to be told, by home. */
  readonly waiting: Map<number, Writer>
  /** Since when one of them takes no more; null while all do. */
  waitsSince: number | null
}

/**
 * Where users have sessions. The home of a user is the node that the user's name falls to (rendezvous hashing, as for
 * meetings), and each node tells it of that user's sessions: everything of its users in each new view and after a link
 * broke, and afterwards what changes. A home knows once every node of its view has told everything in that view.
 */
export class Homes implements LinkPart {
  readonly #self: number
  readonly #host: HomesHost
  readonly #stats: Stats
  readonly #limits: HomesLimits
  readonly #told: Map<number, Told> = new Map()
  #size = 0
  /** Users of this node whose home has yet to hear of a change. */
  readonly #changed: Set<string> = new Set()
  readonly #tellings: Set<Telling> = new Set()
  /** Nodes that are to be told everything, once their links take it. */
  readonly #behind: Set<number> = new Set()
  /** Whether the view has changed since the last sweep. */
  #isRenewed = false

  constructor(self: number, host: HomesHost, stats: Stats, limits: HomesLimits = homesLimits) {
    this.#self = self
    this.#host = host
    this.#stats = stats
    this.#limits = limits
  }

  get hasWork(): boolean {
    if (this.#changed.size > 0 || this.#isRenewed) return true
    for (const node of this.#behind) if (this.#host.isOpen(node)) return true
    for (const { to } of this.#tellings) if (this.#closed(to).length === 0) return true
    return false
  }

  #closed(to: ReadonlySet<number>): number[] {
    return [...to].filter((node) => !this.#host.isOpen(node))
  }

  /** Number of users that this node knows of as their home, counted once for each node that they have sessions on. */
  get size(): number {
    return this.#size
  }

  /** What a node has told counts for nothing any more. */
  #forget(node: number): void {
    this.#size -= this.#told.get(node)?.users.size ?? 0
    this.#told.delete(node)
  }

  #isAlone(): boolean {
    return this.#host.view.living.size === 1
  }

  // ---- telling

  /** A user has more or fewer sessions or connections on this node. */
  changed(user: string): void {
    if (!this.#isAlone()) this.#changed.add(user)
  }

  /** The view has changed: everything is told anew, from the next sweep on. */
  renew(): void {
    const { living } = this.#host.view
    for (const node of this.#told.keys()) if (!living.has(node)) this.#forget(node)
    this.#changed.clear()
    this.#tellings.clear()
    this.#behind.clear()
    this.#isRenewed = true
  }

  /** The link to a node broke: what it was told is void there, and what it told is void here. */
  broken(node: number): void {
    this.#forget(node)
    if (this.#host.view.has(node)) this.#leaveBehind(node)
  }

  #leaveBehind(node: number): void {
    this.#behind.add(node)
    for (const telling of this.#tellings) {
      telling.waiting.delete(node)
      if (telling.to.delete(node) && telling.to.size === 0) this.#tellings.delete(telling)
    }
  }

  /** Part of the sweep: tells the homes what has changed, and some of what is told anew. */
  sweep(now: number): void {
    const { living } = this.#host.view
    if (this.#isRenewed) for (const node of living) if (node !== this.#self) this.#behind.add(node)
    this.#isRenewed = false
    this.#begin()
    const messages = new Map<number, Writer>()
    for (const user of this.#changed) {
      const home = this.#homeOf(user)
      // Those are told everything later.
      if (home === 0 || this.#behind.has(home)) continue
      // Behind what was to be told before.
      this.#write(messages, home, user, () => this.#waitingFor(home))
    }
    this.#changed.clear()
    const told: Telling[] = []
    for (const telling of this.#tellings)
      if (this.#mayGoOn(telling, now) && this.#goOn(telling, messages)) told.push(telling)
    for (const [node, w] of messages) this.#host.send(node, w.finish())
    for (const telling of told) {
      this.#tellings.delete(telling)
      for (const [node, w] of telling.waiting) this.#host.send(node, w.finish())
      for (const node of telling.to) this.#host.send(node, begin(END).finish())
    }
  }

  /** Those whose links take it are told everything from the beginning, together. */
  #begin(): void {
    const to = new Set([...this.#behind].filter((node) => this.#host.isOpen(node)))
    if (to.size === 0) return
    for (const node of to) {
      this.#behind.delete(node)
      const w = begin(BEGIN)
      w.uint(this.#host.view.id)
      this.#host.send(node, w.finish())
    }
    const users = this.#host.users()[Symbol.iterator]()
    this.#tellings.add({ to, users, waiting: new Map(), waitsSince: null })
  }

  /** It waits for whoever takes no more; others do not wait for one of them for long. */
  #mayGoOn(telling: Telling, now: number): boolean {
    const closed = this.#closed(telling.to)
    if (closed.length === 0) {
      telling.waitsSince = null
      return true
    }
    telling.waitsSince ??= now
    if (closed.length === telling.to.size || now - telling.waitsSince < this.#limits.homeWaitMs) return false
    for (const node of closed) this.#leaveBehind(node)
    return true
  }

  /** True: that was all. */
  #goOn({ to, users, waiting }: Telling, messages: Map<number, Writer>): boolean {
    const { homeMessageBytes } = this.#limits
    const most = this.#limits.homeUsersPerSweep / this.#tellings.size
    for (let n = 0; n < most; n++) {
      const { value: user, done } = users.next()
      if (done === true) return true
      const home = this.#homeOf(user)
      if (!to.has(home)) continue
      const w = this.#write(waiting, home, user)
      if (w.length < homeMessageBytes || messages.has(home)) continue
      waiting.delete(home)
      messages.set(home, w)
    }
    return false
  }

  /** 0 where that is this node, or none. */
  #homeOf(user: string): number {
    const home = this.#host.view.registrarOf(user)
    return home === this.#self ? 0 : home
  }

  /** What waits to be told to a home, and is to be told now. */
  #waitingFor(home: number): Writer | undefined {
    for (const { waiting } of this.#tellings) {
      const w = waiting.get(home)
      if (waiting.delete(home)) return w
    }
    return undefined
  }

  /** Adds a user to the message to a home, which begins anew or with `more`. */
  #write(messages: Map<number, Writer>, home: number, user: string, more?: () => Writer | undefined): Writer {
    let w = messages.get(home)
    if (w === undefined) messages.set(home, (w = more?.() ?? begin(0)))
    const { sessions, connected } = this.#host.presence(user)
    w.text(user)
    w.uint(sessions)
    w.uint(connected)
    return w
  }

  // ---- the home

  /** What a node tells of its users. */
  message(from: number, bytes: Uint8Array): void {
    const r = new Reader(bytes)
    try {
      r.byte()
      const flags = r.byte()
      if ((flags & BEGIN) !== 0) {
        this.#forget(from)
        this.#told.set(from, { view: r.uint(), isComplete: false, users: new Map() })
      }
      const told = this.#told.get(from)
      // The link broke after this was sent, and everything follows anew.
      if (told === undefined) return
      while (r.left > 0) this.#hear(told, r.text(protocolLimits.name), count.read(r), count.read(r))
      if ((flags & END) !== 0 && this.size <= this.#limits.homeUsers) told.isComplete = true
    } catch {
      this.#stats.strangers++
    }
  }

  #hear(told: Told, user: string, sessions: number, connected: number): void {
    const isKnown = told.users.has(user)
    if (sessions === 0) told.users.delete(user)
    else if (isKnown || this.#size < this.#limits.homeUsers)
      told.users.set(user, sessions * SESSION + connected)
    else told.isComplete = false
    this.#size += Number(told.users.has(user)) - Number(isKnown)
  }

  /** Where a user has sessions, as far as this node knows. */
  whereabouts(user: string): Whereabouts {
    const { view } = this.#host
    const places: Place[] = []
    let isComplete = view.registrarOf(user) === this.#self
    for (const node of view.living) {
      const own = node === this.#self
      const told = this.#told.get(node)
      if (!own && (told?.view !== view.id || !told.isComplete || this.#host.isSilent(node)))
        isComplete = false
      const count = told?.users.get(user) ?? 0
      const place = own
        ? this.#host.presence(user)
        : { sessions: Math.floor(count / SESSION), connected: count % SESSION }
      if (place.sessions > 0) places.push({ node, sessions: place.sessions, connected: place.connected })
    }
    return { isComplete, places }
  }
}

function begin(flags: number): Writer {
  const w = new Writer()
  w.byte(linked.homes)
  w.byte(flags)
  return w
}
