import { calamities } from './cluster/plan.ts'
import type { Stats } from '../core/index.ts'
import type { Trace } from './trace.ts'

/** Counters of a node that prove by themselves that an event has happened. */
const counters = [
  'sweepsCutUp',
  'sweepsCutDown',
  'framesSlipped',
  'strangers',
  'repliesDiscarded',
  'creditStalls',
  'socketStalls',
] as const

const handovers = ['handoversGiven', 'handoversTaken', 'handoversRefused'] as const
const revivals = ['meetingsRevived', 'meetingsForked', 'meetingsDeposed', 'meetingsPaused'] as const

/** Adds a node's own counts to those observed from outside. */
export function tally(stats: Stats, trace: Trace): void {
  for (const [reason, count] of stats.connectionsLost) trace.count(`lost:${reason}`, count)
  for (const [reason, count] of stats.inputsRefused) trace.count(`node refused input:${reason}`, count)
  for (const [reason, count] of stats.publicationsRefused)
    trace.count(`node refused publication:${reason}`, count)
  for (const of of ['session', 'meeting', 'topic'] as const)
    for (const [outcome, count] of stats[`${of}Resumes`]) trace.count(`${of} resume:${outcome}`, count)
  for (const [how, count] of stats.moves) trace.count(`moves:${how}`, count)
  for (const name of [...counters, ...handovers, ...revivals, 'linksBroken'] as const)
    if (stats[name] > 0) trace.count(name, stats[name])
}

const each = (kind: string, ...names: string[]): string[] => names.map((name) => `${kind}:${name}`)

/** The same for runs of a cluster. */
export const clusterSometimes: readonly string[] = [
  ...each('located', 'new', 'taken', 'nowhere', 'BUSY', 'DRAINING'),
  ...each('cluster', 'served by a replica', 'moved', 'led to another node', 'led to a dead node'),
  ...each('cluster', 'proven at its address', 'proven late'),
  ...each('cluster', ...calamities, 'broken link', 'drain'),
  ...each('cluster', 'hand-over lost', 'hand-over late', 'hand-over claimed'),
  ...each('cluster', 'silence, stopped', 'silence, cut off', 'silence, cut off from one'),
  ...each('cluster', 'silence, heard by nobody'),
  ...each('hook', 'snapshot', 'snapshot that fails', 'revive'),
  ...handovers,
  ...revivals,
  ...each('moves', 'asked', 'arrived', 'wrong'),
  ...each('gap', 'BUS'),
  ...each('joined', 'recovered', 'NEW_EPOCH'),
  ...each('subscribed', 'recovered', 'NEW_EPOCH'),
  ...each('event', 'away', 'back', 'join', 'leave left', 'leave expired', 'leave kicked'),
  ...each('hook', 'opened on demand', 'leave kicked', 'close'),
  ...each('lost', 'REVOKED', 'REPLACED', 'EXPIRED', 'DRAINING', 'SILENT', 'LEFT', 'LOST'),
  // The public client, and ports that throw.
  ...each('fault', 'bus.send throws', 'bus.publish throws', 'transport.write throws', 'logic.frame throws'),
  'settled',
  'told',
  'a listener throws',
  'cluster:revocation answer',
  'linksBroken',
  'revoked',
  'clock-set',
]

/** Names of counts that must be above 0 over 1,000 seeds; otherwise the seeds prove less than they seem to. */
export const sometimes: readonly string[] = [
  // Gaps, and the outcomes of resuming.
  ...each('gap', 'NO_SNAPSHOT', 'RETENTION', 'SLOW', 'BUS'),
  ...each('joined', 'recovered', 'NEW_EPOCH', 'NO_SNAPSHOT'),
  ...each('subscribed', 'recovered', 'NEW_EPOCH', 'RETENTION'),
  ...each('session resume', 'recovered', 'NOT_FOUND', 'LOST'),
  ...each('meeting resume', 'recovered', 'NEW_EPOCH', 'NO_SNAPSHOT'),
  ...each('topic resume', 'recovered', 'NEW_EPOCH', 'RETENTION'),
  // Every way a connection ends: the codes of the table that a single node gives, silence, loss, a proper end.
  ...each('lost', 'PROTOCOL', 'UNAUTHENTICATED', 'REVOKED', 'REPLACED', 'SLOW', 'EXPIRED', 'RATE'),
  ...each('lost', 'DRAINING', 'FULL', 'SILENT', 'LEFT', 'LOST'),
  // No honest client has a token that is not accepted.
  'hostile:closed with 4401',
  ...each('goodbye', '4402', '4450', '4451', '4453', '4454', '4455'),
  // Every refusal.
  ...each('node refused input', 'BUSY', 'CLOSED', 'FORBIDDEN', 'HANDLER_FAILED', 'NOT_JOINED'),
  ...each('node refused input', 'RATE', 'READ_ONLY', 'STALE', 'TOO_LARGE'),
  ...each('failed', 'BUSY', 'CANCELLED', 'FORBIDDEN', 'FULL', 'HANDLER_FAILED', 'LIMIT', 'NOT_FOUND'),
  ...each('failed', 'NOT_JOINED', 'NO_HANDLER', 'RATE', 'TIMEOUT', 'UNKNOWN'),
  ...each('request-failed', 'BUSY', 'CANCELLED', 'CLOSED', 'LIMIT', 'NOT_SENT', 'TIMEOUT', 'UNKNOWN'),
  ...each('publication-refused', 'BUSY', 'FORBIDDEN', 'NOT_SENT', 'UNKNOWN'),
  ...each('node refused publication', 'LIMIT'),
  ...each('ended', 'CLOSED', 'FORBIDDEN'),
  // Events in meetings, and actions of the business.
  ...each('event', 'away', 'back', 'join', 'resume', 'slip', 'say'),
  ...each('event', 'leave left', 'leave expired', 'leave kicked', 'leave forbidden'),
  ...each('hook', 'join FORBIDDEN', 'join HANDLER_FAILED', 'input FORBIDDEN', 'input HANDLER_FAILED'),
  ...each(
    'hook',
    'input replaced',
    'leave left',
    'leave expired',
    'leave kicked',
    'leave forbidden',
    'close',
  ),
  ...each('hook', 'bot', 'bot FULL', 'bot input BUSY', 'bot input CLOSED', 'authorize came too late'),
  ...each('hook', 'opened on demand', 'not opened on demand', 'openMissing came too late'),
  ...each('authorize', 'yes', 'no'),
  // The public client, clocks that are set, ports that throw, and attacks.
  'settled',
  'told',
  'a listener throws',
  'a page is hidden',
  'clock-set',
  ...each('clock-step', 'while a token is checked', 'while a session is away', 'while tokens are revoked'),
  ...each('fault', 'client-clock', 'transport.write throws', 'transport.close throws', 'fault.tell throws'),
  ...each('fault', 'bus.publish throws', 'bus.subscribe throws', 'logic.frame throws', 'logic.input throws'),
  ...each('fault', 'application.authenticate throws', 'application.openMissing throws'),
  ...each('alone', 'ports', 'hostiles'),
  ...each('hostile', 'crowd of sessions', 'many keys', 'many questions', 'requests without end'),
  'bot-input',
  'direct',
  'publication-taken',
  'revoked',
  'budget cut',
  ...counters,
]
