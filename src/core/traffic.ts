import { LINK } from './cluster/links.ts'
import { CLUSTER } from './cluster/messages.ts'
import { type BusKind, carry, type Stats, type Tally } from './ground/stats.ts'
import { NODES } from './inlet.ts'
import type { Bus } from './ports.ts'
import { QUESTION } from './topic/diffusion.ts'

/* What the bus carries, counted by what it is about: where it leaves the node, and where it comes in. */

/** By the first byte of messages to one node. */
const kinds: ReadonlyMap<number, BusKind> = new Map([
  [CLUSTER, 'nodes'],
  [QUESTION, 'topics'],
  [LINK, 'links'],
])

const kindOf = (subject: string): BusKind => (subject === NODES ? 'nodes' : 'topics')
const kindOfSent = (bytes: Uint8Array): BusKind => kinds.get(bytes[0] ?? 0) ?? 'unknown'

/** A message on a subject has come in. */
export function heard({ busIn }: Stats, subject: string, bytes: Uint8Array): void {
  carry(busIn, kindOf(subject), bytes.length)
}

/** A message to this node alone has come in. */
export function got({ busIn }: Stats, bytes: Uint8Array): void {
  carry(busIn, kindOfSent(bytes), bytes.length)
}

/** The same bus, whose messages are counted. */
export function counted(bus: Bus, { busOut }: Stats): Bus {
  return {
    hears: (subject) => bus.hears(subject),
    publish(subject, bytes) {
      carry(busOut, kindOf(subject), bytes.length)
      bus.publish(subject, bytes)
    },
    send(node, bytes) {
      carry(busOut, kindOfSent(bytes), bytes.length)
      bus.send(node, bytes)
    },
    subscribe: (subject) => bus.subscribe(subject),
    unsubscribe: (subject) => bus.unsubscribe(subject),
  }
}

/** All bytes of one direction. */
export function bytesOf(traffic: ReadonlyMap<BusKind, Tally>): number {
  let total = 0
  for (const { bytes } of traffic.values()) total += bytes
  return total
}
