import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AdminReaders, MetricsReaders, NodeRole, RtmsOptions } from '../../server/index.ts'
import { defined } from '../../server/ground/defined.ts'
import { parsePort, parseSeconds, UsageError } from '../usage.ts'
import type { ClusterOptions } from './cluster.ts'
import { called, or } from './given.ts'
import type { FileOptions, NodeSettings } from './node.ts'
import type { NamedSettings } from './nodes.ts'

export const DEFAULT_PORT = '7788'
/** Less than what Kubernetes and others give a process that is told to end: 30 s, some of which the balancer needs. */
export const DRAIN_S = 15

const SECRET_BYTES = 32
const MOST_PORT = 65_535
/** Without a balancer, each node is reached by its own port, under the name that the business was asked by. */
const EACH_ON_ITS_PORT = 'ws://{host}:{port}/rtms?route={node}'
const MAKE_SECRET =
  'Make one and put it into the environment:\n  export RTMS_SECRET="$(openssl rand -hex 32)"'

const MAKE_KEY = MAKE_SECRET.replace('RTMS_SECRET', 'RTMS_API_KEY')

export const serveOptions = {
  config: { type: 'string' },
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
  'requests-url': { type: 'string' },
  'requests-secret': { type: 'string' },
  limits: { type: 'string' },
  drain: { type: 'string' },
} as const

export type ServeOptions = ClusterOptions & {
  readonly [K in keyof typeof serveOptions]?: string | undefined
} & { readonly dev: boolean; readonly json: boolean }

/** Says what is odd, and does not keep the node from starting. */
type Warn = (message: string) => void

/** What the options say, the environment or else the file. */
export async function settingsOf(
  options: ServeOptions,
  warn: Warn,
): Promise<{
  readonly settings: NodeSettings
  /** The key of the HTTP API, where one was made for this run: nobody else knows it. */
  readonly madeKey: string | undefined
}> {
  const { dev } = options
  const path = or(options.config, 'RTMS_CONFIG')
  const file = path === undefined ? {} : await fileOf(path, called(options.config, '--config', 'RTMS_CONFIG'))
  const key = apiKey(options)
  const origins = or(options.origins, 'RTMS_ORIGINS')
  const madeKey =
    key === undefined && dev && file.api === undefined ? randomBytes(32).toString('hex') : undefined
  const keys = key ?? madeKey
  const api = keys === undefined ? file.api : { ...file.api, keys: [keys] }
  const limits = limitsOf(options)
  const given = {
    host: options.host,
    secret: secretOf(options, file),
    api,
    nodeId: or(options['node-id'], 'RTMS_NODE_ID'),
    role: roleOf(options, file.role),
    publicUrl: or(options['public-url'], 'RTMS_PUBLIC_URL'),
    trustedProxies: listOf(or(options['trusted-proxies'], 'RTMS_TRUSTED_PROXIES')),
    origins: origins === '*' ? ('*' as const) : listOf(origins),
    metrics: metricsOf(options),
    requests: requestsOf(options, file, warn),
    limits: limits && { ...file.limits, ...limits },
  }
  const settings = {
    // With --dev, guests need no password, so it listens on this machine only unless told otherwise.
    ...(dev ? { host: '127.0.0.1' } : {}),
    ...file,
    ...defined(given),
    port: portOf(options, file, path),
    admin: adminOf(options, file, api !== undefined),
    dev,
    drainMs:
      (parseSeconds(or(options.drain, 'RTMS_DRAIN'), called(options.drain, '--drain', 'RTMS_DRAIN')) ??
        DRAIN_S) * 1_000,
  }
  return { settings, madeKey }
}

