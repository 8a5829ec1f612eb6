import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { type BusListener, Ring } from '../core/index.ts'
import type { BusConnector, BusPort, BusReports } from './connector.ts'
import { busLimits, weighMessage } from './limits.ts'
import { checkMessage, checkSubject } from './subject.ts'

/*
 * A mesh: each two threads share a channel of their own, and each tells the others which subjects it wants. The main
 * thread only introduces them. A channel closes when either thread ends, for whatever reason, after what was sent on it
 * has arrived: that is the proof that a node has ended.
 */

/** From a thread to the hub. */
type Hello = { readonly incarnation: number }

/** From the hub to a thread: another node, or that all those known so far have been introduced. */
type Introduction = { readonly peer: number; readonly port: MessagePort } | 'ready'

/** To a subject, or (null) to the receiver alone. */
type Item = readonly [subject: string | null, bytes: Uint8Array]

type BetweenThreads =
  | {
      /** Subjects wanted (true) and not wanted any more. */
      readonly interest: readonly (readonly [subject: string, isWanted: boolean])[]
      readonly items: readonly Item[]
      readonly weight: number
    }
  /** So much of what was sent has been handled. */
  | { readonly handled: number }
  /** It leaves the bus; that its channel closes proves nothing. */
  | 'bye'

/** Introduces the threads of a process to one another. Lives in the thread that starts the others. */
export class ThreadsHub {
  readonly #members: Map<number, MessagePort> = new Map()

  /** Makes the seat of one node. Transfer it to the worker, which passes it to {@link threads}. */
  seat(): MessagePort {
    const { port1: hub, port2: seat } = new MessageChannel()
    hub.on('message', ({ incarnation }: Hello) => {
      for (const [peer, other] of this.#members) {
        const { port1, port2 } = new MessageChannel()
        other.postMessage({ peer: incarnation, port: port1 } satisfies Introduction, [port1])
        hub.postMessage({ peer, port: port2 } satisfies Introduction, [port2])
      }
      hub.postMessage('ready' satisfies Introduction)
      this.#members.set(incarnation, hub)
      hub.on('close', () => this.#members.delete(incarnation))
    })
    // The hub alone keeps no process running.
    hub.unref()
    return seat
  }
}

/** The bus between the threads of this process. `seat`: made by {@link ThreadsHub}, for one node. */
export function threads(seat: MessagePort): BusConnector {
  return {
    connect: (incarnation, listener, reports) => new ThreadPort(seat, incarnation, listener, reports),
  }
}

class ThreadPort implements BusPort {
  readonly #seat: MessagePort
  readonly #listener: BusListener
  readonly #reports: BusReports
  readonly #peers: Map<number, Peer> = new Map()
  readonly #subjects: Set<string> = new Set()
  #waiting = 0
  #isClosed = false
  readonly #stats = { dropped: 0, strangers: 0 }

  constructor(seat: MessagePort, incarnation: number, listener: BusListener, reports: BusReports) {
    this.#seat = seat
    this.#listener = listener
    this.#reports = reports
    seat.on('message', (message: Introduction) => {
      if (message === 'ready') this.#tell(() => this.#listener.back())
      else this.#meet(message.peer, message.port)
    })
    seat.postMessage({ incarnation } satisfies Hello)
  }

  get stats(): { readonly dropped: number; readonly strangers: number } {
    return this.#stats
  }

