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
export type { ApiOptions } from './api/options.ts'
export type { RequestsOptions } from './api/webhook.ts'
export type { Authorization, Authorize, Connected, Disconnected } from './hooks.ts'
export type { AdminReaders } from './admin.ts'
export type { Address, Health, Readiness } from './http.ts'
export type { Departure, FrameInput, JoinAttempt, KindHooks, MeetingFrame, MemberInput } from './kinds.ts'
export type { Bot, Meeting, MeetingKind, Meetings, OpenOptions } from './meetings.ts'
export type { Algorithm, Key, Logger, MetricsReaders, RtmsOptions, TicketKeys } from './options.ts'
export type { Request, RequestHandler } from './requests.ts'
export { Rtms } from './rtms.ts'
export type { Ticket, TicketRequest, Tickets } from './tickets.ts'
export type { TopicInfo } from '../core/index.ts'
export type { KeptPublication, Topics } from './topics.ts'
export type { Presence, Users } from './users.ts'
