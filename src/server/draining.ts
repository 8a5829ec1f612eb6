import type { DrainProgress } from '../core/index.ts'
import { DRAIN_MS } from './business/cluster.ts'
import type { Logger } from './ground/logger.ts'
import type { Host } from './host.ts'

/** How often it is looked how far draining is, and how often the log tells, in milliseconds. */
const LOOK_MS = 100
const TOLD_MS = 1_000

export interface DrainOptions {
  /** Milliseconds after which what is left is closed. Default 25,000. */
  readonly timeoutMs?: number | undefined
  /** Called ten times a second until the node is empty. What it throws is logged. */
  readonly onProgress?: ((progress: DrainProgress) => void) | undefined
}

/** Empties a node. Resolves with what is left; at once where `isClosed`. */
export async function drain(
  host: Host,
  logger: Logger,
  isClosed: () => boolean,
  { timeoutMs = DRAIN_MS, onProgress }: DrainOptions,
): Promise<DrainProgress> {
  const start = host.outside.now()
  host.handle((node, now) => node.drain(now, now + timeoutMs))
  for (let toldAt = -Infinity; ;) {
    const { progress } = host.node.draining
    try {
      onProgress?.(progress)
    } catch (error) {
      logger.error({ err: error }, 'onProgress of drain failed')
    }
    const now = host.outside.now()
    const isOver = isClosed() || now - start >= timeoutMs || host.node.draining.state === 'drained'
    if (isOver || now - toldAt >= TOLD_MS) logger.info({ ...progress }, isOver ? 'drained' : 'draining')
    if (isOver) return progress
    if (now - toldAt >= TOLD_MS) toldAt = now
    // oxlint-disable-next-line no-await-in-loop -- One look after the other.
    await new Promise<void>((resolve) => host.outside.after(LOOK_MS, resolve))
  }
}
