export { Machine, type MachineOptions, type MachinePorts, type Phase, type Ticket } from './machine.ts'
export type { RawFrame, SeatListener, SeatMachine } from './seat.ts'
export type { ReaderListener, ReadOptions, TopicReader } from './reader.ts'
