import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BusConnector } from '../../bus/connector.ts'
import type { Address, Logger, Rtms, RtmsOptions } from '../../server/index.ts'
import { UsageError } from '../usage.ts'

/** The options of a node that a file can say. */
export type FileOptions = Omit<RtmsOptions, 'server' | 'handler' | 'bus' | 'logger' | 'faults'>

/** What a node is started with: plain values, which can be handed to a worker thread. */
export interface NodeSettings extends FileOptions {
  readonly port: number
  /** With the demo on it. */
  readonly dev: boolean
  /** How long it may take to hand over its meetings and clients when it closes. */
  readonly drainMs: number
}

export interface RunningNode {
  readonly address: Address
  /** Drains it first: what it has goes to the other nodes of its cluster. */
  close(): Promise<void>
}

/** Starts a node. Rejects with a UsageError where an option is the reason that it cannot. */
export async function startNode(
  { dev, drainMs, ...settings }: NodeSettings,
  bus: BusConnector | undefined,
  logger: Logger,
): Promise<RunningNode> {
  const options = { ...settings, bus, logger }
  try {
    // Loaded here: every wrong call is over sooner without the server.
    if (dev) {
      const { startDemo } = await import('../../demo/index.ts')
      const demo = await startDemo({ ...options, faults: true }, demoPages())
      return { address: demo.rtms.address, close: () => emptied(demo.rtms, drainMs, demo) }
    }
    const { Rtms } = await import('../../server/index.ts')
    const rtms = await Rtms.start(options)
    return { address: rtms.address, close: () => emptied(rtms, drainMs, rtms) }
  } catch (error) {
    throw explained(error, settings)
  }
}

async function emptied(rtms: Rtms, timeoutMs: number, node: { close(): Promise<void> }): Promise<void> {
  await rtms.drain({ timeoutMs })
  await node.close()
}

/** The folder of the built pages, beside the folder of the commands. */
function demoPages(): string {
  const folder = fileURLToPath(new URL('../../web', import.meta.url))
  if (existsSync(folder)) return folder
  throw new UsageError('the pages of the demo are not built. Build them first: npm run build')
}

/** Explains an error of the start in terms of the command's options. */
function explained(error: unknown, { port, host }: Pick<NodeSettings, 'port' | 'host'>): unknown {
  if (!(error instanceof Error)) return error
  const { code } = (error.cause ?? error) as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    const other = port < 65_535 ? port + 1 : 7788
    return new UsageError(
      `port ${port} is in use already. Choose another: rtms serve --port ${other} (0: any free one)`,
    )
  }
  if (code === 'EACCES')
    return new UsageError(`this user may not listen on port ${port}. Choose one above 1023 with --port`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new UsageError(`--host ${host} is not an address of this machine`)
  return error.message.startsWith('RTMS cannot start:') ? new UsageError(error.message) : error
}