  hears(subject: string): boolean {
    for (const peer of this.#peers.values()) if (peer.wants.has(subject)) return true
    return false
  }

  publish(subject: string, bytes: Uint8Array): void {
    checkSubject(subject)
    checkMessage(bytes)
    let item: Item | null = null
    for (const peer of this.#peers.values())
      if (peer.wants.has(subject)) this.#post(peer, (item ??= [subject, new Uint8Array(bytes)]))
  }

  send(node: number, bytes: Uint8Array): void {
    checkMessage(bytes)
    const peer = this.#peers.get(node)
    if (peer !== undefined) this.#post(peer, [null, new Uint8Array(bytes)])
  }

  subscribe(subject: string): void {
    checkSubject(subject)
    this.#subjects.add(subject)
    for (const peer of this.#peers.values()) peer.want(subject, true)
  }

  unsubscribe(subject: string): void {
    this.#subjects.delete(subject)
    for (const peer of this.#peers.values()) peer.want(subject, false)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const peer of this.#peers.values()) peer.leave()
    this.#peers.clear()
    this.#seat.close()
  }

  #post(peer: Peer, item: Item): void {
    const weight = weighMessage(item[1])
    if (this.#waiting + weight > busLimits.outboxBytes) this.#stats.dropped++
    else {
      this.#waiting += weight
      peer.add(item)
    }
  }

  #meet(node: number, port: MessagePort): void {
    const peer: Peer = new Peer(port, {
      item: ([subject, bytes]) =>
        this.#tell(() => {
          if (subject === null) this.#listener.sent(bytes, node)
          // What was on its way when this node stopped listening is not for it any more.
          else if (this.#subjects.has(subject)) this.#listener.message(subject, bytes, node)
        }),
      sent: (weight) => (this.#waiting -= weight),
      ended: (isProof) => {
        if (this.#peers.get(node) === peer) this.#peers.delete(node)
        if (isProof) this.#tell(() => this.#listener.gone(node))
      },
    })
    this.#peers.set(node, peer)
    for (const subject of this.#subjects) peer.want(subject, true)
  }

  #tell(call: () => void): void {
    if (this.#isClosed) return
    try {
      call()
    } catch (error) {
      this.#reports.fault(error)
    }
  }
}

interface PeerEvents {
  item(item: Item): void
  /** So much of the outbox waits no more. */
  sent(weight: number): void
  /** Its channel has closed. `isProof`: without a goodbye, so its node has ended. */
  ended(isProof: boolean): void
}

/** Another thread, as one thread sees it. */
class Peer {
  /** The subjects it wants. */
  readonly wants: Set<string> = new Set()
  readonly #port: MessagePort
  readonly #events: PeerEvents
  readonly #interest: Map<string, boolean> = new Map()
  readonly #outbox: Ring<Item> = new Ring(0)
  /** What was sent and not handled yet. */
  #underway = 0
  #isArmed = false
  #saidBye = false

  constructor(port: MessagePort, events: PeerEvents) {
    this.#port = port
    this.#events = events
    port.on('message', (message: BetweenThreads) => this.#take(message))
    port.on('close', () => {
      this.#drop()
      events.ended(!this.#saidBye)
    })
  }

  want(subject: string, isWanted: boolean): void {
    this.#interest.set(subject, isWanted)
    this.#arm()
  }

  add(item: Item): void {
    this.#outbox.push(item)
    this.#arm()
  }

  leave(): void {
    // Last words go out whatever the other has handled: what it holds is bounded by the outbox.
    this.#flush(Infinity)
    this.#saidBye = true
    this.#port.postMessage('bye' satisfies BetweenThreads)
    this.#port.close()
  }

  /** One batch for all that is said in one turn. */
  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    queueMicrotask(() => {
      this.#isArmed = false
      this.#flush(busLimits.threadWindow)
    })
  }

  #flush(window: number): void {
    const outbox = this.#outbox
    while (this.#interest.size > 0 || (outbox.size > 0 && this.#underway < window)) {
      const interest = [...this.#interest]
      this.#interest.clear()
      const items: Item[] = []
      let weight = 0
      while (outbox.size > 0 && this.#underway + weight < window && weight < busLimits.threadBatch) {
        const item = outbox.shift()
        items.push(item)
        weight += weighMessage(item[1])
      }
      this.#underway += weight
      this.#events.sent(weight)
      this.#port.postMessage({ interest, items, weight } satisfies BetweenThreads)
    }
  }

  #take(message: BetweenThreads): void {
    if (message === 'bye') this.#saidBye = true
    else if ('handled' in message) {
      this.#underway -= message.handled
      this.#arm()
    } else {
      for (const [subject, isWanted] of message.interest)
        if (isWanted) this.wants.add(subject)
        else this.wants.delete(subject)
      for (const item of message.items) this.#events.item(item)
      if (message.weight > 0) this.#port.postMessage({ handled: message.weight } satisfies BetweenThreads)
    }
  }

  /** Nobody takes what waits. */
  #drop(): void {
    while (this.#outbox.size > 0) this.#events.sent(weighMessage(this.#outbox.shift()[1]))
    this.#interest.clear()
  }
}
