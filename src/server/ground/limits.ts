import { defaultLimits as nodeLimits, type NodeLimits } from '../../core/index.ts'

/** All limits that the option `limits` sets: those of a node and those of the server around it. */
export interface Limits extends NodeLimits {
  /**
   * Request handlers of one user at a time, and deliveries of one user's requests to a URL of the business; further
   * ones wait.
   */
  handlersPerUser: number
  /**
   * An issuer's keys: the interval between fetches, give or take a tenth; the time limit of a fetch; and the largest
   * answer in bytes.
   */
  jwksRefreshMs: number
  jwksTimeoutMs: number
  jwksBytes: number
  /** HTTP API: bytes of a body, publications in a batch, requests a second per key. */
  apiBodyBytes: number
  apiBatch: number
  apiRequestsPerSecond: number
  /** HTTP API: answers kept for repeats with the same Idempotency-Key: their number, how long, and their bytes. */
  apiRepeats: number
  apiRepeatMs: number
  apiRepeatBytes: number
}

export const defaultLimits: Limits = {
  ...nodeLimits,
  handlersPerUser: 8,
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

/** Limits of the server that the option `limits` does not set, since nobody has had a reason to change them. */
export const serverLimits = {
  /** Metrics that a node keeps for its dashboard: ten minutes, and the most values, at 8 bytes for each sample. */
  pastEveryMs: 3_000,
  pastSamples: 200,
  pastSeries: 1_000,
  /** Headers of one HTTP request; more are answered 431. */
  headers: 100,
  /** Time for all headers of a request, else it is answered 408, and for a TLS handshake. */
  headersMs: 8_000,
  /** Time for a whole request that is no upgrade. */
  requestMs: 30_000,
  /** Requests of one connection that are not answered yet; one more cuts it off. Browsers send one at a time. */
  pipelined: 64,
  /** Requests of one connection; the last answer says so, and closes it. */
  requestsPerSocket: 1_000,
  /** Time to take what waits in a socket for its client; a client that takes longer is cut off. */
  takenMs: 60_000,
  /**
   * Sockets of a server of its own that are no WebSockets (yet). Beyond that, the address that has the most loses the
   * one that has been silent for longest. Each address may have `limits.connectionsPerAddress`.
   */
  httpSockets: 4_096,
  /** Upgrades that nobody has taken yet on a server with other listeners, and how long these may take. */
  strayUpgrades: 1_000,
  strayUpgradeMs: 5_000,
  /** Files of the dashboard's or the demo's pages, which are kept in memory, and their bytes. */
  pageFiles: 1_000,
  pageBytes: 67_108_864,
  /** Hops of `X-Forwarded-For` or `Forwarded` that are looked at; a client behind more proxies is not counted. */
  hops: 64,
  /** Fragments of one WebSocket message; more are answered 1008. */
  fragments: 64,
  /** Pieces that a frame may arrive in before it is whole; more are answered 1008. */
  chunks: 1_024,
  /**
   * Bytes that sockets have read and that wait for their turn, of all sockets together. Beyond that a socket of whoever
   * has most of these is cut off. Each may have 64 KiB more.
   */
  unreadBytes: 33_554_432,
  /** WebSocket pings of a connection whose pongs are not written yet; one more cuts the connection. */
  pongs: 60,
  /**
   * How long bytes of an incomplete WebSocket message count as signs of life; no message takes longer to become whole.
   */
  wholeMs: 300_000,
  /** How long a peer may take to answer a close frame, and then to close its socket. */
  closeMs: 2_000,
  /** Concurrent request handlers, unless the option `maxHandlers` is given; one more waits for its turn. */
  handlers: 1_000,
  /** Concurrent requests to a URL of the business, unless `requests.concurrency` is given; one more waits as well. */
  webhookRequests: 100,
  /** Bytes of such a URL's answer; the reply in it may have 32 KiB. */
  webhookAnswerBytes: 65_536,
  /**
   * Time for another node to answer at its own address, and bytes of that answer; tries until it was found there, the
   * pause before the second one where its connection broke off, twice as long each time; and nodes to which a
   * connection is kept open.
   */
  probeMs: 1_000,
  probeBytes: 4_096,
  probeTries: 6,
  probeAgainMs: 10,
  lines: 64,
  /** How long a node whose address refuses connections may take to give a sign of life on the bus. */
  signMs: 200,
  /** Edges that one ticket names: its client opens a socket to each. */
  ticketEdges: 3,
  /** How long another node may take to answer what a call of the business asks it. */
  peerAnswerMs: 2_000,
  /** Meetings or topics that another node is asked for at a time, where a page of all nodes is put together. */
  peerPage: 200,
  /** Publications, topics, meetings or sessions in one answer of the HTTP API; sessions in one of `rtms.users.list`. */
  listed: 1_000,
} as const
