import { randomBytes } from 'node:crypto'
import type { Address, AdminReaders, Logger, MetricsReaders, NodeRole } from '../../server/index.ts'
import { loggerOf } from '../logger.ts'
import {
  type Command,
  isColorful,
  parseCommand,
  parseCount,
  parsePort,
  parseSeconds,
  UsageError,
} from '../usage.ts'
import { busOf, clusterHelp, clusterOptions, type ClusterOptions } from './cluster.ts'
import { type NodeSettings, startNode } from './node.ts'
import { type NamedSettings, Nodes } from './nodes.ts'

const DEFAULT_PORT = '7788'
/** Less than what Kubernetes and others give a process that is told to end: 30 s, some of which the balancer needs. */
const DRAIN_S = 15

const help = `Run an RTMS node

Usage: rtms serve [options]

Options:
  --port <number>    Port to listen on; 0: any free one (default: PORT in the environment, else ${DEFAULT_PORT})
  --host <address>   Address to listen on (default: all; with --dev: 127.0.0.1, this machine only)
  --nodes <count>    Run so many nodes, each in a thread of its own and on a port of its own: --port, the next one, …
                     They are a cluster without any other server (default: 1)
  --secret <text>    Key that signs tickets (default: RTMS_SECRET in the environment, which other users of this
                     machine cannot see in the list of processes)
  --api-key <text>   Answer the HTTP API to who has this key, at least 32 characters (default: RTMS_API_KEY in the
                     environment; without one there is no HTTP API)
  --admin <who>      Whom the dashboard at /admin/ obeys. key: who has the key of the HTTP API. loopback: a browser on this
                     machine, without a key; not behind a proxy on this machine that says nothing of itself. off: nobody
                     (default: key where there is one, else off; with --dev: loopback)
  --dev              Serve the demo and let guests in without a password; makes a secret and a key where none is given.
                     The demo answers to localhost, to addresses and to the name given by --host alone
${clusterHelp}  --json             Log lines of JSON
  --help             Print this

Behind a load balancer, each by default from the environment:
  --node-id <name>   Name of the node, which tickets contain (RTMS_NODE_ID, else random); with --nodes, -0, -1, … follow
  --role edge        Serve clients near it from copies of what the other nodes have, and own nothing (RTMS_ROLE, else
                     core). Needs --nats
  --public-url <url> What clients connect to, with {node} where the balancer looks for the name of the node:
                     wss://rt.example.com/rtms?route={node} (RTMS_PUBLIC_URL). {port} is the node's port, {host} the host
                     that the business was asked by
  --trusted-proxies <list>  Addresses, ranges such as 10.0.0.0/8, and loopback, with commas between them: whose
                     X-Forwarded-For is believed (RTMS_TRUSTED_PROXIES, else loopback)
  --origins <list>   Origins whose pages may connect, with commas between them, or * (RTMS_ORIGINS, else the same host)
  --metrics <who>    Who may read /metrics: loopback, public or off (RTMS_METRICS, else loopback)
  --drain <time>     How long a node of a cluster that is told to end (SIGTERM) may take to hand its meetings and clients
                     over to the others, such as 15s or 2m (RTMS_DRAIN, else ${DRAIN_S}s)

RTMS_LOG=debug in the environment prints more.
`

const SECRET_BYTES = 32
/** Threads of one process. */
const MOST_NODES = 64
const MOST_PORT = 65_535
/** Without a balancer, each node is reached by its own port, under the name that the business was asked by. */
const EACH_ON_ITS_PORT = 'ws://{host}:{port}/rtms?route={node}'
const MAKE_SECRET =
  'Make one and put it into the environment:\n  export RTMS_SECRET="$(openssl rand -hex 32)"'

const MAKE_KEY = MAKE_SECRET.replace('RTMS_SECRET', 'RTMS_API_KEY')

/** `rtms serve`: resolves once the node listens; the signals end it. */
export const serve: Command = {
  name: 'serve',
  summary: 'Run a node; with --dev the demo too',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      {
        port: { type: 'string' },
        host: { type: 'string' },
        secret: { type: 'string' },
        'api-key': { type: 'string' },
        admin: { type: 'string' },
        nodes: { type: 'string' },
        'node-id': { type: 'string' },
        role: { type: 'string' },
        'public-url': { type: 'string' },
        'trusted-proxies': { type: 'string' },
        origins: { type: 'string' },
        metrics: { type: 'string' },
        drain: { type: 'string' },
        ...clusterOptions,
        dev: { type: 'boolean', default: false },
      },
      [0, 0],
    )
    if (parsed !== null) await start(parsed.values)
  },
}

