export { Machine, type Phase, type Ticket } from './machine.ts'
export type { RawFrame, SeatListener, SeatMachine } from './seat.ts'
export { isPosition, type ReadOptions, type TopicReader } from './reader.ts'
