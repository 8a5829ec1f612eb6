/** The limits of a node that the option `limits` sets. Sizes in bytes, times in milliseconds. */
export interface NodeLimits {
  /** Connections at once; one more is closed with FULL. */
  connections: number
  /** Connections at once of one address (of IPv6: of one /64); one more is closed with FULL. */
  connectionsPerAddress: number
  /** New connections of one address: a second for long, and so many at once; more are closed with RATE. */
  connectsPerAddressPerSecond: number
  connectBurstPerAddress: number
  /** Addresses without a connection that are remembered for what they did lately. */
  addresses: number
  /** Connections that have not been welcomed yet; one more is closed with FULL. */
  handshakes: number
  /** Tokens verified at a time. */
  verifications: number
  /** A connection must have said HELLO, and its token must have been verified, after this long. */
  helloMs: number
  /** Messages that may wait for the token to be verified. */
  helloMessages: number
  /** Silence after which a peer is pinged; after twice this it is given up. */
  heartbeatMs: number
  /** A session without a connection is kept this long. */
  sessionKeepMs: number
  /** Sessions of one user at once. */
  sessionsPerUser: number
  /** The longest life of a token. A revocation is kept as long. */
  tokenMs: number
  /** Users and tokens revoked at once. */
  revocations: number
  /** Unacknowledged bytes per connection. */
  window: number
  /** After so many bytes a write to a connection is complete; what is over goes to its next one. */
  writeBytes: number
  /** Messages of a connection alone (PONG) that wait for it to be written to; more pings close it with SLOW. */
  controlMessages: number
  /** Messages and bytes waiting in a session's upstream queue. */
  upstreamMessages: number
  upstreamBytes: number
  /** Refused messages of a session: so many at once, and a second for long; more closes with RATE. */
  refusalBurst: number
  refusalsPerSecond: number
  /** Entries and bytes kept in a session log. */
  sessionLogEntries: number
  sessionLogBytes: number
  /** Upstream messages served, and bytes written, in one sweep; what is over goes to the next. */
  sweepMessages: number
  sweepBytes: number
  /** Per session. */
  meetingsPerSession: number
  subscriptionsPerSession: number
  requestsPerSession: number
  /** Longest time a client may give a request. */
  requestMs: number
  /**
   * The business has so long to say whether something is allowed, and whether a meeting is to be opened; then it is
   * not.
   */
  authorizeMs: number
  /** A node whose sweeps are later than this, in the last five seconds, is not ready. */
  readyLatenessMs: number
  /** Per node. */
  meetings: number
  topics: number
  /** A topic that nobody reads and nobody has published to for so long is forgotten, with its latest values. */
  topicIdleMs: number
  /** Bytes of all logs: rings, latest values, session logs. Over it the largest rings are cut, then LIMIT. */
  logBytes: number
  /** Bytes of a meeting's ring of frames. */
  meetingLogBytes: number
  /** Keys of one topic. */
  topicKeys: number
  /** Entries and bytes that wait in a topic's ring for the next sweep, whatever its retention. */
  topicPendingEntries: number
  topicPendingBytes: number
  /** Random wait before a client's first reconnect, told in WELCOME. */
  reconnectMinMs: number
  reconnectMaxMs: number
}

export const defaultLimits: NodeLimits = {
  connections: 20_000,
  connectionsPerAddress: 2_000,
  connectsPerAddressPerSecond: 200,
  connectBurstPerAddress: 1_000,
  addresses: 65_536,
  handshakes: 4_096,
  verifications: 64,
  helloMs: 5_000,
  helloMessages: 256,
  heartbeatMs: 8_000,
  sessionKeepMs: 60_000,
  sessionsPerUser: 32,
  tokenMs: 2_592_000_000,
  revocations: 100_000,
  window: 131_072,
  writeBytes: 65_536,
  controlMessages: 2_048,
  upstreamMessages: 256,
  upstreamBytes: 262_144,
  refusalBurst: 1_000,
  refusalsPerSecond: 50,
  sessionLogEntries: 2_048,
  sessionLogBytes: 1_048_576,
  sweepMessages: 8_192,
  sweepBytes: 16_777_216,
  meetingsPerSession: 100,
  subscriptionsPerSession: 1_000,
  requestsPerSession: 64,
  requestMs: 60_000,
  authorizeMs: 5_000,
  readyLatenessMs: 500,
  meetings: 100_000,
  topics: 1_000_000,
  topicIdleMs: 3_600_000,
  logBytes: 536_870_912,
  meetingLogBytes: 4_194_304,
  topicKeys: 10_000,
  topicPendingEntries: 1_024,
  topicPendingBytes: 262_144,
  reconnectMinMs: 200,
  reconnectMaxMs: 2_000,
}

