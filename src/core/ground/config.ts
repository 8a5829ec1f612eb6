import type { NodeFacts } from './node-facts.ts'

/** The limits of a node that the option `limits` sets. Sizes in bytes, times in milliseconds. */
export interface NodeLimits {
  /** Connections at once; one more is closed with FULL. */
  connections: number
  /** Connections at once from one address (for IPv6, one /64); one more is closed with FULL. */
  connectionsPerAddress: number
  /** New connections from one address: sustained rate per second, and burst; beyond these they are closed with RATE. */
  connectsPerAddressPerSecond: number
  connectBurstPerAddress: number
  /** Addresses without a connection whose rate is still remembered. */
  addresses: number
  /** Connections that await WELCOME; one more is closed with FULL. */
  handshakes: number
  /** Tokens verified at a time. */
  verifications: number
  /** Time a connection has to send HELLO and have its token verified. */
  helloMs: number
  /** Messages of one connection that may wait for its token to be verified, of `upstreamBytes` at most. */
  helloMessages: number
  /** Silence after which the client is pinged; after twice this time it is given up. */
  heartbeatMs: number
  /** Time that a session without a connection is kept. */
  sessionKeepMs: number
  /** Sessions of one user at once; one more ends the user's oldest session without a connection, or is FULL. */
  sessionsPerUser: number
  /** The longest life of a token. A revocation is kept for as long. */
  tokenMs: number
  /** Users and tokens revoked at once. */
  revocations: number
  /** Unacknowledged bytes per connection. */
  window: number
  /** Bytes after which a write to a connection is complete; the rest goes into its next write. */
  writeBytes: number
  /** Control messages (PONG) that may wait for one connection; further PINGs close it with SLOW. */
  controlMessages: number
  /** Messages waiting in a session's upstream queue, and what they weigh in memory. */
  upstreamMessages: number
  upstreamBytes: number
  /** Refused messages of a session: burst, and sustained rate per second; beyond these it is closed with RATE. */
  refusalBurst: number
  refusalsPerSecond: number
  /** Entries kept in a session log, and what they weigh in memory. */
  sessionLogEntries: number
  sessionLogBytes: number
  /** Upstream messages served, and bytes written, in one sweep; the rest waits for the next. */
  sweepMessages: number
  sweepBytes: number
  /** Per session. */
  meetingsPerSession: number
  subscriptionsPerSession: number
  requestsPerSession: number
  /** Requests of one user that have started and not ended; one more is BUSY. */
  requestsPerUser: number
  /**
   * Messages a second of one user, all sessions together, and for how many seconds' worth they may come at once; beyond
   * that they are refused with RATE. Each topic of a SUBSCRIBE counts.
   */
  publishesPerUserPerSecond: number
  subscribesPerUserPerSecond: number
  joinsPerUserPerSecond: number
  requestsPerUserPerSecond: number
  refreshesPerUserPerSecond: number
  /**
   * Milliseconds of work, as {@link costs} estimates it, that the messages of one user may cause in a second besides
   * what every message may cost; beyond that JOIN and SUBSCRIBE are refused with RATE.
   */
  workMsPerUserPerSecond: number
  userBurstSeconds: number
  /** The longest time-out a client may give a request. */
  requestMs: number
  /** Time the business has to answer `authorize` and `openMissing`; after that the answer is no. */
  authorizeMs: number
  /** A node whose sweeps were later than this within the last five seconds reports that it is not ready. */
  readyLatenessMs: number
  /** Per node. */
  meetings: number
  topics: number
  /** Topics that are there because one user was the first to subscribe or publish to them; one more is LIMIT. */
  topicsPerUser: number
  /** Meetings that are open because one user was the first to ask for them (`openMissing`); one more is LIMIT. */
  meetingsPerUser: number
  /** Time after which a topic without readers and publications is forgotten, together with its latest values. */
  topicIdleMs: number
  /**
   * Bytes that users, topics and meetings make the node hold, at what they weigh: sessions, logs, latest values,
   * queues, cached batches. Above it the largest payers are cut to a common size. What cannot be cut is refused with
   * LIMIT, but only to payers above that size.
   */
  logBytes: number
  /** What a meeting's ring of frames weighs in memory. */
  meetingLogBytes: number
  /** Keys of one topic. */
  topicKeys: number
  /** Entries and bytes that may wait in a topic's ring for the next sweep, whatever its retention. */
  topicPendingEntries: number
  topicPendingBytes: number
  /** Random wait before a client's first reconnect, told in WELCOME; a node with few connections tells a shorter one. */
  reconnectMinMs: number
  reconnectMaxMs: number
  /** Clients that a node asks in a second to move to the nodes that own their meetings. */
  movesPerSecond: number
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
  heartbeatMs: 5_000,
  sessionKeepMs: 60_000,
  sessionsPerUser: 32,
  tokenMs: 2_592_000_000,
  revocations: 100_000,
  window: 131_072,
  writeBytes: 65_536,
  controlMessages: 2_048,
  upstreamMessages: 256,
  upstreamBytes: 393_216,
  refusalBurst: 1_000,
  refusalsPerSecond: 50,
  sessionLogEntries: 2_048,
  sessionLogBytes: 1_048_576,
  sweepMessages: 8_192,
  sweepBytes: 16_777_216,
  meetingsPerSession: 100,
  subscriptionsPerSession: 1_000,
  requestsPerSession: 64,
  requestsPerUser: 256,
  publishesPerUserPerSecond: 500,
  subscribesPerUserPerSecond: 500,
  joinsPerUserPerSecond: 50,
  requestsPerUserPerSecond: 200,
  refreshesPerUserPerSecond: 1,
  workMsPerUserPerSecond: 50,
  userBurstSeconds: 10,
  requestMs: 60_000,
  authorizeMs: 5_000,
  readyLatenessMs: 500,
  meetings: 100_000,
  topics: 1_000_000,
  topicsPerUser: 5_000,
  meetingsPerUser: 500,
  topicIdleMs: 3_600_000,
  logBytes: 536_870_912,
  meetingLogBytes: 4_194_304,
  topicKeys: 10_000,
  topicPendingEntries: 1_024,
  topicPendingBytes: 262_144,
  reconnectMinMs: 25,
  reconnectMaxMs: 2_000,
  movesPerSecond: 50,
}

