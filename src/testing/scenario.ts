import type { ReadOptions } from '../client/machine/index.ts'
import type { FixedLimits, MeetingOptions, NodeLimits, Retention } from '../core/index.ts'
import type { LinkProfile } from './link.ts'
import type { Random } from './random.ts'

/** The run of one seed. Times in milliseconds of virtual time. */
export interface Scenario {
  readonly nodes: number
  readonly clients: number
  /** Hostile peers. */
  readonly hostiles: number
  readonly meetings: readonly MeetingPlan[]
  /** Topics. Names beginning with `k` are published to with keys, those with `c` by clients, those with `q` rarely. */
  readonly topics: readonly string[]
  readonly limits: Partial<NodeLimits & FixedLimits>
  readonly retention: Retention
  readonly window: number
  readonly links: readonly LinkProfile[]
  readonly faults: readonly Fault[]
  /** Whether the business is asked before each join, subscription and publication, and forbids some. */
  readonly asks: boolean
  /** Life of a token, in milliseconds; 0 for ever. */
  readonly tokenMs: number
  /** Wall time at virtual time 0, in milliseconds since 1970. */
  readonly wallOffset: number
  /** Whether clients and nodes receive additions of a later minor version of the protocol. */
  readonly later: boolean
  /** Whether ports of nodes throw now and then while there are faults. */
  readonly throwing: boolean
  /** Whether the last meeting is opened only when a client asks to join it. */
  readonly onDemand: boolean
  /** What goes wrong alone, so that all of its cost is its own; null where everything may. */
  readonly alone: 'ports' | 'hostiles' | null
  /** Whether some clients are public ones, with the layer that applications use. */
  readonly public: boolean
  readonly phases: {
    readonly faulty: number
    readonly recovery: number
    readonly well: number
    readonly quiet: number
  }
}

export interface MeetingPlan {
  readonly name: string
  readonly options: Partial<MeetingOptions>
  /** Whether it is of a kind with hooks of the business. */
  readonly kind: boolean
  readonly bots: number
}

/** The faults of a run. Each can be left out of a scenario without moving the others. */
export const faultKinds = [
  'stall',
  'reset',
  'half-open',
  'half-reset',
  'restart-client',
  'reload-client',
  'reopen-meeting',
  'restart-node',
  'flood',
  'drain',
  'pause',
  'late-sweeps',
  'kick',
  'disconnect',
  'revoke',
  'change-rights',
  'lossy-bus',
  'stranger',
  'clock-step',
  'client-clock',
] as const
export type Fault = (typeof faultKinds)[number]

/** Other traits that can be left out of a scenario. */
export const traits = [
  'hostiles',
  'kinds',
  'bots',
  'asks',
  'tokens',
  'limits',
  'options',
  'nodes',
  'clock',
  'later',
  'throwing',
  'public',
  'on-demand',
] as const

/** A smaller version of a seed's scenario: the remaining faults happen at the same times. */
export interface Smaller {
  /** Faults and traits to leave out. */
  readonly without?: readonly string[]
  /** Most clients. */
  readonly clients?: number
  /** Longest time with faults, in milliseconds. */
  readonly faulty?: number
}

/** A good link, one over a mobile network, one slow enough for every buffer to matter. */
export const profiles: readonly [LinkProfile, LinkProfile, LinkProfile] = [
  { delay: 5, rate: 1_000, buffer: 16_384 },
  { delay: 60, rate: 100, buffer: 4_096 },
  { delay: 20, rate: 40, buffer: 1_024 },
]

/** Wall time at virtual time 0 where clocks are right. */
export const NOW: number = Date.UTC(2026, 10, 26)
/**
 * Clock settings: mostly right; not set yet; where 2^53 divided by 4096 ends; far in the future, but within the range
 * of stamps (2112).
 */
const clocks = [NOW, NOW, NOW, 0, Date.UTC(2039, 8, 8), Date.UTC(2100, 0, 1)] as const

