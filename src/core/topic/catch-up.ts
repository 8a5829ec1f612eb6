import { payloadLength } from '../../protocol/payload.ts'
import type { FixedLimits } from '../ground/config.ts'
import type { Stats } from '../ground/stats.ts'
import { Timer, type Timers } from '../ground/timers.ts'
import { decodeDiffusion, decodeHeads } from './diffusion.ts'
import { Ends } from './ends.ts'
import { type HeadOf, headsOf, joinedOf, type Kept, type KeptEntry, type Want } from './kept.ts'
import { type Diffused, holeUpTo, weigh } from './publication.ts'
import type { Publisher, Publishers } from './publishers.ts'
import type { Topic } from './topic.ts'

/** How a question for what another node keeps ended; null: without an answer. */
export type KeptAnswer = readonly Kept[] | null

/** The other nodes, as topics see them. */
export interface TopicPeers {
  /** Those that can be asked. */
  peers(): Iterable<number>
  reaches(node: number): boolean
  /** Whether a node has not ended, as far as this one knows. */
  isThere(node: number): boolean
  /** Asks a node what it keeps. `ended` is called later, once. */
  ask(
    node: number,
    wants: readonly Want[],
    deadline: number,
    ended: (answer: KeptAnswer, now: number) => void,
  ): void
}

/** For a node alone. */
export const noPeers: TopicPeers = {
  peers: () => [],
  reaches: () => false,
  isThere: () => true,
  ask: () => {},
}

/** What catching up needs of the rest of the node. */
export interface CatchUpHost {
  readonly others: TopicPeers
  get(name: string): Topic | undefined
  /**
   * Takes an entry of another node, unless it has been seen. `missing`: how many are lost before it; null: as its
   * number says.
   */
  take(topic: Topic, source: Publisher | null, entry: Diffused, missing: number | null, now: number): void
}

interface Held {
  readonly from: number
  readonly entries: readonly Diffused[]
}

/** A topic that is catching up. */
interface State {
  /** Nodes that have yet to tell what they keep. */
  readonly open: Set<number>
  /** What each node has told and is not yet in the log: it is put there in order of stamp. */
  told: Map<number, KeptEntry[]>
  /** Publishers of whom nothing was known before, as long as their nodes have more to tell. */
  readonly fresh: Set<number>
  heads: HeadOf[]
  /** The last numbers that nodes have said meanwhile, and how many questions had been asked by then. */
  readonly said: Map<number, { readonly number: number; readonly asked: number }>
  /** What was published meanwhile, by nodes that have to tell first. */
  held: Held[]
  heldBytes: number
  /** What was told or is held, as it weighs. */
  weight: number
  /** Called when readers may begin; null once they have. */
  ready: ((topic: Topic, now: number) => void) | null
  until: number
}

/** A node that is asked what it keeps. */
interface Source {
  /** By topic the position, in its log, from which it is asked next. */
  readonly wanted: Map<Topic, number>
  /** Topics that are read here and are to be asked about as well. */
  rest: Iterator<Topic> | null
  isAsked: boolean
}

/**
 * What this node has missed of topics that are read here, and gets from the nodes that keep it: at first interest, when
 * a number is missing, and when a node is met or heard again. Meanwhile what those nodes publish waits, so that the log
 * stays in order; readers who wait for their first values begin when all have told, and do not wait long.
 */
export class CatchUp {
  readonly #self: number
  readonly #publishers: Publishers
  readonly #timers: Timers
  readonly #stats: Stats
  readonly #limits: FixedLimits
  readonly #host: CatchUpHost
  readonly #states: Map<Topic, State> = new Map()
  readonly #sources: Map<number, Source> = new Map()
  readonly #timer: Timer
  readonly #ends: Ends = new Ends()
  /** What waits for all topics together. */
  #weight = 0
  /** Number of questions so far. */
  #asked = 0

  constructor(publishers: Publishers, timers: Timers, stats: Stats, limits: FixedLimits, host: CatchUpHost) {
    this.#self = publishers.own.incarnation
    this.#publishers = publishers
    this.#timers = timers
    this.#stats = stats
    this.#limits = limits
    this.#host = host
    this.#timer = new Timer('catchUp', (now) => this.#late(now))
  }

