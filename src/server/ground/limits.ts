import { defaultLimits as nodeLimits, type NodeLimits } from '../../core/index.ts'

/** All limits that the option `limits` sets: those of a node, and those of the server around it. */
export interface Limits extends NodeLimits {
  /** The keys of an issuer are fetched so often, give or take a tenth; within so long, and so many bytes. */
  jwksRefreshMs: number
  jwksTimeoutMs: number
  jwksBytes: number
  /** HTTP API: bytes of a body, publications in a batch, requests a second with one key. */
  apiBodyBytes: number
  apiBatch: number
  apiRequestsPerSecond: number
  /**
   * HTTP API: answers kept for requests that are repeated with the same Idempotency-Key, for how long, and their bytes.
   */
  apiRepeats: number
  apiRepeatMs: number
  apiRepeatBytes: number
}

export const defaultLimits: Limits = {
  ...nodeLimits,
  jwksRefreshMs: 600_000,
  jwksTimeoutMs: 5_000,
  jwksBytes: 131_072,
  apiBodyBytes: 1_048_576,
  apiBatch: 1_000,
  apiRequestsPerSecond: 1_000,
  apiRepeats: 10_000,
  apiRepeatMs: 300_000,
  apiRepeatBytes: 16_777_216,
}

/** Limits of the server that nobody has had a reason to change: the option `limits` does not know them. */
export const serverLimits = {
  /** Headers of one HTTP request; more are answered 431. */
  headers: 100,
  /** Whoever has not sent all headers by then is answered 408; the same time is there for a TLS handshake. */
  headersMs: 8_000,
  /** And so long is there for a whole request that is no upgrade. */
  requestMs: 30_000,
  /** Fragments of one WebSocket message; more are answered 1008. */
  fragments: 64,
  /** Pieces that a frame may arrive in before it is whole; more are answered 1008. */
  chunks: 1_024,
  /** WebSocket pings of a connection whose pongs are still to be written; one more cuts the connection. */
  pongs: 60,
  /** Bytes of a WebSocket message count as signs of life for so long; a message takes no longer to become whole. */
  wholeMs: 300_000,
  /** How long a peer may take to answer a close frame, and then to be rid of its socket. */
  closeMs: 2_000,
  /** Request handlers that run at once, where the option `maxHandlers` does not say otherwise; one more is BUSY. */
  handlers: 1_000,
  /**
   * Requests under way at a URL of the business, where `requests.concurrency` does not say otherwise; one more is BUSY.
   */
  webhookRequests: 100,
  /** Bytes of its answer; a reply may have 32 KiB. */
  webhookAnswerBytes: 65_536,
  /** Publications, topics, meetings or sessions in one answer of the HTTP API; sessions in one of `rtms.users.list`. */
  listed: 1_000,
} as const
