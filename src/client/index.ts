export { Client } from './client.ts'
export { connect } from './connect.ts'
export type { Ticket } from './machine/index.ts'
export type { Frame, FrameGap, Input, Meeting, Member } from './meeting.ts'
export type {
  CallOptions,
  ConnectOptions,
  JoinOptions,
  Publication,
  SendOptions,
  Socket,
  State,
  SubscribeOptions,
  TicketResponse,
} from './options.ts'
export {
  type Contract,
  type ErrorCode,
  type FrameEvent as MeetingEvent,
  type Position,
  RtmsError,
} from '../protocol/index.ts'
