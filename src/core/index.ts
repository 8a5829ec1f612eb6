export type { AnswerOf, KindName, QuestionOf } from './cluster/question-kinds.ts'
export type { QuestionEnding } from './cluster/questions.ts'
export { successionKinds, type Succession } from './cluster/successions.ts'
export { subscriberOf } from './door/addresses.ts'
export { incarnationFrom, isEdge } from './ground/incarnation.ts'
export { Crowd } from './door/crowd.ts'
export { CLOSED } from './meeting/meetings.ts'
export { shorten } from './session/told.ts'
export {
  defaultLimits,
  defaultRetention,
  fixedLimits,
  type LineageKeys,
  type MoveOptions,
  type FixedLimits,
  type NodeConfig,
  type NodeLimits,
  type NodeOptions,
  type Retention,
} from './ground/config.ts'
export { defaultMeeting, meetingBounds, type MeetingOptions } from './meeting/options.ts'
export type { NodeLoad } from './ground/node-facts.ts'
export type { Connection } from './door/connection.ts'
export type { Bot, MeetingInfo, MemberInfo } from './meeting/business.ts'
export type { Peer } from './cluster/peer.ts'
export { meetingParts } from './cluster/question-kinds.ts'
export type { Ports } from './guards.ts'
export { busListener } from './listener.ts'
export { loadOf } from './load.ts'
export { RtmsNode } from './node.ts'
export type {
  Allowance,
  Application,
  Bus,
  BusListener,
  ClientPublication,
  DrainProgress,
  DrainState,
  Grant,
  HeardPublication,
  LossReason,
  MeetingBusiness,
  MeetingCall,
  MeetingLogic,
  MissingMeeting,
  NodeDrain,
  OfferedMeeting,
  Outcome,
  Packet,
  Question,
  Refusal,
  RequestCall,
  Role,
  SealedFrame,
  ToldRevocation,
  Transport,
  Watch,
  WatchedNode,
  Whereabouts,
} from './ports.ts'
export { drainStates, SUBJECT_BYTES } from './ports.ts'
export type { Search } from './ground/page.ts'
export { Places } from './ground/places.ts'
export { type Bucket, FULL, Rate } from './ground/rate.ts'
export { Ring } from './ground/ring.ts'
export type { Revoked } from './door/revocations.ts'
export { Buckets, type BusKind, type RefusedBy, type Stats } from './ground/stats.ts'
export { Worst } from './ground/worst.ts'
export { isCutOff } from './retreat.ts'
export { idlePorts } from './idle.ts'
export { settleShapes } from './shapes.ts'
export type { SessionInfo } from './session/session-info.ts'
export { policies } from './topic/cursor.ts'
export type { Publication } from './topic/publication.ts'
export type { TopicInfo } from './topic/topic-info.ts'
