import type { FixedLimits, NodeLimits } from '../../core/index.ts'
import type { Random } from '../random.ts'
import { drawMeeting, NOW, profiles, type Scenario, type Smaller } from '../scenario.ts'

/** The run of one seed of a cluster. Times in milliseconds of virtual time. */
export interface Plan extends Scenario {
  readonly calamities: readonly Calamity[]
  /** How the others learn that a node was killed. */
  readonly proof: Proof
  /** How long a message takes from node to node. */
  readonly delay: number
  /** How often the balancer's map is wrong while there are faults, 0–1. */
  readonly stale: number
  /** Whether tickets name any node, and not the owner of the client's meeting. */
  readonly astray: boolean
  /** Which clients are moved to the node of their meeting; undefined: none. */
  readonly moves: 'members' | 'all' | undefined
  /** Whether nodes are drained now and then. */
  readonly drains: boolean
  /** Whether one is drained when nothing else is wrong any more, and a link breaks with each hand-over. */
  readonly lastDrain: boolean
  /** Whether the first faults come while the nodes do not know one another yet. */
  readonly early: boolean
  /** Whether the owner of a meeting falls silent for so long that others go on with it; and what else happens then. */
  readonly silence: 'alone' | 'among others' | null
  /** Whether links between nodes break, as where too much waits for one that does not answer. */
  readonly breaks: boolean
}

/**
 * How the end of a node is proven: the bus tells, at once or late; its machine refuses connections; or only whoever
 * runs at its address next.
 */
export type Proof = 'bus' | 'late' | 'probe' | 'never'

/** What may befall the nodes and clients of a cluster. Each can be left out without moving the others. */
export const calamities = [
  'partition',
  'one-way',
  'island',
  'lossy',
  'slow',
  'outage',
  'pause',
  'kill',
  'leave',
  'late-sweeps',
  'clock-step',
  'reset',
  'move',
  'restart-client',
  'reload-client',
  'close-meeting',
  'race',
  'kick',
  'revoke',
] as const
export type Calamity = (typeof calamities)[number]

/** Other traits that can be left out of a plan. `nodes` leaves two. */
const clusterTraits = [
  'nodes',
  'stale',
  'astray',
  'options',
  'limits',
  'early',
  'asks',
  'tokens',
  'on-demand',
  'proof',
  'moves',
  'breaks',
  'drains',
  'silence',
  'public',
  'throwing',
] as const

/** Everything that can be left out of a plan. */
export const clusterParts: readonly string[] = [...clusterTraits, ...calamities]

/** How long nodes that have all just started take to know one another, in milliseconds. */
export const SETTLED_MS = 3_300

/** When a node is drained in the recovery of a plan that has it so, and how long it has for that, in milliseconds. */
export const DRAIN_AT_MS: number = SETTLED_MS + 200
export const DRAIN_MS = 3_000

/** How long faults last in a plan in which an owner falls silent for long. */
const SILENCE_MS = 15_000

/** The limits of every plan: short, so that what is left of clients soon goes. */
const limits: Partial<NodeLimits & FixedLimits> = {
  moveMs: 200,
  moveAgainMs: 700,
  heartbeatMs: 3_000,
  helloMs: 3_000,
  topicIdleMs: 4_000,
  sessionKeepMs: 3_000,
  refreshesPerUserPerSecond: 2,
}

