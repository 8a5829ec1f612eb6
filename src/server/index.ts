export { defaultMeeting, defaultRetention } from '../core/index.ts'
export { defaultLimits, type Limits } from './ground/limits.ts'
export type {
  BusKind,
  DrainProgress,
  DrainState,
  LossReason,
  MeetingInfo,
  MeetingOptions,
  MemberInfo,
  NodeDrain,
  NodeLoad,
  Retention,
  Revoked,
  Role,
  SessionInfo,
  Stats,
  TopicInfo,
} from '../core/index.ts'
export {
  type Contract,
  type ErrorCode,
  type FrameEvent as MeetingEvent,
  RtmsError,
} from '../protocol/index.ts'
export type { BusTraffic, Cluster, ClusterNode, ToldSuccession, Whereabouts } from './business/cluster.ts'
export type { Authorization, Authorize } from './business/authorizer.ts'
export type { FrameInput, MeetingFrame } from './business/frames.ts'
export type { Connected, Disconnected } from './business/hooks.ts'
export type { CallToMeeting, Departure, JoinAttempt, KindHooks, MemberInput } from './business/kinds.ts'
export type { Bot, Meeting } from './business/meeting.ts'
export type { MeetingKind, OpenOptions } from './business/meeting-options.ts'
export type { Meetings } from './business/meetings.ts'
export type { OpenMissing } from './business/opener.ts'
export type { ListenOptions, TopicPublication } from './business/listeners.ts'
export type { ClientPublication, PublishHandler } from './business/publications.ts'
export type { Request, RequestHandler } from './business/requests.ts'
export type { Schema } from './business/schema.ts'
export type { KeptPublication, Topics } from './business/topics.ts'
export type { Presence, Users } from './business/users.ts'
export type { DrainOptions } from './draining.ts'
export type { Address, Health, Readiness } from './edge/http.ts'
export type { Logger } from './ground/logger.ts'
export type { NodeRole } from './ground/place.ts'
export type { ApiOptions } from './options/api.ts'
export type { Algorithm, Key, TicketKeys } from './options/keys.ts'
export type { AdminReaders, MetricsReaders, RtmsOptions } from './options/options.ts'
export type { TopicsOptions } from './options/topics.ts'
export type { RequestsOptions } from './options/webhook.ts'
export { Rtms } from './rtms.ts'
export type { Ticket, TicketRequest, Tickets } from './tickets/tickets.ts'
