import { randomBytes } from 'node:crypto'
import type { Logger } from '../../server/index.ts'
import { loggerOf } from '../logger.ts'
import { type Command, isColorful, parseCommand, parseCount, UsageError } from '../usage.ts'
import { announce, type Named } from './announce.ts'
import { busOf, clusterHelp, clusterOptions } from './cluster.ts'
import { startNode } from './node.ts'
import { Nodes } from './nodes.ts'
import { DEFAULT_PORT, DRAIN_S, type ServeOptions, serveOptions, settingsOf, several } from './settings.ts'

const help = `Run an RTMS node

Usage: rtms serve [options]

Options:
  --config <file>    Options in a file of JSON, those of Rtms.start: {"port": 7788, "origins": ["https://example.com"]}.
                     What is given here or in the environment goes before it (RTMS_CONFIG)
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

In production, each by default from the environment:
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
  --requests-url <url>  Where clients' requests are delivered, signed with --requests-secret (RTMS_REQUESTS_URL and
                     RTMS_REQUESTS_SECRET, else they are answered NO_HANDLER)
  --limits <list>    Limits to change, with commas between them: sessionKeepMs=60000,requestsPerUser=50 (RTMS_LIMITS)
  --drain <time>     How long a node of a cluster that is told to end (SIGTERM) may take to hand its meetings and clients
                     over to the others, such as 15s or 2m (RTMS_DRAIN, else ${DRAIN_S}s)

RTMS_LOG=debug in the environment prints more.
`

/** Threads of one process. */
const MOST_NODES = 64

/** `rtms serve`: resolves once the node listens; the signals end it. */
export const serve: Command = {
  name: 'serve',
  summary: 'Run a node; with --dev the demo too',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      { ...serveOptions, ...clusterOptions, dev: { type: 'boolean', default: false } },
      [0, 0],
    )
    if (parsed !== null) await start(parsed.values)
  },
}

async function start(options: ServeOptions): Promise<void> {
  const count = parseCount(options.nodes, '--nodes') ?? 1
  if (count > MOST_NODES) throw new UsageError(`--nodes is ${count}, and ${MOST_NODES} is the most`)
  const style = { json: options.json, colorful: isColorful(process.stderr) }
  const logger = loggerOf(style)
  const { settings, madeKey } = await settingsOf(options, (message) => logger.warn({}, message))
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
  announce(nodes.addresses, settings, madeKey, logger)
  if (settings.dev && settings.host === '127.0.0.1')
    logger.info({}, 'Only this machine reaches it; --host 0.0.0.0 lets your network in')
  closeOnSignal(nodes, logger)
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
