import type { Topic } from './topic.ts'

/** A snapshot of a topic on this node. */
export interface TopicInfo {
  readonly name: string
  /** Subscriptions on this node. */
  readonly subscribers: number
  /** Keys that have a latest value. */
  readonly keys: number
  /** Publications taken since the topic was made on this node. */
  readonly publications: number
  /** Publications still kept in the ring, for readers that come back. */
  readonly kept: number
  /** Bytes of the kept publications and of the latest values. */
  readonly bytes: number
}

export function topicInfo({ name, subscribers, keyCount, taken, size, held }: Topic): TopicInfo {
  return { name, subscribers, keys: keyCount, publications: taken, kept: size, bytes: held }
}
