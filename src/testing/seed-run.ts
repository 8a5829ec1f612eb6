import { Violation } from './observer.ts'
import type { Scenario, Smaller } from './scenario.ts'

export interface RunResult {
  readonly seed: number
  /** Hash of everything observed: the same seed gives the same hash. */
  readonly hash: string
  readonly scenario: Scenario
  /** How often each kind of event was observed. */
  readonly counts: ReadonlyMap<string, number>
}

export interface RunOptions {
  /** Called with one line for each event. */
  readonly trace?: (line: string) => void
  readonly smaller?: Smaller
}

/** A run that violated an invariant: which one, at what virtual time, and the last events before it. */
export class SeedFailure extends Error {
  readonly seed: number
  readonly invariant: string
  readonly smaller: Smaller
  /** Whether the run was one of a cluster. */
  readonly isCluster: boolean

  constructor(
    { seed, isCluster, smaller }: { seed: number; isCluster: boolean; smaller: Smaller },
    cause: unknown,
    now: number,
    recent: readonly string[],
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(
      [
        `seed ${seed} at ${now.toFixed(1)} ms: ${reason}`,
        `replay: ${commandOf(seed, isCluster, smaller)}`,
        ...recent,
      ].join('\n'),
      { cause },
    )
    this.seed = seed
    this.smaller = smaller
    this.isCluster = isCluster
    this.invariant = cause instanceof Violation ? cause.invariant : 'crash'
  }
}

/** The command that replays this seed and prints its history. */
function commandOf(seed: number, isCluster: boolean, { without = [], clients, faulty }: Smaller): string {
  const words = [`npm run simulate --${isCluster ? ' --cluster' : ''} --seed ${seed}`]
  if (without.length > 0) words.push(`--without ${without.join(',')}`)
  if (clients !== undefined) words.push(`--clients ${clients}`)
  if (faulty !== undefined) words.push(`--faulty ${faulty}`)
  return words.join(' ')
}
