import type { ErrorCode } from '../../protocol/errors.ts'
import { limits as protocolLimits, versions } from '../../protocol/limits.ts'
import type { MessageOf } from '../../protocol/schema.ts'
import type { Limits, NodeConfig } from '../ground/config.ts'
import type { Session } from '../session/session.ts'

/** What a WELCOME says about this connection. */
export interface Answer {
  readonly version: number
  readonly resumed: boolean
  /**
   * Why the session is new although the client asked to resume one, or RETENTION when entries are lost; '' for neither.
   */
  readonly reason: ErrorCode | ''
  /** The entry before the first one of the session log that this connection will carry. */
  readonly received: number
  readonly window: number
  /** See `originOf`; fixed when the node was made. */
  readonly origin: number
}

/** How many clients a second come back together where a node is lost, as far as `reconnectMaxMs` allows. */
const RECONNECTS_PER_SECOND = 5_000

/** The longest wait before a first reconnect that a node with so many connections tells, in milliseconds. */
function reconnectMaxOf({ reconnectMinMs, reconnectMaxMs }: Limits, connections: number): number {
  const spread = Math.ceil((connections * 1000) / RECONNECTS_PER_SECOND)
  return Math.min(reconnectMaxMs, Math.max(4 * reconnectMinMs, spread))
}

/**
 * The WELCOME. It names the limits a client may rely on, so that the client can refuse locally what the node would
 * refuse. `connections`: of the node.
 */
export function welcomeOf(
  config: NodeConfig,
  session: Session,
  answer: Answer,
  connections: number,
  now: number,
): MessageOf<'welcome'> {
  const { limits } = config
  return {
    type: 'welcome',
    features: 0,
    node: config.id,
    publisher: config.incarnation,
    session: session.id,
    user: session.user,
    ...answer,
    calls: session.calls,
    time: Math.round(now * 1000),
    heartbeat: limits.heartbeatMs,
    expires: Math.floor(session.grant.expires / 1000),
    reconnectMin: limits.reconnectMinMs,
    reconnectMax: reconnectMaxOf(limits, connections),
    keep: limits.sessionKeepMs,
    maxPacket: protocolLimits.packet,
    maxInput: protocolLimits.input,
    maxPayload: protocolLimits.payload,
    maxMeetings: limits.meetingsPerSession,
    maxSubscriptions: limits.subscriptionsPerSession,
    maxRequests: limits.requestsPerSession,
    publishRate: limits.publishesPerUserPerSecond,
    subscribeRate: limits.subscribesPerUserPerSecond,
    joinRate: limits.joinsPerUserPerSecond,
    requestRate: limits.requestsPerUserPerSecond,
    burst: limits.userBurstSeconds,
  }
}

/** Why a client of this version of the protocol is not welcome. */
export function unspoken(version: number): string {
  const { least, most } = versions
  const known = least === most ? `version ${most} is` : `versions ${least} to ${most} are`
  return `version ${version} of the protocol is not spoken here; ${known}`
}