interface ServeOptions extends ClusterOptions {
  readonly port?: string | undefined
  readonly host?: string | undefined
  readonly secret?: string | undefined
  readonly 'api-key'?: string | undefined
  readonly admin?: string | undefined
  readonly nodes?: string | undefined
  readonly 'node-id'?: string | undefined
  readonly role?: string | undefined
  readonly 'public-url'?: string | undefined
  readonly 'trusted-proxies'?: string | undefined
  readonly origins?: string | undefined
  readonly metrics?: string | undefined
  readonly drain?: string | undefined
  readonly dev: boolean
  readonly json: boolean
}

async function start(options: ServeOptions): Promise<void> {
  const { dev } = options
  const count = parseCount(options.nodes, '--nodes') ?? 1
  if (count > MOST_NODES) throw new UsageError(`--nodes is ${count}, and ${MOST_NODES} is the most`)
  const key = apiKey(options)
  const settings = settingsOf(options, key)
  const style = { json: options.json, colorful: isColorful(process.stderr) }
  const logger = loggerOf(style)
  const bus = await busOf(options)
  let nodes: { readonly addresses: readonly Named[]; close(): Promise<void> }
  if (count === 1) {
    const node = await startNode(settings, bus, logger)
    nodes = { addresses: [['', node.address]], close: () => node.close() }
  } else {
    // On NATS there are others, whose names must differ.
    const { nodeId = bus === undefined ? 'rtms' : randomBytes(4).toString('hex') } = settings
    nodes = await Nodes.start(several(count, nodeId, settings), { cluster: options, style, logger })
  }
  announce(nodes.addresses, settings, logger)
  if (key !== undefined) announceApi(nodes.addresses, key, logger)
  if (dev && options.host === undefined)
    logger.info({}, 'Only this machine reaches it; --host 0.0.0.0 lets your network in')
  closeOnSignal(nodes, logger)
}

function settingsOf(options: ServeOptions, key: ApiKey | undefined): NodeSettings {
  const { dev } = options
  const port =
    options.port === undefined
      ? parsePort(process.env['PORT'] || DEFAULT_PORT, 'PORT in the environment')
      : parsePort(options.port, '--port')
  const given = options.secret ?? process.env['RTMS_SECRET'] ?? ''
  if (given === '' && !dev) {
    throw new UsageError(
      `a secret to sign tickets with is missing. ${MAKE_SECRET}\n` +
        'or try the demo, which makes one for itself: rtms serve --dev',
    )
  }
  if (given !== '' && Buffer.byteLength(given) < SECRET_BYTES)
    throw new UsageError(`the secret must have at least ${SECRET_BYTES} bytes. ${MAKE_SECRET}`)
  const origins = or(options.origins, 'RTMS_ORIGINS')
  return {
    dev,
    port,
    // With --dev, guests need no password, so it listens on this machine only unless told otherwise.
    host: options.host ?? (dev ? '127.0.0.1' : undefined),
    secret: given === '' ? randomBytes(32).toString('base64url') : given,
    api: key === undefined ? undefined : { keys: [key.text] },
    admin: adminOf(options, key !== undefined),
    nodeId: or(options['node-id'], 'RTMS_NODE_ID'),
    role: roleOf(or(options.role, 'RTMS_ROLE'), dev),
    publicUrl: or(options['public-url'], 'RTMS_PUBLIC_URL'),
    trustedProxies: listOf(or(options['trusted-proxies'], 'RTMS_TRUSTED_PROXIES')),
    origins: origins === '*' ? '*' : listOf(origins),
    metrics: metricsOf(or(options.metrics, 'RTMS_METRICS')),
    drainMs: (parseSeconds(or(options.drain, 'RTMS_DRAIN'), '--drain') ?? DRAIN_S) * 1_000,
  }
}

/** The settings of each of several nodes of this process. */
function several(count: number, nodeId: string, settings: NodeSettings): NamedSettings[] {
  const { port, publicUrl = EACH_ON_ITS_PORT } = settings
  if (port + count - 1 > MOST_PORT)
    throw new UsageError(`port ${port} and the ${count - 1} behind it go beyond ${MOST_PORT}`)
  return Array.from({ length: count }, (_, at) => ({
    ...settings,
    port: port === 0 ? 0 : port + at,
    nodeId: `${nodeId}-${at}`,
    publicUrl,
  }))
}

