import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Address, AdminReaders, Logger, Rtms } from '../server/index.ts'
import { busOf, clusterHelp, type ClusterOptions } from './cluster.ts'
import { jsonLogger, terminalLogger } from './logger.ts'
import { type Command, parseCommand, parsePort, UsageError } from './usage.ts'

const DEFAULT_PORT = '7788'

const help = `Run an RTMS node

Usage: rtms serve [options]

Options:
  --port <number>    Port to listen on; 0: any free one (default: PORT in the environment, else ${DEFAULT_PORT})
  --host <address>   Address to listen on (default: all; with --dev: 127.0.0.1, this machine only)
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

RTMS_LOG=debug in the environment prints more.
`

const SECRET_BYTES = 32
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
        nats: { type: 'string' },
        'nats-credentials': { type: 'string' },
        'cluster-secret': { type: 'string' },
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
  readonly dev: boolean
  readonly json: boolean
}

async function start(options: ServeOptions): Promise<void> {
  const { dev } = options
  const port =
    options.port === undefined
      ? parsePort(process.env['PORT'] || DEFAULT_PORT, 'PORT in the environment')
      : parsePort(options.port, '--port')
  // With --dev, guests need no password, so it listens on this machine only unless told otherwise.
  const host = options.host ?? (dev ? '127.0.0.1' : undefined)
  const given = options.secret ?? process.env['RTMS_SECRET'] ?? ''
  if (given === '' && !dev) {
    throw new UsageError(
      `a secret to sign tickets with is missing. ${MAKE_SECRET}\n` +
        'or try the demo, which makes one for itself: rtms serve --dev',
    )
  }
  if (given !== '' && Buffer.byteLength(given) < SECRET_BYTES)
    throw new UsageError(`the secret must have at least ${SECRET_BYTES} bytes. ${MAKE_SECRET}`)

  const key = apiKey(options)
  const logger = options.json ? jsonLogger() : terminalLogger()
  const secret = given === '' ? randomBytes(32).toString('base64url') : given
  const api = key === undefined ? {} : { api: { keys: [key.text] } }
  const admin = adminOf(options, key !== undefined)
  const bus = await busOf(options)
  const settings = { port, host, secret, logger, admin, bus, ...api }
  let node: { readonly rtms: Rtms; close(): Promise<void> }
  try {
    // Loaded here: every other command, and every wrong call, is over sooner without the server.
    if (dev) node = await (await import('../demo/index.ts')).startDemo(settings, demoPages())
    else {
      const rtms = await (await import('../server/index.ts')).Rtms.start(settings)
      node = { rtms, close: () => rtms.close() }
    }
  } catch (error) {
    throw explained(error, port, host)
  }
  announce(node.rtms.address, dev, logger)
  if (key !== undefined) announceApi(node.rtms.address.url, key, logger)
  if (admin !== false) announceAdmin(node.rtms.address, admin, logger)
  if (dev && options.host === undefined)
    logger.info({}, 'Only this machine reaches it; --host 0.0.0.0 lets your network in')
  closeOnSignal(node, logger)
}

/** The key of the HTTP API; with --dev, one is made for this run where none is given. */
function apiKey(options: ServeOptions): { readonly text: string; readonly isMade: boolean } | undefined {
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

/** The folder of the built pages, beside this file's folder. */
function demoPages(): string {
  const folder = fileURLToPath(new URL('../web', import.meta.url))
  if (existsSync(folder)) return folder
  throw new UsageError('the pages of the demo are not built. Build them first: npm run build')
}

/** Explains an error of the address in terms of the options. */
function explained(error: unknown, port: number, host: string | undefined): unknown {
  const { code } = (error instanceof Error ? (error.cause ?? error) : {}) as NodeJS.ErrnoException
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
  return error
}

function announce({ host, port }: Address, dev: boolean, logger: Logger): void {
  const url = `http://${host}:${port}`
  if (!dev) logger.info({}, `RTMS listens at ${url}. Clients need a ticket signed with the secret`)
  else {
    logger.warn({}, 'DEVELOPMENT MODE: whoever reaches this port gets in as a guest. Not for the public!')
    logger.info({}, `RTMS is up. Open ${url}`)
  }
}

/** Prints where the API is. A key is shown only if it was made for this run. */
function announceApi(
  url: string,
  { text, isMade }: { readonly text: string; readonly isMade: boolean },
  logger: Logger,
): void {
  const at = url.replace('ws', 'http')
  if (!isMade) logger.info({}, `Its HTTP API is at ${at}/v1`)
  else logger.info({}, `For the commands and the HTTP API: export RTMS_URL=${at} RTMS_KEY=${text}`)
}

function announceAdmin({ host, port }: Address, admin: 'loopback' | 'key', logger: Logger): void {
  const how = admin === 'key' ? 'with the key of the HTTP API' : 'without a key, from this machine only'
  logger.info({}, `The dashboard is at http://${host}:${port}/admin/, ${how}`)
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