  get hasWork(): boolean {
    for (const { wanted, rest, isAsked } of this.#sources.values())
      if (!isAsked && (wanted.size > 0 || rest !== null)) return true
    return false
  }

  /**
   * Whether a topic has what all nodes keep of it, as far as they can be asked, and all that this publisher has
   * published: it can be asked, or ended while the topic was read here. What it published before it was asked may have
   * ended with it, and nobody knows whether there was any.
   */
  isWhole(topic: Topic, publisher?: number): boolean {
    if (this.#states.has(topic)) return false
    for (const { rest } of this.#sources.values()) if (rest !== null) return false
    return publisher === undefined || this.#ends.isBehind(topic.wholeSince, publisher)
  }

  /** A topic has a first reader where no other node can be asked. */
  alone(topic: Topic): void {
    topic.wholeSince = this.#ends.count
  }

  // ---- what starts it

  /** Whether there are other nodes that can be asked. */
  get hasPeers(): boolean {
    for (const _ of this.#host.others.peers()) return true
    return false
  }

  /** The first reader of a topic wants to begin. `ready` is called later, once, unless the topic is dropped before. */
  begin(topic: Topic, ready: (topic: Topic, now: number) => void, now: number): void {
    topic.wholeSince = Infinity
    this.#want(topic, this.#host.others.peers(), ready, now + this.#limits.firstValuesMs)
  }

  /** Nobody reads the topic any more. */
  drop(topic: Topic): void {
    const state = this.#states.get(topic)
    if (state === undefined) return
    for (const node of state.open) this.#sources.get(node)?.wanted.delete(topic)
    this.#states.delete(topic)
    this.#weigh(state, -state.weight)
  }

  #weigh(state: State, weight: number): void {
    state.weight += weight
    this.#weight += weight
  }

  /** A node is met, or heard again after a silence or an outage: it is asked about these topics. */
  met(node: number, topics: Iterable<Topic>): void {
    this.#ends.met(node)
    this.#source(node).rest = topics[Symbol.iterator]()
  }

  /** A node has ended, or cannot be asked. */
  gone(node: number, now: number): void {
    this.#ends.ended(node)
    const source = this.#sources.get(node)
    this.#sources.delete(node)
    for (const topic of source?.wanted.keys() ?? []) this.#told(topic, node, now)
  }

  #want(topic: Topic, nodes: Iterable<number>, ready: State['ready'], until: number): State {
    let state = this.#states.get(topic)
    if (state === undefined) {
      const [open, fresh] = [new Set<number>(), new Set<number>()]
      const [told, said]: [State['told'], State['said']] = [new Map(), new Map()]
      state = { open, told, fresh, heads: [], said, held: [], heldBytes: 0, weight: 0, ready, until }
      this.#states.set(topic, state)
      this.#arm(until)
    } else if (ready !== null) {
      // What came late for an earlier reader is being made up for.
      Object.assign(state, { ready, until })
      this.#arm(until)
    }
    for (const node of nodes) {
      state.open.add(node)
      this.#source(node).wanted.set(topic, 0)
    }
    return state
  }

  #arm(until: number): void {
    if (until < this.#timer.at) this.#timers.set(this.#timer, until)
  }

  #source(node: number): Source {
    let source = this.#sources.get(node)
    if (source === undefined)
      this.#sources.set(node, (source = { wanted: new Map(), rest: null, isAsked: false }))
    return source
  }

  // ---- what is published

  /** Entries that another node has published. */
  published(name: string, bytes: Uint8Array, from: number, now: number): void {
    const topic = this.#host.get(name)
    if (topic === undefined || from === this.#self) return
    const entries = decodeDiffusion(bytes)
    if (entries === null) {
      this.#stats.strangers++
      return
    }
    if (!this.#waits(topic, entries[0]?.number ?? 0, from, now)) this.#take(topic, { from, entries }, now)
    else this.#hold(topic, from, entries, bytes.length)
  }

  /** Whether what a node has published waits until it has told what it keeps. */
  #waits(topic: Topic, number: number, from: number, now: number): boolean {
    const state = this.#states.get(topic)
    if (state !== undefined && (state.ready !== null || state.open.has(from))) return true
    return number > this.#headOf(topic, from) + 1 && this.#fill(topic, from, now)
  }

  /** Publications of a node are missing: it is asked for them. False: it cannot be asked. */
  #fill(topic: Topic, from: number, now: number): boolean {
    if (!this.#host.others.reaches(from)) return false
    this.#want(topic, [from], null, now + this.#limits.fillMs)
    return true
  }

  #hold(topic: Topic, from: number, entries: readonly Diffused[], bytes: number): void {
    const state = this.#states.get(topic) as State
    // Dropped: its number will be missing.
    const weight = weightOf(entries)
    const { heldBytes, catchUpBytes } = this.#limits
    if (state.heldBytes + bytes > heldBytes || this.#weight + weight > catchUpBytes) return
    state.heldBytes += bytes
    this.#weigh(state, weight)
    state.held.push({ from, entries })
  }

  #take(topic: Topic, { from, entries }: Held, now: number): void {
    const source = this.#publishers.of(from)
    for (const entry of entries) this.#host.take(topic, source, entry, null, now)
  }

  /** The last numbers of topics that a node has not published to for a while: what is missing is asked for. */
  quiet(bytes: Uint8Array, from: number, now: number): void {
    const heads = decodeHeads(bytes)
    if (heads === null) this.#stats.strangers++
    for (const { name, number } of heads ?? []) {
      const topic = this.#host.get(name)
      if (topic?.isRead === true) this.#said(topic, from, number, now)
    }
  }

  /** A node has published up to this number. */
  #said(topic: Topic, from: number, number: number, now: number): void {
    const source = this.#publishers.of(from)
    if (source === null || number <= topic.head(source)) return
    if (this.#states.get(topic)?.open.has(from) !== true) this.#fill(topic, from, now)
    this.#states.get(topic)?.said.set(from, { number, asked: this.#asked })
  }

  // ---- asking

  /** Part of the sweep: asks each node that is not being asked. */
  sweep(now: number): void {
    if (this.#sources.size === 0) return
    for (const node of this.#sources.keys()) this.#ask(node, now)
  }

  #ask(node: number, now: number): void {
    const source = this.#source(node)
    if (source.isAsked) return
    if (!this.#host.others.reaches(node)) {
      this.gone(node, now)
      return
    }
    this.#wantRest(node, source, now)
    const asked = [...source.wanted].slice(0, this.#limits.busTopics)
    if (asked.length === 0) {
      this.#sources.delete(node)
      return
    }
    source.isAsked = true
    const turn = ++this.#asked
    const wants = asked.map(([topic, from]): Want => ({ topic: topic.name, from, heads: headsOf(topic) }))
    this.#host.others.ask(node, wants, now + this.#limits.keptMs, (answer, at) => {
      source.isAsked = false
      if (answer !== null)
        for (const [index, kept] of answer.entries()) this.#hear(node, asked[index], kept, turn, at)
    })
  }

  #wantRest(node: number, source: Source, now: number): void {
    while (source.rest !== null && source.wanted.size < this.#limits.busTopics) {
      const { value: topic, done } = source.rest.next()
      if (done === true) source.rest = null
      else if (topic.isRead) this.#want(topic, [node], null, now + this.#limits.keptMs)
    }
  }