/**
 * Limits that operators have had no reason to change: the option `limits` does not offer them. Tests and the simulator
 * set smaller ones.
 */
export const fixedLimits = {
  /** Bytes of entries after which a batch of one log ends; the rest comes in the next batch. */
  pageBytes: 32_768,
  /** Bytes of batches that one log holds for its readers; beyond it the oldest are dropped. */
  batchBytes: 2_097_152,
  /** Entries of a log that one page looks at, whether or not its reader wants them. */
  pageEntries: 4_096,
  /**
   * Work of one sweep, of timers, then upward and again downward, and of one write to a connection, in nanoseconds as
   * {@link costs} estimates them; the rest waits for the next. But downward, that of hooks of the business counts as
   * well. And work for what a session that ends has left to deliver; the rest is dropped.
   */
  sweepWork: 8_000_000,
  writeWork: 500_000,
  finishWork: 50_000_000,
  /**
   * Timers that fire, and connections that are closed, in one sweep; the rest waits for the next. A crowd may be due
   * together.
   */
  sweepTimers: 2_000,
  sweepClosings: 500,
  /**
   * How many times every connection that waits is written to before users publish to a topic again whose room for
   * pending entries is full, where the writing does not end before.
   */
  crowdedRounds: 8,
  /**
   * How many times the room for pending entries the business may fill in one go before readers are written to on the
   * spot.
   */
  burstFactor: 16,
  /** Bytes, at what messages weigh, that a session may deliver in one turn of the deficit round robin. */
  quantumBytes: 16_384,
  /**
   * Bytes of messages without data that a session's upstream queue takes though the node is full and the user holds too
   * much of it.
   */
  spareBytes: 16_384,
  /** Control messages that may wait for one connection then. */
  spareControlMessages: 16,
  /** Late frames sealed at once after a stall. The time of the others is given up, and a SLIP event says so. */
  lateFrames: 5,
  /** Time without input after which empty frames are sent together, one packet per `coalesceMs`. */
  quietMs: 2_000,
  coalesceMs: 250,
  /** How far the clock of the token issuer may be ahead of this node's. */
  aheadMs: 5_000,
  /** How far the stamp of another node's publication may be ahead of this node's clock. */
  stampAheadMs: 1_000,
  /** Time after which a newcomer that has sent no HELLO makes room for another one, where there is none. */
  silentMs: 1_000,
  /** Questions to the business at a time, `authorize` and `openMissing`; further ones wait. */
  questions: 1_000,
  questionsPerUser: 50,
  openings: 100,
  openingsPerUser: 8,
  /** Questions to the cluster at a time where the meeting of a JOIN is open; further ones wait. */
  searches: 1_000,
  searchesPerUser: 50,
  /** Users without a session whose rates are remembered. One who is forgotten early may send a little more. */
  idleUsers: 65_536,
  /** How many times the refusals of a session may come from a user's rates before its connection is closed. */
  excessFactor: 10,
  /** Users whose joins one meeting remembers. A user who is forgotten early may join a little more often. */
  joinUsers: 1_024,
  /**
   * Events of a meeting that may wait for a frame, four for each slot. Above it `addBot` is refused: while the clock
   * stands still, no frame takes the events.
   */
  waitingEvents: 1_020,
  /** Bytes that the business may say to all in one frame; above it `say` is refused. */
  saidBytes: 16_384,
  /** Electorates of a meeting that decide which frames are stable; beyond this number the oldest no longer count. */
  electorates: 64,
  /** How far an input's seq may lie above the previous one; beyond it the input is refused with LIMIT. */
  seqStep: 1_048_576,
  /**
   * Forgotten removals (tombstones) that one topic remembers key by key; of earlier ones it remembers only the highest
   * positions.
   */
  forgottenKeys: 1_024,
  /**
   * Bytes of messages to one node that it has not confirmed, beyond which the link to it breaks; how many of them may
   * be under way; and bytes of one packet.
   */
  linkBytes: 16_777_216,
  linkWindow: 1_048_576,
  linkPacket: 65_536,
  /** Replicas of other nodes' meetings; and inputs of each member there that their owner may not have yet. */
  replicas: 100_000,
  pendingInputs: 256,
  /** How often replicas and their owners say where they stand, and how long a JOIN may wait for an owner. */
  meshBeatMs: 500,
  joinMs: 5_000,
  /**
   * How long a client is served by a replica before it is asked to move, and up to as long again; how long before it is
   * asked again, twice as long each time; and how many times.
   */
  moveMs: 1_000,
  moveAgainMs: 20_000,
  moveTries: 5,
  /** Bytes of inputs that the business may let into one frame, which goes out and from node to node in one piece. */
  frameBytes: 262_144,
  /** How long a reader whose seat has ended may take to get the last frames that are its own. */
  partingMs: 5_000,
  /**
   * How long a replica is kept that nobody reads; and since its owner last wanted it as a standby. How many a node begins
   * to keep for others in the time between two beats.
   */
  lingerMs: 5_000,
  standbyKeepMs: 3_000,
  standbysPerBeat: 500,
  /**
   * When an owner has ended: waits for the next member while too few have come, for the rest before they are told as
   * away, and for other nodes' frames; how old promises may be, where it is only silent, before the members are asked
   * again; how many meetings are looked for, or gone on with, in one go; the time between looks, and with the frames, in
   * which too few members have come one after the other as well.
   */
  revivalMs: 3_000,
  revivalWaitMs: 100,
  revivalAskMs: 500,
  revivalFreshMs: 1_500,
  revivalsAtOnce: 50,
  revivalBeatMs: 50,
  orphanMs: 10_000,
  /**
   * How much a meeting's log grows, or how long it takes, before its members get a new charter; how often that is
   * looked at. How old the last charter may be in what a member shows.
   */
  charterBytes: 65_536,
  charterMs: 60_000,
  charterBeatMs: 1_000,
  charterKeptMs: 150_000,
  /**
   * How long a member has to begin to show what it has kept, and to go on; and for all of it. How many times one user
   * is asked for one meeting.
   */
  recallMs: 1_000,
  recallAllMs: 4_000,
  recallTries: 3,
  /** How long its owner is silent, though it may live, before a meeting goes on as another one with too few members. */
  abandonMs: 60_000,
  /**
   * Meetings that a node hands over at a time, and that it takes over at a time; bytes that one may have besides its
   * frames. How long another node may take until it is ready; the wait before nodes that have declined are asked again;
   * and meetings that are looked at in one go.
   */
  handoverLooks: 500,
  handovers: 32,
  takeovers: 256,
  handoverBytes: 262_144,
  handoverMs: 5_000,
  handoverAgainMs: 1_000,
  handoverBeatMs: 50,
  /**
   * A node that drains asks its clients to move within this time, or within most of what is left until its deadline, in
   * equal parts, and closes the connections of those that do not within another one; so many a second at least. It
   * begins once the meetings are handed over, or after `drainFirstMs`, and no more are on their way at a time than are
   * asked in `drainLagMs`.
   */
  drainFirstMs: 2_000,
  drainMs: 6_000,
  drainClosingsMs: 11_000,
  drainPerSecond: 20,
  drainBeatMs: 50,
  drainLagMs: 2_000,
  /**
   * How long a client that was asked to move may take at least before it is asked again, and how many times before its
   * connection is closed; how long a client is away before its session is handed over; and how many sessions at a time.
   */
  drainMoveMs: 2_000,
  drainMoveTries: 2,
  drainAwayMs: 1_000,
  drainSessions: 100,
  /**
   * How often a node compares its connections with those of the others, and how many more than the mean it has at least
   * before it asks clients to move: a number, and a part of the mean.
   */
  balanceMs: 1_000,
  balanceLeast: 5,
  balancePart: 0.05,
  /** How long a node may take to notice that the bus is down: what it published then is published again afterwards. */
  busBlindMs: 15_000,
  /** Topics in one question or digest to other nodes, and bytes of publications in one message. */
  busTopics: 1_000,
  busBytes: 262_144,
  /** Silence of a publisher after which the other nodes are told the last number of a topic, and told again. */
  quietTopicMs: 1_000,
  quietTopicAgainMs: 4_000,
  /**
   * How long the first reader of a topic waits for what other nodes keep of it, and a publication for one before it
   * that is missing; how long a node has to say what it keeps.
   */
  firstValuesMs: 300,
  fillMs: 1_000,
  keptMs: 5_000,
  /** Bytes of publications to one topic that wait meanwhile; further ones are lost. */
  heldBytes: 1_048_576,
  /**
   * What all that waits for topics to catch up may weigh. Beyond it, further publications are lost, and what others
   * keep is put into a topic's log at once, in order only as far as it has come.
   */
  catchUpBytes: 33_554_432,
  /**
   * Quiet topics checked for expired entries in one turn, and the time between turns, where there are more and where
   * there are not.
   */
  agingTopics: 2_000,
  agingAgainMs: 100,
  agingMs: 1_000,
  /** Payers whose last turn is remembered where they take turns. */
  recentPayers: 4_096,
  /** Topics listed in the `SessionInfo` of one session. */
  sessionTopics: 100,
} as const