/** An option, else a variable of the environment; an empty one counts as none. */
function or(option: string | undefined, variable: string): string | undefined {
  return option ?? (process.env[variable] || undefined)
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((each) => each.trim())
}

function roleOf(role: string | undefined, dev: boolean): NodeRole | undefined {
  if (role === 'edge' && dev)
    throw new UsageError('--role edge goes without --dev: an edge opens no meetings, and the demo needs some')
  if (role === undefined || role === 'core' || role === 'edge') return role
  throw new UsageError(`--role is ${JSON.stringify(role)}, but core or edge was expected`)
}

function metricsOf(who: string | undefined): MetricsReaders | undefined {
  if (who === undefined || who === 'loopback' || who === 'public') return who
  if (who === 'off') return false
  throw new UsageError(`--metrics is ${JSON.stringify(who)}, but loopback, public or off was expected`)
}

interface ApiKey {
  readonly text: string
  readonly isMade: boolean
}

/** The key of the HTTP API; with --dev, one is made for this run where none is given. */
function apiKey(options: ServeOptions): ApiKey | undefined {
  const given = options['api-key'] ?? process.env['RTMS_API_KEY'] ?? ''
  if (given === '') return options.dev ? { text: randomBytes(32).toString('hex'), isMade: true } : undefined
  if (/^[\x21-\x7e]{32,512}$/.test(given)) return { text: given, isMade: false }
  throw new UsageError(`the key of the HTTP API must have 32 to 512 characters without spaces. ${MAKE_KEY}`)
}

/** By default nothing is open without a key, except on the developer's own machine. */
function adminOf({ admin, dev }: ServeOptions, hasKey: boolean): AdminReaders {
  if (admin === undefined) return dev ? 'loopback' : hasKey && 'key'
  if (admin === 'off') return false
  if (admin !== 'key' && admin !== 'loopback')
    throw new UsageError(`--admin is ${JSON.stringify(admin)}, but loopback, key or off was expected`)
  if (admin === 'key' && !hasKey) throw new UsageError(`--admin key needs a key of the HTTP API. ${MAKE_KEY}`)
  return admin
}

/** A node's name, '' where there is no other, and where it listens. */
type Named = readonly [name: string, address: Address]

const httpOf = ({ host, port }: Address): string => `http://${host}:${port}`

function announce(addresses: readonly Named[], { dev, admin }: NodeSettings, logger: Logger): void {
  const at = addresses[0] === undefined ? '' : httpOf(addresses[0][1])
  if (dev) {
    logger.warn({}, 'DEVELOPMENT MODE: whoever reaches this port gets in as a guest. Not for the public!')
    logger.info({}, `RTMS is up. Open ${at}`)
  } else if (addresses.length === 1)
    logger.info({}, `RTMS listens at ${at}. Clients need a ticket signed with the secret`)
  if (addresses.length > 1)
    for (const [name, address] of addresses) logger.info({}, `${name} listens at ${httpOf(address)}`)
  if (admin === false) return
  const how = admin === 'key' ? 'with the key of the HTTP API' : 'without a key, from this machine only'
  const where = addresses.length === 1 ? `The dashboard is at ${at}` : 'Each node has a dashboard at'
  logger.info({}, `${where}/admin/, ${how}`)
}

/** Prints where the API is. A key is shown only if it was made for this run. */
function announceApi(addresses: readonly Named[], { text, isMade }: ApiKey, logger: Logger): void {
  const at = addresses[0]?.[1].url.replace('ws', 'http')
  if (isMade) logger.info({}, `For the commands and the HTTP API: export RTMS_URL=${at} RTMS_KEY=${text}`)
  else if (addresses.length === 1) logger.info({}, `Its HTTP API is at ${at}/v1`)
  else logger.info({}, 'Each node has an HTTP API at /rtms/v1')
}

/** The first signal closes the node gracefully; a second one ends the process at once. */
function closeOnSignal(node: { close(): Promise<void> }, logger: Logger): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1)
    stopping = true
    logger.info({}, `${signal}: closing; once more to end at once`)
    node.close().then(
      () => {
        logger.info({}, 'Closed')
        process.exit(0)
      },
      (error: unknown) => {
        logger.error({ error }, 'Closing failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}
