import type { Bus } from '../ports.ts'
import { encodeDiffusion } from './diffusion.ts'
import type { Publication } from './publication.ts'
import type { Publishers } from './publishers.ts'
import type { Topic } from './topic.ts'

/** Begins the subject of a topic. */
const TOPIC = 't/'

/** The topic that a subject of the bus is about; null for a subject of something else. */
export function topicOf(subject: string): string | null {
  return subject.startsWith(TOPIC) ? subject.slice(TOPIC.length) : null
}

/** Carries this node's publications to the other nodes, and says of which topics it wants theirs. */
export class Carrier {
  readonly #bus: Bus
  readonly #publishers: Publishers

  constructor(bus: Bus, publishers: Publishers) {
    this.#bus = bus
    this.#publishers = publishers
  }

  subscribe(topic: Topic): void {
    this.#bus.subscribe(TOPIC + topic.name)
  }

  unsubscribe(topic: Topic): void {
    this.#bus.unsubscribe(TOPIC + topic.name)
  }

  /** Gives the bus this node's new entries of a topic in one message, if another node may listen. */
  carry(topic: Topic): void {
    const subject = TOPIC + topic.name
    if (this.#bus.hears(subject)) {
      const entries: Publication[] = []
      for (const entry of topic.from(topic.carried))
        if (entry.source === this.#publishers.own) entries.push(entry)
      if (entries.length > 0) this.#bus.publish(subject, encodeDiffusion(entries))
    }
    topic.carried = topic.next
  }
}