export type FixedLimits = { readonly [L in keyof typeof fixedLimits]: number }

/** All limits that hold in a node. */
export type Limits = NodeLimits & FixedLimits

/** How many entries, how many bytes and for how long a topic keeps for readers that come back. */
export interface Retention {
  readonly entries: number
  readonly bytes: number
  readonly ageMs: number
}

/** The retention of a topic that no definition matches. */
export const defaultRetention: Retention = { entries: 100, bytes: 65_536, ageMs: 60_000 }

/** Whether clients are moved to the nodes that own their meetings, and where these are reached. */
export interface MoveOptions {
  /** Who is moved: members, or spectators as well. Default: nobody. */
  readonly moves?: 'members' | 'all' | undefined
  /**
   * Where a client connects to another node; '' where that is not known. `host`: the Host header of the client's
   * connection here. Default: the address that the node tells.
   */
  readonly urlOf?: ((node: Pick<NodeFacts, 'id' | 'address'>, host: string) => string) | undefined
}

/** What only the nodes of a cluster can do, by its secret. */
export interface LineageKeys {
  /** A keyed hash: an integer up to 2^53 − 1. */
  readonly tag: (bytes: Uint8Array) => number
  /** Encrypts what clients keep and only nodes may read. */
  readonly seal: (bytes: Uint8Array) => Uint8Array
  /** Null where it was not sealed by a node of the cluster. */
  readonly open: (bytes: Uint8Array) => Uint8Array | null
}

