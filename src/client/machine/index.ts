export { Machine, type Phase, type Ticket } from './machine.ts'
export type { RawFrame, SeatListener, SeatMachine } from './seat.ts'
export type { ReadOptions, TopicReader } from './reader.ts'
