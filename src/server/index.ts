export { defaultLimits, defaultMeeting, defaultRetention } from '../core/index.ts'
export type {
  LossReason,
  MeetingInfo,
  MeetingOptions,
  MemberInfo,
  NodeLimits,
  Retention,
  Revoked,
  Role,
  SessionInfo,
  Stats,
} from '../core/index.ts'
export { type ErrorCode, RtmsError } from '../protocol/index.ts'
export type { ApiOptions } from './options/api.ts'
export type { RequestsOptions } from './api/webhook.ts'
export type { Authorization, Authorize, Connected, Disconnected } from './business/hooks.ts'
export type { AdminReaders } from './edge/admin.ts'
export type { Address, Health, Readiness } from './edge/http.ts'
export type {
  Departure,
  FrameInput,
  JoinAttempt,
  KindHooks,
  MeetingFrame,
  MemberInput,
} from './business/kinds.ts'
export type { Bot, Meeting, MeetingKind, Meetings, OpenOptions } from './business/meetings.ts'
export type { Algorithm, Key, Logger, MetricsReaders, RtmsOptions, TicketKeys } from './options/options.ts'
export type { Request, RequestHandler } from './business/requests.ts'
export { Rtms } from './rtms.ts'
export type { Ticket, TicketRequest, Tickets } from './tickets/tickets.ts'
export type { TopicInfo } from '../core/index.ts'
export type { KeptPublication, Topics } from './business/topics.ts'
export type { Presence, Users } from './business/users.ts'
