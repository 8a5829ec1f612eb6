export type { Done } from './calls.ts'
export { checkName, Machine, type Phase, type Ticket } from './machine.ts'
export type { RawFrame, SeatListener, SeatMachine } from './seat.ts'
export { isPosition, type ReaderListener, type ReadOptions, type TopicReader } from './reader.ts'
