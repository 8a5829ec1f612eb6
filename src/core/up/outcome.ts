import type { ErrorCode } from '../../protocol/errors.ts'
import type { ResumeOutcome } from '../ground/stats.ts'

/** What became of a position, for the counters. */
export function outcomeOf({
  recovered,
  reason,
}: {
  readonly recovered: boolean
  readonly reason: string
}): ResumeOutcome {
  return recovered ? 'recovered' : (reason as ErrorCode)
}
