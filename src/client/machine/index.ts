export { checkKey, checkName, type Done } from './calls.ts'
export { ownError } from './errors.ts'
export {
  EARLY_FRAME_BYTES,
  MOST_EARLY_FRAMES,
  MOST_EARLY_MESSAGES,
  MOST_LATEST_VALUES,
  MOST_WAITING_PUBLICATIONS,
} from './limits.ts'
export type { Followers } from './followers.ts'
export { DROPPED, Machine } from './machine.ts'
export type { Phase } from './ports.ts'
export type { JoinWish, RawFrame, SeatListener, SeatMachine } from './seat.ts'
export {
  isPosition,
  isUint,
  type ReaderListener,
  type ReadOptions,
  type Received,
  type TopicReader,
} from './reader.ts'
export type { Ticket } from './tickets.ts'