/** How a node of the cluster knows what a client shows of a meeting. */
export interface LineageOptions {
  /** Default: none, and members' own logs are no source. */
  readonly lineage?: LineageKeys | undefined
}

/** The configuration of a node. Randomness, clocks and everything else from outside is given here or as an argument. */
export interface NodeConfig {
  /** Name of the node in the cluster; also what `?route=` names. */
  readonly id: string
  /** Number of this incarnation of the node as a publisher: random, unique in the cluster, below 2^48. */
  readonly incarnation: number
  /** Added to monotonic milliseconds, it gives milliseconds since 1970. `handleWallClock` updates it. */
  wallOffset: number
  /** Returns random bytes, for session ids, seeds and epochs. */
  readonly entropy: (bytes: number) => Uint8Array
  readonly limits: Limits
  /** Nanoseconds that hooks of the business have taken so far: see `Work`. Default: none. */
  readonly ofHooks?: (() => number) | undefined
  /** For a node of a cluster, whose bus leads to others. Read anew for each heartbeat. */
  readonly cluster?: (Omit<NodeFacts, 'id'> & MoveOptions & LineageOptions) | undefined
}

/** The configuration as a caller gives it: fixed limits are optional. */
export type NodeOptions = Omit<NodeConfig, 'limits'> & { readonly limits: NodeLimits & Partial<FixedLimits> }

/**
 * The origin from which publications on the wire count their time, in milliseconds since 1970. Fixed for the life of
 * the node.
 */
export function originOf({ wallOffset }: NodeConfig): number {
  return Math.max(0, Math.floor(wallOffset))
}
