import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { threads } from '../../bus/threads.ts'
import type { Address } from '../../server/index.ts'
import { type LogStyle, loggerOf } from '../logger.ts'
import { UsageError } from '../usage.ts'
import { busOf, type ClusterOptions } from './cluster.ts'
import { type NodeSettings, startNode } from './node.ts'

/* A thread of `rtms serve --nodes`: one node. */

/** What the thread is given. */
export interface NodeTask {
  /** The node's seat on the bus between the threads; unused where the nodes are on NATS. */
  readonly seat: MessagePort
  readonly settings: NodeSettings
  readonly cluster: ClusterOptions
  readonly log: LogStyle
}

/**
 * What the thread tells: where its node listens, why it could not start, or that it has closed. Told `close`, it
 * closes.
 */
export type NodeReport =
  | { readonly address: Address }
  | { readonly fault: { readonly message: string; readonly isUsage: boolean } }
  | { readonly isClosed: true }

const { seat, settings, cluster, log } = workerData as NodeTask
const logger = loggerOf(log)
const report = (told: NodeReport): void => parentPort?.postMessage(told)
try {
  const bus = await busOf(cluster)
  const node = await startNode(settings, bus ?? threads(seat), logger)
  parentPort?.once('message', () => {
    node
      .close()
      .catch((error: unknown) => logger.error({ error }, 'Closing failed'))
      .finally(() => report({ isClosed: true }))
  })
  report({ address: node.address })
} catch (error) {
  const isUsage = error instanceof UsageError
  const { message, stack = message } = error as Error
  report({ fault: { message: isUsage ? message : stack, isUsage } })
}
