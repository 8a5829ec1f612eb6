export {
  defaultLimits,
  defaultMeeting,
  defaultRetention,
  type MeetingOptions,
  type NodeConfig,
  type NodeLimits,
} from './config.ts'
export type { Connection } from './connection.ts'
export type { MeetingInfo } from './meeting.ts'
export { RtmsNode } from './node.ts'
export type { Application, Bus, Grant, Outcome, Packet, RequestCall, Role, Transport } from './ports.ts'
export type { Stats } from './stats.ts'
export { policies, type Retention } from './topic-log.ts'
