import type { Topic } from './topic.ts'

/** A topic as it stands on this node. */
export interface TopicInfo {
  readonly name: string
  /** Subscriptions on this node. */
  readonly subscribers: number
  /** Keys that have a latest value. */
  readonly keys: number
  /** Publications taken since the topic came to be here. */
  readonly publications: number
  /** Publications that readers who come back can still have. */
  readonly kept: number
  /** Bytes of these and of the latest values. */
  readonly bytes: number
}

export function topicInfo({ name, subscribers, keyCount, taken, size, held }: Topic): TopicInfo {
  return { name, subscribers, keys: keyCount, publications: taken, kept: size, bytes: held }
}
