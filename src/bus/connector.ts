import type { Bus, BusListener } from '../core/index.ts'

/** What a bus has counted for one node since it connected. */
export interface BusStats {
  /** Messages that were not sent, or may not have been: the bus was or went down, or too much waited. */
  readonly dropped: number
  /** Messages that came in and were no node's of this cluster. */
  readonly strangers: number
}

/** Whom a bus tells what its node cannot know. */
export interface BusReports {
  /** Gets what the listener, or the bus itself, threw. */
  fault(error: unknown): void
  /** Something that an operator should know, such as that the connection was lost. Called at most once for each change. */
  warn(details: Readonly<Record<string, unknown>>, message: string): void
}

/** One node's place on a bus. */
export interface BusPort extends Bus {
  readonly stats: BusStats
  /**
   * Whether anybody listens as that node. False: the bus is sure that nobody does. A bus that tells `gone` by itself
   * need not know.
   */
  listens?(node: number): Promise<boolean>
  /** Sends what waits, for at most a second, and leaves. Nothing comes in any more from the call on. */
  close(): Promise<void>
}

/** A bus that nodes connect to. */
export interface BusConnector {
  /** Returns at once; the listener is told `back` as soon as the bus carries messages. */
  connect(incarnation: number, listener: BusListener, reports: BusReports): BusPort
}