/** The limits of every scenario: six clients of one user may have tokens that live for 5 s. */
const limits: Partial<NodeLimits> = {
  heartbeatMs: 3_000,
  helloMs: 5_000,
  topicIdleMs: 10_000,
  refreshesPerUserPerSecond: 2,
}

/** Makes a random subset of faults, with limits small enough to be reached. */
export function drawScenario(random: Random, smaller: Smaller = {}): Scenario {
  const drawn: Scenario = {
    nodes: random.chance(0.25) ? 2 : 1,
    clients: random.int(2, 6),
    hostiles: random.chance(0.4) ? random.int(1, 3) : 0,
    meetings: Array.from({ length: random.int(1, 2) }, (_, i) => drawMeeting(random, `m${i}`)),
    topics: ['k0', 't1', 'q1', 't2', 'c1'].slice(0, random.int(1, 5)),
    limits: { ...limits, ...(random.chance(0.6) ? drawTinyLimits(random) : {}) },
    retention: random.pick([
      { entries: 0, bytes: 0, ageMs: 0 },
      { entries: 2, bytes: 1_000, ageMs: 10_000 },
      { entries: 100, bytes: 65_536, ageMs: 2_000 },
    ]),
    window: random.pick([0, 512, 512, 4_096, 131_072]),
    links: profiles.slice(0, random.int(1, profiles.length)),
    faults: faultKinds.filter(() => random.chance(0.35)),
    phases: { faulty: random.int(2, 6) * 1_000, recovery: 8_000, well: 3_000, quiet: 7_500 },
    asks: random.chance(0.3),
    tokenMs: random.pick([0, 5_000, 10_000]),
    wallOffset: random.pick(clocks),
    later: random.chance(0.3),
    throwing: random.chance(0.2),
    public: random.chance(0.4),
    onDemand: random.chance(0.3),
    alone: null,
  }
  const alone = random.pick(['ports', 'hostiles', null, null, null, null, null, null, null, null] as const)
  if (alone !== null) return makeSmaller(drawAlone(random, drawn, alone), smaller)
  return makeSmaller(drawn, smaller)
}

/** Only ports throw, or only hostile peers attack, and limits are those of a real node, but for what peers share. */
function drawAlone(random: Random, drawn: Scenario, alone: 'ports' | 'hostiles'): Scenario {
  const isAttack = alone === 'hostiles'
  return {
    ...drawn,
    alone,
    hostiles: isAttack ? 3 : 0,
    throwing: !isAttack,
    faults: [],
    limits: isAttack ? { ...limits, ...drawShared(random) } : limits,
    meetings: drawn.meetings.map(({ options, ...plan }) => ({
      ...plan,
      options: { frameRate: options.frameRate ?? 20, joinsPerMinute: 1_000 },
    })),
  }
}

/** Small limits of what all users share: each user's own stay those of a real node. */
function drawShared(random: Random): Partial<NodeLimits & FixedLimits> {
  return {
    questions: random.pick([4, 1_000]),
    openings: random.pick([2, 100]),
    verifications: random.pick([4, 64]),
    handshakes: random.pick([16, 4_096]),
    sweepMessages: random.pick([16, 8_192]),
    logBytes: random.pick([500_000, 536_870_912]),
  }
}

export function drawMeeting(random: Random, name: string): MeetingPlan {
  const kind = random.chance(0.6)
  return {
    name,
    options: {
      frameRate: random.pick([0, 5, 10, 20]),
      ...(random.chance(0.5) ? drawTinyOptions(random) : {}),
    },
    kind,
    bots: kind ? random.int(0, 2) : 0,
  }
}