/** Makes a cluster and a random subset of what may befall it. */
export function drawPlan(random: Random, smaller: Smaller = {}): Plan {
  const nodes = random.pick([2, 3, 3, 3, 4, 5])
  const drawn: Omit<Plan, 'astray' | 'public' | 'throwing' | 'silence' | 'lastDrain'> = {
    nodes,
    clients: random.int(2, 4),
    hostiles: 0,
    // All are of a kind, so that a checker is told of each frame where it is sealed.
    meetings: Array.from({ length: random.pick([1, 1, 2, 2, 3]) }, (_, i) => ({
      ...drawMeeting(random, `m${i}`),
      kind: true,
    })),
    topics: ['k0', 't1', 'q1', 'c1'].slice(0, random.int(1, 4)),
    limits: { ...limits, topicIdleMs: random.pick([1_000, 4_000]) },
    retention: random.pick([
      { entries: 2, bytes: 1_000, ageMs: 4_000 },
      { entries: 100, bytes: 65_536, ageMs: 4_000 },
    ]),
    window: random.pick([0, 4_096, 131_072]),
    links: profiles.slice(0, random.int(1, 2)),
    faults: [],
    phases: { faulty: SETTLED_MS + random.int(2, 6) * 1_000, recovery: 6_500, well: 1_500, quiet: 4_500 },
    asks: random.chance(0.15),
    tokenMs: random.pick([0, 0, 5_000]),
    wallOffset: NOW,
    later: false,
    onDemand: random.chance(0.3),
    alone: null,
    calamities: calamities.filter(() => random.chance(0.35)),
    proof: random.pick(['bus', 'late', 'probe', 'never']),
    delay: random.pick([1, 1, 5, 30]),
    stale: random.pick([0, 0.1, 0.5]),
    early: random.chance(0.2),
    moves: random.pick(['members', 'members', 'all', undefined]),
    breaks: random.chance(0.3),
    drains: random.chance(0.5),
  }
  const tiny = random.chance(0.4) ? drawTinyLimits(random) : {}
  const astray = random.chance(0.4)
  // Drawn last, so that the rest is as it was before there were these.
  const reach = { public: random.chance(0.4), throwing: random.chance(0.2) }
  const chosen = random.pick([0, 0, 1])
  const silence = random.chance(0.15) ? random.pick(['alone', 'among others'] as const) : null
  // Otherwise hardly any node has the frames with which it could go on.
  const standby = silence !== null && random.chance(0.7) ? 1 : chosen
  const meetings = drawn.meetings.map((meeting) => ({ ...meeting, options: { ...meeting.options, standby } }))
  const lastDrain = drawn.drains && random.chance(0.3)
  const faulty = silence === null ? drawn.phases.faulty : SETTLED_MS + SILENCE_MS
  const recovery = drawn.phases.recovery + (lastDrain ? DRAIN_AT_MS + DRAIN_MS : 0)
  const parts = { ...reach, meetings, silence, lastDrain, phases: { ...drawn.phases, faulty, recovery } }
  return makeSmaller({ ...drawn, limits: { ...drawn.limits, ...tiny }, astray, ...parts }, smaller)
}

/** Replicas that end soon and fall behind what their owner keeps, frames and messages in many packets. */
function drawTinyLimits(random: Random): Partial<NodeLimits & FixedLimits> {
  return {
    linkPacket: random.pick([300, 65_536]),
    meetingLogBytes: random.pick([2_048, 8_192, 4_194_304]),
    pageBytes: random.pick([64, 512, 32_768]),
    pendingInputs: random.pick([4, 256]),
    lingerMs: random.pick([300, 5_000]),
  }
}

function makeSmaller(plan: Plan, { without = [], clients = Infinity, faulty = Infinity }: Smaller): Plan {
  const left = (trait: (typeof clusterTraits)[number]): boolean => !without.includes(trait)
  return {
    ...plan,
    nodes: left('nodes') ? plan.nodes : 2,
    clients: Math.min(plan.clients, clients),
    meetings: plan.meetings.map((meeting) => ({
      ...meeting,
      options: left('options') ? meeting.options : { frameRate: meeting.options.frameRate ?? 20 },
    })),
    limits: left('limits') ? plan.limits : limits,
    asks: plan.asks && left('asks'),
    tokenMs: left('tokens') ? plan.tokenMs : 0,
    onDemand: plan.onDemand && left('on-demand'),
    calamities: plan.calamities.filter((calamity) => !without.includes(calamity)),
    proof: left('proof') ? plan.proof : 'bus',
    stale: left('stale') ? plan.stale : 0,
    astray: plan.astray && left('astray'),
    early: plan.early && left('early'),
    moves: left('moves') ? plan.moves : undefined,
    breaks: plan.breaks && left('breaks'),
    drains: plan.drains && left('drains'),
    lastDrain: plan.lastDrain && left('drains'),
    silence: left('silence') ? plan.silence : null,
    public: plan.public && left('public'),
    throwing: plan.throwing && left('throwing'),
    phases: { ...plan.phases, faulty: Math.min(plan.phases.faulty, SETTLED_MS + faulty) },
  }
}
