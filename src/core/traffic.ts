import { LINK } from './cluster/links.ts'
import { MESH } from './cluster/datagrams.ts'
import { CLUSTER, NODES } from './cluster/messages.ts'
import type { BusKind, Stats, Traffic } from './ground/stats.ts'
import type { Bus } from './ports.ts'
import { QUIET, topicOf } from './topic/carrier.ts'

/** What a message to all nodes that subscribe to a subject is about. */
export function kindOf(subject: string): BusKind {
  if (topicOf(subject) !== null) return 'topics'
  if (subject === QUIET) return 'digests'
  return subject === NODES ? 'nodes' : 'other'
}

/** What a message to one node is about: its first byte says so. */
export function kindOfSent([first]: Uint8Array): BusKind {
  if (first === LINK) return 'links'
  if (first === MESH) return 'frames'
  return first === CLUSTER ? 'nodes' : 'other'
}

/** A bus that counts what goes out. */
export function counted(bus: Bus, stats: Stats): Bus {
  return {
    hears: (subject) => bus.hears(subject),
    isCrowded: () => bus.isCrowded?.() === true,
    publish: (subject, bytes) => {
      stats.sendOnBus(kindOf(subject), bytes.length)
      bus.publish(subject, bytes)
    },
    send: (node, bytes) => {
      stats.sendOnBus(kindOfSent(bytes), bytes.length)
      bus.send(node, bytes)
    },
    subscribe: (subject) => bus.subscribe(subject),
    unsubscribe: (subject) => bus.unsubscribe(subject),
  }
}

/** All bytes of one direction. */
export function bytesOf(traffic: ReadonlyMap<BusKind, Traffic>): number {
  let total = 0
  for (const { bytes } of traffic.values()) total += bytes
  return total
}
