export {
  Client,
  connect,
  type ConnectOptions,
  type Publication,
  type Socket,
  type State,
  type SubscribeOptions,
} from './client.ts'
export type { Ticket } from './machine/index.ts'
export type { Frame, FrameGap, Input, Meeting } from './meeting.ts'
export { type ErrorCode, type MeetingEvent, RtmsError } from '../protocol/index.ts'