function drawTinyOptions(random: Random): Partial<MeetingOptions> {
  return {
    capacity: random.pick([2, 3, 50]),
    ttlMs: random.pick([500, 300_000]),
    inputsPerSecond: random.pick([2, 30]),
    inputBurst: random.pick([2, 60]),
    joinsPerMinute: random.pick([2, 20, 1_000]),
    inputsPerFrame: random.pick([1, 8]),
    frameBytes: random.pick([32, 16_384]),
    spectatorDelayMs: random.pick([0, 300, 1_000]),
  }
}

function drawTinyLimits(random: Random): Partial<NodeLimits & FixedLimits> {
  return {
    meetingLogBytes: random.pick([64, 2_048, 8_192, 32_768]),
    sessionLogEntries: random.pick([8, 16, 64]),
    sessionsPerUser: random.pick([2, 32, 32]),
    writeBytes: random.pick([256, 1_024, 8_192]),
    controlMessages: random.pick([4, 2_048]),
    upstreamMessages: random.pick([3, 16, 64]),
    topicPendingEntries: random.pick([2, 2, 8, 64]),
    topicKeys: random.pick([3, 16]),
    sweepMessages: random.pick([1, 4, 1_000]),
    sweepBytes: random.pick([64, 1_024, 1_000_000]),
    sessionKeepMs: random.pick([500, 3_000, 20_000]),
    requestsPerSession: random.pick([1, 4, 64]),
    meetingsPerSession: random.pick([1, 100, 100]),
    subscriptionsPerSession: random.pick([2, 1_000, 1_000]),
    refusalBurst: random.pick([20, 1_000]),
    authorizeMs: random.pick([200, 1_000]),
    topicIdleMs: random.pick([500, 10_000]),
    logBytes: random.pick([50_000, 250_000, 536_870_912]),
    pageBytes: random.pick([1, 64, 512, 32_768]),
    quantumBytes: random.pick([64, 4_096]),
    lateFrames: random.pick([1, 2, 5]),
    quietMs: random.pick([100, 2_000]),
    coalesceMs: random.pick([50, 250]),
    questions: random.pick([1, 2, 1_000]),
    joinUsers: random.pick([1, 1_024]),
    waitingEvents: random.pick([4, 1_020]),
  }
}

function makeSmaller(
  scenario: Scenario,
  { without = [], clients = Infinity, faulty = Infinity }: Smaller,
): Scenario {
  const left = (trait: (typeof traits)[number]): boolean => !without.includes(trait)
  return {
    ...scenario,
    nodes: left('nodes') ? scenario.nodes : 1,
    clients: Math.min(scenario.clients, clients),
    hostiles: left('hostiles') ? scenario.hostiles : 0,
    meetings: scenario.meetings.map(({ name, options, kind, bots }) => ({
      name,
      options: left('options') ? options : { frameRate: options.frameRate ?? 20 },
      kind: kind && left('kinds'),
      bots: left('kinds') && left('bots') ? bots : 0,
    })),
    limits: left('limits') || scenario.alone !== null ? scenario.limits : limits,
    faults: scenario.faults.filter((fault) => !without.includes(fault)),
    asks: scenario.asks && left('asks'),
    tokenMs: left('tokens') ? scenario.tokenMs : 0,
    wallOffset: left('clock') ? scenario.wallOffset : NOW,
    later: scenario.later && left('later'),
    throwing: scenario.throwing && left('throwing'),
    public: scenario.public && left('public'),
    onDemand: scenario.onDemand && left('on-demand'),
    phases: { ...scenario.phases, faulty: Math.min(scenario.phases.faulty, faulty) },
  }
}

/** A client's options for reading a topic. */
export function drawReading(random: Random): ReadOptions {
  const conflate = random.chance(0.4)
  return {
    conflate,
    maxHz: random.pick([0, 0, 2, 10]),
    keys: random.chance(0.3) ? ['a', 'b'] : [],
    policy: conflate ? 'conflate' : random.pick(['skip', 'disconnect', 'conflate']),
    history: random.pick([0, 0, 3, 1_000]),
  }
}