/** The settings of each of several nodes of this process. */
export function several(count: number, nodeId: string, settings: NodeSettings): NamedSettings[] {
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

/** Options of a node that no file can say. */
const NOT_IN_FILES = ['server', 'handler', 'bus', 'logger', 'faults']

/** The options of a file; what they are worth, the start of the node says. */
async function fileOf(path: string, name: string): Promise<FileOptions> {
  let options: unknown
  try {
    options = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`${name} ${path} cannot be read: ${(error as Error).message}`)
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new UsageError(`${name} ${path} must hold one object of JSON, such as {"port": 7788}`)
  for (const option of NOT_IN_FILES)
    if (Object.hasOwn(options, option))
      throw new UsageError(`${name} ${path}: ${option} cannot be said in a file`)
  return options
}

function portOf(options: ServeOptions, file: FileOptions, path: string | undefined): number {
  if (options.port !== undefined) return parsePort(options.port, '--port')
  const said = or(undefined, 'PORT')
  if (said !== undefined) return parsePort(said, 'PORT in the environment')
  return file.port === undefined ? Number(DEFAULT_PORT) : parsePort(String(file.port), `port in ${path}`)
}

/** The secret that signs tickets; with --dev, one is made where there is none. Undefined with keys in the file. */
function secretOf(options: ServeOptions, file: FileOptions): string | undefined {
  const given = options.secret ?? (process.env['RTMS_SECRET'] || (file.secret ?? ''))
  if (given !== '' && file.keys !== undefined && file.secret === undefined)
    throw new UsageError(
      `${called(options.secret, '--secret', 'RTMS_SECRET in the environment')} and keys in the file were both given: ` +
        'tickets are signed with one of them. Remove the other',
    )
  if (given === '') {
    if (file.keys !== undefined) return undefined
    if (options.dev) return randomBytes(32).toString('base64url')
    throw new UsageError(
      `a secret to sign tickets with is missing. ${MAKE_SECRET}\n` +
        'or try the demo, which makes one for itself: rtms serve --dev',
    )
  }
  if (Buffer.byteLength(given) < SECRET_BYTES)
    throw new UsageError(`the secret must have at least ${SECRET_BYTES} bytes. ${MAKE_SECRET}`)
  return given
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((each) => each.trim())
}

/** `name=number`, with commas between them. Which names there are, the start of the node says. */
function limitsOf(options: ServeOptions): Record<string, number> | undefined {
  const text = or(options.limits, 'RTMS_LIMITS')
  if (text === undefined) return undefined
  const limits = text.split(',').map((each): [string, number] => {
    const [, name, number] = /^\s*(\w+)\s*=\s*(\d{1,15})\s*$/.exec(each) ?? []
    if (name !== undefined) return [name, Number(number)]
    const wanted = 'but a limit and a number were expected, such as sessionKeepMs=60000'
    throw new UsageError(
      `${called(options.limits, '--limits', 'RTMS_LIMITS')} has ${JSON.stringify(each)}, ${wanted}`,
    )
  })
  return Object.fromEntries(limits)
}

function requestsOf(options: ServeOptions, file: FileOptions, warn: Warn): RtmsOptions['requests'] {
  const url = or(options['requests-url'], 'RTMS_REQUESTS_URL')
  const secret = or(options['requests-secret'], 'RTMS_REQUESTS_SECRET')
  if (url === undefined && secret === undefined) return file.requests
  const { url: known, secret: knownSecret, ...rest } = file.requests ?? { url: undefined, secret: undefined }
  const [to, by] = [url ?? known, secret ?? knownSecret]
  if (to === undefined) {
    const without = 'goes with --requests-url (RTMS_REQUESTS_URL): the URL that requests are sent to'
    if (options['requests-secret'] !== undefined) throw new UsageError(`--requests-secret ${without}`)
    // An environment may be shared with the server that requests are sent to.
    warn(`RTMS_REQUESTS_SECRET is not used: it ${without}`)
    return file.requests
  }
  if (by === undefined) {
    const name = called(options['requests-url'], '--requests-url', 'RTMS_REQUESTS_URL')
    throw new UsageError(
      `${name} needs a secret, which tells the receiver who asks. ` +
        MAKE_SECRET.replace('RTMS_SECRET', 'RTMS_REQUESTS_SECRET'),
    )
  }
  return { ...rest, url: to, secret: by }
}

function roleOf(options: ServeOptions, ofFile: NodeRole | undefined): NodeRole | undefined {
  const role = or(options.role, 'RTMS_ROLE') ?? ofFile
  if (role === 'edge' && options.dev)
    throw new UsageError('--role edge goes without --dev: an edge opens no meetings, and the demo needs some')
  if (role === undefined || role === 'core' || role === 'edge') return role
  const name = ofFile === role ? 'role' : called(options.role, '--role', 'RTMS_ROLE')
  throw new UsageError(`${name} is ${JSON.stringify(role)}, but core or edge was expected`)
}

function metricsOf(options: ServeOptions): MetricsReaders | undefined {
  const who = or(options.metrics, 'RTMS_METRICS')
  if (who === undefined || who === 'loopback' || who === 'public') return who
  if (who === 'off') return false
  const name = called(options.metrics, '--metrics', 'RTMS_METRICS')
  throw new UsageError(`${name} is ${JSON.stringify(who)}, but loopback, public or off was expected`)
}

/** The key of the HTTP API. */
function apiKey(options: ServeOptions): string | undefined {
  const given = options['api-key'] ?? process.env['RTMS_API_KEY'] ?? ''
  if (given === '') return undefined
  if (/^[\x21-\x7e]{32,512}$/.test(given)) return given
  throw new UsageError(`the key of the HTTP API must have 32 to 512 characters without spaces. ${MAKE_KEY}`)
}

/** By default nothing is open without a key, except on the developer's own machine. */
function adminOf({ admin, dev }: ServeOptions, file: FileOptions, hasKey: boolean): AdminReaders {
  if (admin === undefined) return file.admin ?? (dev ? 'loopback' : hasKey && 'key')
  if (admin === 'off') return false
  if (admin !== 'key' && admin !== 'loopback')
    throw new UsageError(`--admin is ${JSON.stringify(admin)}, but loopback, key or off was expected`)
  if (admin === 'key' && !hasKey) throw new UsageError(`--admin key needs a key of the HTTP API. ${MAKE_KEY}`)
  return admin
}