/**
 * Limits of a node that nobody has had a reason to change: the option `limits` does not know them. Tests and the
 * simulator give some of them with the others, and smaller.
 */
export const fixedLimits = {
  /** After so many bytes of entries of one log a batch ends; what is over comes in the next. */
  pageBytes: 32_768,
  /** What a session may send in one turn of the round robin, in bytes. */
  quantumBytes: 4_096,
  /**
   * After a stall at most so many late frames are sealed at once; the time of the rest is lost, and a SLIP event says
   * so.
   */
  lateFrames: 5,
  /** After this long without input, runs of empty frames are sent together, one packet per `coalesceMs`. */
  quietMs: 2_000,
  coalesceMs: 250,
  /** How far the clock of whoever issues tokens may be ahead of this node's. */
  aheadMs: 5_000,
  /** Questions to the business at a time: whether something is allowed, and whether to open a meeting; more wait. */
  questions: 1_000,
  openings: 100,
  /** Users whose joins one meeting remembers. Who was forgotten early may join a little more often. */
  joinUsers: 1_024,
  /**
   * Events of a meeting that wait for a frame, four for each slot; above it the business gets no more bots while the
   * clock stands still.
   */
  waitingEvents: 1_020,
  /** Electorates of a meeting that decide what is stable; the oldest ones above it no longer count. */
  electorates: 64,
  /** How far an input's seq may lie above the last one's; further is LIMIT. */
  seqStep: 1_048_576,
  /** Removed keys of one topic of which it is remembered what was forgotten; of those before them only how far. */
  forgottenKeys: 1_024,
  /** Topics that are looked at, in one turn, for what has grown too old, where nothing is published; and how often. */
  agingTopics: 10_000,
  agingMs: 1_000,
  /** Topics that are told of one session. */
  sessionTopics: 100,
} as const

export type FixedLimits = { readonly [L in keyof typeof fixedLimits]: number }

/** All limits that hold in a node. */
export type Limits = NodeLimits & FixedLimits

/** How long a topic keeps entries for readers that come back. */
export interface Retention {
  readonly entries: number
  readonly bytes: number
  readonly ageMs: number
}

/** What a topic keeps for readers that come back, unless it is defined otherwise. */
export const defaultRetention: Retention = { entries: 100, bytes: 65_536, ageMs: 60_000 }

/** How a node is made. Everything random or of the outside world is given here or is an argument. */
export interface NodeConfig {
  /** Name of the node in the cluster; also what `?route=` names. */
  readonly id: string
  /** Number of this incarnation as a publisher, unique in the cluster: random, below 2^48. */
  readonly incarnation: number
  /** What to add to the monotonic milliseconds to get those since 1970; follows `handleWallClock`. */
  wallOffset: number
  /** Random bytes: session names, seeds, epochs. */
  readonly entropy: (bytes: number) => Uint8Array
  readonly limits: Limits
}

/** The same as it is given. */
export type NodeOptions = Omit<NodeConfig, 'limits'> & { readonly limits: NodeLimits & Partial<FixedLimits> }

/** Milliseconds since 1970 from which the publications on the wire count their time, for the life of this node. */
export function originOf({ wallOffset }: NodeConfig): number {
  return Math.max(0, Math.floor(wallOffset))
}

/** A meeting as the business opens it. */
export interface MeetingOptions {
  /** Frames a second, 1–60, or 0: a frame is sealed at each sweep that has input. */
  readonly frameRate: number
  /** Members at once, 1–255. */
  readonly capacity: number
  /** How long it is kept while nobody is in it, in milliseconds. */
  readonly ttlMs: number
  /** Bytes of one input's payload. */
  readonly inputBytes: number
  /** Inputs a second per member, and how many may come at once. */
  readonly inputsPerSecond: number
  readonly inputBurst: number
  /** How often one user may take a seat in a minute, 1–1000. Coming back to a seat that was kept is no join. */
  readonly joinsPerMinute: number
  /** Of one member, and bytes of all, in one frame; the rest waits for the next. */
  readonly inputsPerFrame: number
  readonly frameBytes: number
  /** Spectators see frames so many milliseconds after they were sealed. The ring has to hold that much. */
  readonly spectatorDelayMs: number
  /**
   * Hash of the configuration that clients must run, at most 255 bytes of UTF-8: whoever joins with another one is
   * refused with CONFIG_MISMATCH. Empty: that of the first member who names one, until the meeting ends.
   */
  readonly config: string
}

export const defaultMeeting: MeetingOptions = {
  frameRate: 20,
  capacity: 50,
  ttlMs: 300_000,
  inputBytes: 256,
  inputsPerSecond: 30,
  inputBurst: 60,
  joinsPerMinute: 20,
  inputsPerFrame: 8,
  frameBytes: 16_384,
  spectatorDelayMs: 0,
  config: '',
}
