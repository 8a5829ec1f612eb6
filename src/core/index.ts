export { subscriberOf } from './addresses.ts'
export type { RefusedBy } from './admission.ts'
export {
  defaultLimits,
  defaultMeeting,
  defaultRetention,
  fixedLimits,
  type MeetingOptions,
  type NodeConfig,
  type NodeLimits,
} from './config.ts'
export type { Connection } from './connection.ts'
export type { Bot, MeetingBusiness, MeetingInfo, MemberInfo } from './meeting.ts'
export { RtmsNode } from './node.ts'
export type {
  Application,
  Bus,
  Grant,
  LossReason,
  MeetingLogic,
  Outcome,
  Packet,
  Question,
  Refusal,
  RequestCall,
  Role,
  SealedFrame,
  Transport,
} from './ports.ts'
export type { Revoked } from './revocations.ts'
export { Buckets, type Stats } from './stats.ts'
export type { SessionInfo } from './session-info.ts'
export { policies } from './topic-cursor.ts'
export type { TopicInfo } from './topic-info.ts'
export type { Retention } from './topic-log.ts'
