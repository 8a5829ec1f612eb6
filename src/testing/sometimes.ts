import type { Stats } from '../core/index.ts'
import type { Trace } from './trace.ts'

/** Puts a node's own counts beside what was observed from outside. */
export function tally(stats: Stats, trace: Trace): void {
  for (const [reason, count] of stats.connectionsLost) trace.count(`lost:${reason}`, count)
  for (const [reason, count] of stats.inputsRefused) trace.count(`node refused input:${reason}`, count)
  for (const [reason, count] of stats.publicationsRefused)
    trace.count(`node refused publication:${reason}`, count)
  for (const of of ['session', 'meeting', 'topic'] as const)
    for (const [outcome, count] of stats[`${of}Resumes`]) trace.count(`${of} resume:${outcome}`, count)
  for (const name of counters) if (stats[name] > 0) trace.count(name, stats[name])
}

const counters = [
  'sweepsCutUp',
  'sweepsCutDown',
  'framesSlipped',
  'strangers',
  'repliesDiscarded',
  'creditStalls',
  'socketStalls',
] as const
