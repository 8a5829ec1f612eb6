import {
  isOfSessionLog,
  type MessageOf,
  nowhere,
  type Position,
  type ServerMessage,
} from '../protocol/index.ts'
import { publicationsOf } from './heard.ts'
import type { TopicWish } from './messages.ts'

interface MeetingPlace {
  world: number
  /** The session in which it was last joined. */
  readonly session: string
  /** The next expected frame. */
  next: number
}

interface TopicPlace {
  readonly epoch: number
  /** The next expected position in the topic's log. */
  at: number
  /** The last number by publisher. */
  readonly numbers: Map<number, number>
}

/**
 * Tracks how far a client has read, over all of its connections, which tells it what to ask for when it comes back.
 * Throws where frames of a meeting are missing and no gap says so.
 */
export class Follower {
  session = ''
  /** Entries of the session log. */
  entries = 0
  /** The number of the last call. */
  calls = 0
  readonly #meetings: Map<string, MeetingPlace> = new Map()
  readonly #topics: Map<string, TopicPlace> = new Map()
  /** The logs of the connection, by number. */
  readonly #frames: Map<number, MeetingPlace> = new Map()
  readonly #publications: Map<number, TopicPlace> = new Map()
  #publishers: number[] = []

  /** The JOIN fields that continue at this client's position. */
  join(meeting: string): Partial<MessageOf<'join'>> {
    const place = this.#meetings.get(meeting)
    if (place === undefined) return {}
    const { world, next, session } = place
    return { world, next, former: session === this.session ? '' : session }
  }

  /** The SUBSCRIBE fields that continue a topic at this client's position. */
  wish(topic: string): Partial<TopicWish> {
    return { since: this.position(topic) }
  }

  position(topic: string): Position {
    const place = this.#topics.get(topic)
    return place === undefined ? nowhere : { ...place, numbers: [...place.numbers] }
  }

  hear(message: ServerMessage): void {
    if (isOfSessionLog(message.type)) this.entries++
    switch (message.type) {
      case 'welcome':
        this.session = message.session
        this.entries = message.received
        this.#frames.clear()
        this.#publications.clear()
        this.#publishers = [message.publisher]
        return
      case 'publishers':
        message.publishers.forEach(({ publisher }, index) => {
          this.#publishers[message.first + index] = publisher
        })
        return
      case 'joined': {
        const place = { world: message.world, session: this.session, next: message.next }
        this.#meetings.set(message.meeting, place)
        this.#frames.set(message.log, place)
        return
      }
      case 'subscribed': {
        const { epoch, at, numbers } = message.position
        const place = { epoch, at, numbers: new Map(numbers) }
        this.#topics.set(message.topic, place)
        this.#publications.set(message.log, place)
        return
      }
      case 'frames':
        this.#hearFrames(message)
        return
      case 'publications':
        this.#hearPublications(message)
        return
      case 'gap':
        this.#hearGap(message)
        return
      case 'ended':
        this.#frames.delete(message.log)
        this.#publications.delete(message.log)
        return
      default:
    }
  }

  #hearFrames({ log, first, count }: MessageOf<'frames'>): void {
    const place = this.#frames.get(log)
    if (place === undefined) return
    if (first !== place.next)
      throw new Error(`frame ${first} of log ${log} came where ${place.next} was next, and no gap said so`)
    place.next += count
  }

  #hearPublications(message: MessageOf<'publications'>): void {
    const place = this.#publications.get(message.log)
    if (place === undefined) return
    place.at = message.at
    for (const { at, publisher, number } of publicationsOf([message])) {
      place.at = at + 1
      place.numbers.set(this.#publishers[publisher] ?? 0, number)
    }
  }

  #hearGap({ log, to, position }: MessageOf<'gap'>): void {
    const frames = this.#frames.get(log)
    if (frames !== undefined) frames.next = to
    const topic = this.#publications.get(log)
    if (topic === undefined) return
    // The reader starts again.
    if (position.at === 0) topic.numbers.clear()
    topic.at = position.at
    for (const [publisher, number] of position.numbers) topic.numbers.set(publisher, number)
  }
}
