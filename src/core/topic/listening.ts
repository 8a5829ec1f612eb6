import type { HeardPublication } from '../ports.ts'
import type { Topic } from './topic.ts'

/** The topics that the business of this node listens to. Each counts as read while it does. */
export class Listening {
  readonly heard: (topic: string, publication: HeardPublication) => void
  /** By topic the stamp of when it began: what was published before is no news, whoever tells of it later. */
  readonly #since: Map<Topic, number> = new Map()

  constructor(heard: (topic: string, publication: HeardPublication) => void) {
    this.heard = heard
  }

  /** `since`: a stamp of now; null: no longer. */
  set(topic: Topic, since: number | null): void {
    if ((since !== null) === this.#since.has(topic)) return
    topic.expected += since === null ? -1 : 1
    if (since === null) this.#since.delete(topic)
    else this.#since.set(topic, since)
  }

  /** Whether nobody else reads the topic, or is about to. */
  isAlone(topic: Topic): boolean {
    return this.#since.has(topic) && topic.expected === 1 && topic.subscribers === 0
  }

  /** An entry has come in; `isOld`: another node has kept it until now. */
  hear(topic: Topic, entry: HeardPublication, isOld: boolean): void {
    const since = this.#since.get(topic)
    if (since !== undefined && !(isOld && entry.stamp < since)) this.heard(topic.name, entry)
  }
}
