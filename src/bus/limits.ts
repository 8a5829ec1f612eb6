/** Limits of the buses. */
export const busLimits: {
  readonly messageBytes: number
  readonly outboxBytes: number
  readonly crowdBytes: number
  readonly messageWeight: number
  readonly threadWindow: number
  readonly threadBatch: number
} = {
  /** Bytes of a message. */
  messageBytes: 8 * 1024 * 1024,
  /** Bytes that may wait to be sent, for all receivers together; what comes then is lost, and counted. */
  outboxBytes: 32 * 1024 * 1024,
  /** Bytes on their way, or waiting to be sent, beyond which publications of users wait until they are fewer. */
  crowdBytes: 2 * 1024 * 1024,
  /** What a waiting message weighs beyond its bytes. */
  messageWeight: 100,
  /** Bytes on their way from one thread to another that the other has not handled yet. */
  threadWindow: 4 * 1024 * 1024,
  /** Bytes after which a batch between threads is full. */
  threadBatch: 256 * 1024,
}

export function weighMessage(bytes: Uint8Array): number {
  return bytes.length + busLimits.messageWeight
}
