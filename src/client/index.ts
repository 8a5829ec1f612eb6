export { Client } from './client.ts'
export { connect } from './connect.ts'
export type { Ticket } from './machine/index.ts'
export type { Frame, FrameGap, Input, Meeting } from './meeting.ts'
export type {
  CallOptions,
  ConnectOptions,
  Publication,
  SendOptions,
  Socket,
  State,
  SubscribeOptions,
} from './options.ts'
export {
  type Contract,
  type ErrorCode,
  type FrameEvent as MeetingEvent,
  type Position,
  RtmsError,
} from '../protocol/index.ts'
