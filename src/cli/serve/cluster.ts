import { readFile } from 'node:fs/promises'
import type { BusConnector } from '../../bus/connector.ts'
import { UsageError } from '../usage.ts'
import { called, or } from './given.ts'

const SECRET_BYTES = 32
const MAKE_SECRET =
  'Make one, the same for all nodes, and put it into the environment of each:\n' +
  '  export RTMS_CLUSTER_SECRET="$(openssl rand -hex 32)"'

/** The options of `rtms serve` that make a node one of a cluster. */
export interface ClusterOptions {
  readonly nats?: string | undefined
  readonly 'nats-credentials'?: string | undefined
  readonly 'cluster-secret'?: string | undefined
}

export const clusterOptions = {
  nats: { type: 'string' },
  'nats-credentials': { type: 'string' },
  'cluster-secret': { type: 'string' },
} as const

export const clusterHelp = `  --nats <urls>      Connect to the other nodes over NATS: URLs of its servers, with commas between them (default: RTMS_NATS
                     in the environment; without one the node is alone)
  --nats-credentials <file>  A .creds file, where NATS wants one
  --cluster-secret <text>    Key that authenticates the nodes of a cluster to one another, the same for all of them and
                     not the one for tickets (default: RTMS_CLUSTER_SECRET in the environment)
`

/** The bus that the options ask for; undefined for a node alone. */
export async function busOf(options: ClusterOptions): Promise<BusConnector | undefined> {
  const urls = or(options.nats, 'RTMS_NATS') ?? ''
  if (urls === '') {
    // In the environment, it may be meant for the other nodes of a machine.
    for (const option of ['cluster-secret', 'nats-credentials'] as const)
      if (options[option] !== undefined)
        throw new UsageError(
          `--${option} goes with --nats: the URLs of the servers that lead to the other nodes`,
        )
    return undefined
  }
  const secret = or(options['cluster-secret'], 'RTMS_CLUSTER_SECRET') ?? ''
  if (secret === '')
    throw new UsageError(
      `${called(options.nats, '--nats', 'RTMS_NATS')} needs a secret of the cluster. ${MAKE_SECRET}`,
    )
  if (Buffer.byteLength(secret) < SECRET_BYTES)
    throw new UsageError(`the secret of the cluster must have at least ${SECRET_BYTES} bytes. ${MAKE_SECRET}`)
  const file = options['nats-credentials']
  const credentials = file === undefined ? undefined : await contentOf(file)
  const { nats } = await library()
  try {
    return nats({ servers: urls.split(',').map((url) => url.trim()), secret, credentials })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** Loaded only where it is wanted: the client library of NATS is not installed with RTMS. */
async function library(): Promise<typeof import('../../nats/index.ts')> {
  try {
    return await import('../../nats/index.ts')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UsageError('--nats needs the client library of NATS: npm install @nats-io/transport-node')
  }
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--nats-credentials cannot be read: ${(error as Error).message}`)
  }
}