  #hear(
    node: number,
    asked: readonly [Topic, number] | undefined,
    kept: Kept,
    turn: number,
    now: number,
  ): void {
    const [topic] = asked ?? []
    const state = topic && this.#states.get(topic)
    // The topic was given up meanwhile, or nobody waits for this node any more.
    if (topic === undefined || state?.open.has(node) !== true) return
    const told = state.told.get(node)
    if (told === undefined) state.told.set(node, [...kept.entries])
    else for (const entry of kept.entries) told.push(entry)
    for (const head of kept.heads) state.heads.push(head)
    this.#weigh(state, weightOf(kept.entries))
    // In order of stamp as far as there is room for it.
    if (this.#weight > this.#limits.catchUpBytes) this.#hurry(topic, state, now)
    const { number = 0, asked: before = 0 } = state.said.get(node) ?? {}
    const isMissing = !kept.heads.some((head) => head.source === node && head.number >= number)
    // What it has said it may have published after it was asked, or have forgotten with the topic.
    const isEarly = isMissing && before >= turn
    if (kept.next > 0 || isEarly) this.#sources.get(node)?.wanted.set(topic, kept.next)
    else {
      if (isMissing && number > 0) state.heads.push({ source: node, number })
      this.#told(topic, node, now)
    }
  }

  /** A node has told all that it keeps of a topic, or will not. */
  #told(topic: Topic, node: number, now: number): void {
    const state = this.#states.get(topic)
    this.#sources.get(node)?.wanted.delete(topic)
    if (state === undefined) return
    state.open.delete(node)
    if (state.open.size === 0) {
      this.#states.delete(topic)
      topic.wholeSince = Math.min(topic.wholeSince, this.#ends.count)
    }
    if (state.open.size === 0 || state.ready === null) this.#enter(topic, state, now)
  }

  /** Puts what was told into the log, and then what was published meanwhile. */
  #enter(topic: Topic, state: State, now: number): void {
    const { told, heads, held, ready } = state
    Object.assign(state, { told: new Map(), heads: [], held: [], heldBytes: 0, ready: null })
    this.#weigh(state, -state.weight)
    // Who answers yet tells its own.
    state.heads = heads.filter(({ source }) => state.open.has(source))
    const ended = heads.filter(({ source }) => !state.open.has(source))
    const shown = new Set(held.map(({ from }) => from))
    for (const entries of told.values()) for (const { source } of entries) shown.add(source)
    // Where nothing of a publisher is kept, that was before all that is.
    for (const head of ended) if (!shown.has(head.source)) this.#enterHead(topic, head, now)
    this.#enterTold(topic, told, state.fresh, now)
    for (const node of state.fresh) if (!state.open.has(node)) state.fresh.delete(node)
    for (const each of held)
      if (state.open.has(each.from)) {
        state.held.push(each)
        this.#weigh(state, weightOf(each.entries))
      } else this.#take(topic, each, now)
    for (const head of ended) this.#enterHead(topic, head, now)
    ready?.(topic, now)
  }

  /**
   * Puts what was told so far into the log, and keeps of each publisher the last, which says whether one is missing.
   */
  #hurry(topic: Topic, state: State, now: number): void {
    const { told, fresh } = state
    this.#enterTold(topic, told, fresh, now)
    for (const [node, entries] of told) {
      const last = [...new Map(entries.map((entry) => [entry.source, entry])).values()]
      this.#weigh(state, weightOf(last) - weightOf(entries))
      told.set(node, last)
    }
  }

  #enterTold(topic: Topic, told: State['told'], fresh: Set<number>, now: number): void {
    const entries = [...told.values()].flat()
    // A node keeps what follows what it has dropped. For whoever begins there, nothing is missing.
    for (const { source } of entries) if (this.#headOf(topic, source) === 0) fresh.add(source)
    const joined = new Set([...told.values()].flatMap((each) => joinedOf(each)))
    entries.sort((a, b) => a.stamp - b.stamp || a.source - b.source)
    for (const entry of entries) {
      const { source, number } = entry
      const head = this.#headOf(topic, source)
      const isWhole = head === 0 || joined.has(`${source} ${number}`)
      const missing = !fresh.has(source) ? null : isWhole ? 0 : number - head - 1
      this.#host.take(topic, this.#publisher(source), entry, missing, now)
    }
  }

  /** A node knows the last number of a publisher. Of what is missing up to there, nobody keeps anything. */
  #enterHead(topic: Topic, { source, number }: HeadOf, now: number): void {
    const publisher = this.#publisher(source)
    if (publisher === null || source === this.#self) return
    if (topic.head(publisher) === 0) topic.meet(publisher, number)
    else this.#host.take(topic, publisher, holeUpTo(number), null, now)
  }

  #publisher(source: number): Publisher | null {
    return this.#publishers.of(source, this.#host.others.isThere(source))
  }

  #headOf(topic: Topic, source: number): number {
    const publisher = this.#publisher(source)
    return publisher === null ? 0 : topic.head(publisher)
  }

  /** The time is over for some topics: readers begin with what is there, and nobody waits for the rest for ever. */
  #late(now: number): void {
    for (const [topic, state] of this.#states) {
      if (state.until > now) continue
      if (state.ready === null) {
        this.drop(topic)
        state.open.clear()
      } else state.until = now + this.#limits.keptMs
      this.#enter(topic, state, now)
      // It is asked again for what it has said, which may come yet.
      if (state.open.size === 0)
        for (const [node, { number }] of state.said) this.#said(topic, node, number, now)
    }
    for (const { until } of this.#states.values()) this.#arm(until)
  }
}

function weightOf(entries: readonly Diffused[]): number {
  let weight = 0
  for (const { key, data } of entries) weight += weigh(key, payloadLength(data))
  return weight
}
