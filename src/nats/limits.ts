/** Limits of the NATS bus; `busLimits.outboxBytes` holds too. */
export const natsLimits: {
  readonly pingMs: number
  readonly pingsOut: number
  readonly connectMs: number
  readonly retryMs: number
  readonly closeMs: number
  readonly listensMs: number
  readonly window: number
  readonly confirmBytes: number
  readonly confirmMs: number
  readonly crowdMs: number
  readonly partBytes: number
  readonly payloadBytes: number
  readonly senders: number
  readonly staleMs: number
  readonly warnMs: number
} = {
  /** The server is pinged at this interval, and given up when so many pings were not answered. */
  pingMs: 1_000,
  pingsOut: 2,
  /** A connection must be made in this time. */
  connectMs: 5_000,
  /** Between attempts to connect, up to half as much again. */
  retryMs: 1_000,
  /** What waits has this long to go out when a node closes. */
  closeMs: 1_000,
  /** A node that listens says so in this time. */
  listensMs: 100,
  /** Bytes that were given to the client library and that the server has not confirmed. */
  window: 8 * 1024 * 1024,
  /** The server is asked to confirm once there is so much of it, or after this time. */
  confirmBytes: 1024 * 1024,
  confirmMs: 50,
  /** How long publications of users wait for a server that confirms nothing. */
  crowdMs: 500,
  /** A larger message is sent in parts: servers take 1 MiB by default. */
  partBytes: 512 * 1024,
  /** What a server has to take in one message. */
  payloadBytes: 4_096,
  /** Nodes whose last sequence is remembered. */
  senders: 4_096,
  /** How old the first message of a sender may be that is not among these. */
  staleMs: 300_000,
  /** Between two lines of the log about strangers. */
  warnMs: 60_000,
}
