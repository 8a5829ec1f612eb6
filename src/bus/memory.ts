import type { Bus, BusListener } from '../core/index.ts'
import { busLimits, weighMessage } from './limits.ts'
import { checkMessage, checkSubject } from './subject.ts'

/** A node's place on the memory bus. */
export interface MemoryPort extends Bus {
  /** Leaves the bus: the listener is not called any more, and the others hear nothing of it. */
  close(): void
}

/** What becomes of a message: it arrives, it is lost, or it waits for a later `deliver`, and what follows it too. */
export type Fate = 'arrives' | 'lost' | 'waits'

/** To one subject, to one node, or an event for one node. */
type Waiting =
  | {
      readonly from: Place
      readonly subject: string
      readonly bytes: Uint8Array
      readonly only: Place | null
    }
  | { readonly from: Place; readonly node: number; readonly bytes: Uint8Array }

type Event = { readonly place: Place; readonly tell: (listener: BusListener) => void }

/**
 * A bus inside one process: that of a node alone, and that of the simulator, which chooses what it loses. What is
 * published waits until `deliver` is called, because a port must not call back into the core.
 */
export class MemoryBus {
  readonly #places: Map<number, Place> = new Map()
  /** The subscribers of each subject; of nearly all there is one. */
  readonly #subscribers: Map<string, Place | readonly Place[]> = new Map()
  #pending: Waiting[] = []
  #pendingBytes = 0
  #events: Event[] = []
  #isAwake = false
  /** Messages lost because too much waited. */
  dropped = 0
  /** Called when something begins to wait for `deliver`. */
  readonly #wake: () => void
  readonly #fate: (from: number, to: number) => Fate

  /** `fate` is asked for each message and receiver, when it is delivered. */
  constructor(wake: () => void, fate: (from: number, to: number) => Fate = () => 'arrives') {
    this.#wake = wake
    this.#fate = fate
  }

  /** Makes the port of one node, which is told `back` with the next delivery. `fault` gets what its listener throws. */
  connect(
    incarnation: number,
    listener: BusListener,
    fault: (error: unknown) => void = () => {},
  ): MemoryPort {
    const place: Place = { incarnation, listener, fault, isUp: true }
    this.#places.set(incarnation, place)
    this.#tell(place, (to) => to.back())
    return {
      hears: (subject) => this.#hears(place, subject),
      publish: (subject, bytes) => {
        checkSubject(subject)
        checkMessage(bytes)
        if (this.#hears(place, subject)) this.#add({ from: place, subject, bytes, only: null })
      },
      send: (node, bytes) => {
        checkMessage(bytes)
        if (node !== incarnation && this.#places.has(node)) this.#add({ from: place, node, bytes })
      },
      subscribe: (subject) => {
        checkSubject(subject)
        const subscribers = this.#subscribersOf(subject)
        if (this.#isHere(place) && !subscribers.includes(place)) this.#set(subject, [...subscribers, place])
      },
      unsubscribe: (subject) => this.#unsubscribe(place, subject),
      close: () => this.#leave(place),
    }
  }

  /** Cuts a node off: until `restore`, what it sends and what is sent to it is lost. It is told `down`. */
  cut(node: number): void {
    const place = this.#places.get(node)
    if (place?.isUp !== true) return
    place.isUp = false
    this.#tell(place, (to) => to.down())
  }

  restore(node: number): void {
    const place = this.#places.get(node)
    if (place?.isUp !== false) return
    place.isUp = true
    this.#tell(place, (to) => to.back())
  }

  /** A node has ended: what it sent last is lost, and the others are told that it is gone. */
  end(node: number): void {
    const place = this.#places.get(node)
    if (place === undefined) return
    this.#leave(place)
    this.#pending = this.#pending.filter(({ from }) => from !== place)
    for (const other of this.#places.values()) this.#tell(other, (to) => to.gone(node))
  }

  /** Delivers all that waits, in order of publication: events, then messages. */
  deliver(): void {
    this.#isAwake = false
    const events = this.#events
    const pending = this.#pending
    this.#events = []
    this.#pending = []
    this.#pendingBytes = 0
    for (const { place, tell } of events) this.#call(place, tell)
    const held: Waiting[] = []
    /** Pairs of nodes between which an earlier message waits. */
    const stopped = new Set<string>()
    for (const message of pending)
      for (const place of this.#receivers(message)) {
        const pair = (): string => `${message.from.incarnation} ${place.incarnation}`
        const isStopped = stopped.size > 0 && stopped.has(pair())
        const fate = isStopped ? 'waits' : this.#fateOf(message.from, place)
        if (fate === 'waits') {
          stopped.add(pair())
          held.push('subject' in message ? { ...message, only: place } : message)
        } else if (fate === 'arrives') this.#call(place, (listener) => hand(listener, message))
      }
    this.#pending = [...held, ...this.#pending]
    for (const { bytes } of held) this.#pendingBytes += weighMessage(bytes)
  }

  #receivers(message: Waiting): readonly Place[] {
    const { from } = message
    if ('node' in message) {
      const place = this.#places.get(message.node)
      return place === undefined ? [] : [place]
    }
    const { subject, only } = message
    const subscribers = this.#subscribersOf(subject)
    return subscribers.filter((place) => (only === null ? place !== from : place === only))
  }

  #fateOf(from: Place, to: Place): Fate {
    return from.isUp && to.isUp ? this.#fate(from.incarnation, to.incarnation) : 'lost'
  }

  #call(place: Place, tell: (listener: BusListener) => void): void {
    if (!this.#isHere(place)) return
    try {
      tell(place.listener)
    } catch (error) {
      place.fault(error)
    }
  }

  #tell(place: Place, tell: (listener: BusListener) => void): void {
    this.#events.push({ place, tell })
    this.#awake()
  }

  #add(message: Waiting): void {
    if (!this.#isHere(message.from)) return
    const weight = weighMessage(message.bytes)
    if (this.#pendingBytes + weight > busLimits.outboxBytes) {
      this.dropped++
      return
    }
    this.#pendingBytes += weight
    this.#pending.push(message)
    this.#awake()
  }

  #awake(): void {
    if (this.#isAwake) return
    this.#isAwake = true
    this.#wake()
  }

  #hears(place: Place, subject: string): boolean {
    return (this.#subscribers.get(subject) ?? place) !== place
  }

  #subscribersOf(subject: string): readonly Place[] {
    const known = this.#subscribers.get(subject) ?? []
    return 'incarnation' in known ? [known] : known
  }

  #set(subject: string, subscribers: readonly Place[]): void {
    const [only] = subscribers
    if (only === undefined) this.#subscribers.delete(subject)
    else this.#subscribers.set(subject, subscribers.length === 1 ? only : subscribers)
  }

  #unsubscribe(place: Place, subject: string): void {
    this.#set(
      subject,
      this.#subscribersOf(subject).filter((each) => each !== place),
    )
  }

  #leave(place: Place): void {
    if (!this.#isHere(place)) return
    this.#places.delete(place.incarnation)
    for (const subject of this.#subscribers.keys()) this.#unsubscribe(place, subject)
  }

  #isHere(place: Place): boolean {
    return this.#places.get(place.incarnation) === place
  }
}

interface Place {
  readonly incarnation: number
  readonly listener: BusListener
  readonly fault: (error: unknown) => void
  isUp: boolean
}

function hand(listener: BusListener, message: Waiting): void {
  const { from, bytes } = message
  if ('node' in message) listener.sent(bytes, from.incarnation)
  else listener.message(message.subject, bytes, from.incarnation)
}
