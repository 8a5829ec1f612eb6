import type { ReadOptions } from '../client/machine/index.ts'
import type { NodeLimits, Retention } from '../core/index.ts'
import type { LinkProfile } from './link.ts'
import type { Random } from './random.ts'

/** What one seed's run consists of. Times in milliseconds of virtual time. */
export interface Scenario {
  readonly nodes: number
  readonly clients: number
  readonly meetings: readonly { readonly name: string; readonly frameRate: number }[]
  /** Topics whose name begins with `k` are published to with keys. */
  readonly topics: readonly string[]
  readonly limits: Partial<NodeLimits>
  readonly retention: Retention
  readonly window: number
  readonly links: readonly LinkProfile[]
  readonly faults: readonly Fault[]
  /** The business is asked before anybody joins, subscribes or publishes. */
  readonly asks: boolean
  /** With faults; without them, first to recover, then well; then without work. */
  readonly phases: {
    readonly faulty: number
    readonly recovery: number
    readonly well: number
    readonly quiet: number
  }
}

export const faultKinds = [
  'stall',
  'reset',
  'half-open',
  'restart-client',
  'reopen-meeting',
  'restart-node',
  'flood',
] as const
export type Fault = (typeof faultKinds)[number]

/** A good link, one over a mobile network, one slow enough for every buffer to matter. */
const profiles: readonly LinkProfile[] = [
  { delay: 5, rate: 1_000, buffer: 16_384 },
  { delay: 60, rate: 100, buffer: 4_096 },
  { delay: 20, rate: 40, buffer: 1_024 },
]

/** A random subset of faults, with limits small enough to be reached. */
export function drawScenario(random: Random): Scenario {
  return {
    nodes: random.chance(0.25) ? 2 : 1,
    clients: random.int(2, 6),
    meetings: Array.from({ length: random.int(1, 2) }, (_, i) => ({
      name: `m${i}`,
      frameRate: random.pick([0, 5, 10, 20]),
    })),
    topics: ['k0', 't1', 't2'].slice(0, random.int(1, 3)),
    limits: { heartbeatMs: 3_000, helloMs: 5_000, ...(random.chance(0.6) ? drawTinyLimits(random) : {}) },
    retention: random.pick([
      { entries: 0, bytes: 0, ageMs: 0 },
      { entries: 2, bytes: 1_000, ageMs: 60_000 },
      { entries: 100, bytes: 65_536, ageMs: 2_000 },
    ]),
    window: random.pick([0, 512, 4_096, 131_072]),
    links: profiles.slice(0, random.int(1, profiles.length)),
    faults: faultKinds.filter(() => random.chance(0.35)),
    phases: { faulty: random.int(2, 6) * 1_000, recovery: 10_000, well: 3_000, quiet: 8_000 },
    asks: random.chance(0.25),
  }
}

function drawTinyLimits(random: Random): Partial<NodeLimits> {
  return {
    meetingLogBytes: random.pick([512, 2_048, 8_192]),
    sessionLogEntries: random.pick([16, 64]),
    writeBytes: random.pick([256, 1_024, 8_192]),
    upstreamMessages: random.pick([16, 64]),
    topicPendingEntries: random.pick([2, 8, 64]),
    topicKeys: random.pick([3, 16]),
    sweepMessages: random.pick([1, 4, 1_000]),
    sweepBytes: random.pick([64, 1_024, 1_000_000]),
    sessionKeepMs: random.pick([500, 3_000, 20_000]),
    requestsPerSession: random.pick([1, 4, 64]),
  }
}

/** How a client reads a topic. */
export function drawReading(random: Random): ReadOptions {
  const conflate = random.chance(0.4)
  return {
    conflate,
    maxHz: random.pick([0, 0, 2, 10]),
    keys: random.chance(0.2) ? ['a', 'b'] : [],
    policy: conflate ? 'conflate' : random.pick(['skip', 'skip', 'disconnect']),
  }
}
