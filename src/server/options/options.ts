import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { TlsOptions } from 'node:tls'
import type { BusConnector } from '../../bus/connector.ts'
import { inProcess } from '../../bus/in-process.ts'
import * as v from 'valibot'
import { defaultLimits, type Limits, serverLimits } from '../ground/limits.ts'
import { optionFaults } from '../ground/issues.ts'
import { isProxy } from '../ground/address-range.ts'
import { defined } from '../ground/defined.ts'
import { type Logger, loggerFor } from '../ground/logger.ts'
import type { NodeRole } from '../ground/place.ts'
import { type ApiOptions, apiSetting } from './api.ts'
import { isLogger, isOrigin, isPath, isTls, tlsFault, whyNoOrigin } from './checks.ts'
import { type TicketKeys, secretSetting, keysSetting, MAKE_A_SECRET } from './keys.ts'
import { isLabel, isNodeId, isPublicUrl, namesHost } from './public-url.ts'
import { isCount, isText, listSetting, setting } from './setting.ts'
import { show } from '../ground/show.ts'
import { type TopicsOptions, topicsFaults } from './topics.ts'
import { type RequestsOptions, requestsSetting } from './webhook.ts'

/** Who may use the dashboard and, through it, the HTTP API: see {@link RtmsOptions.admin}. */
export type AdminReaders = 'loopback' | 'key' | false

/** Who may read the metrics over HTTP. */
export type MetricsReaders = 'loopback' | 'public' | false

/** Which clients are moved to the node that owns their meeting. */
export type Moved = 'members' | 'all' | false

/** What {@link Rtms.start} takes. */
export interface RtmsOptions {
  /** TCP port of a server of its own: 0–65535, 0 for any free one. Default 7788. Not together with `server`. */
  readonly port?: number | undefined
  /** Address to listen on. Default: all. Not together with `server`. */
  readonly host?: string | undefined
  /**
   * Serves TLS: the key, the certificate and other options of `https.createServer`; clients connect by wss.
   * `rtms.setTls` replaces them. Default: plain TCP, for a proxy in front that speaks TLS. Not together with `server`.
   */
  readonly tls?: TlsOptions | undefined
  /**
   * Attaches to this server instead: only upgrades to `path` are handled, and closing the server is left to its owner.
   * False: listens nowhere; give upgrades to `rtms.handleUpgrade`, and name in `publicUrl` where clients connect.
   */
  readonly server?: HttpServer | HttpsServer | false | undefined
  /**
   * With a server of its own: answers requests other than `/healthz`, `/readyz` and `/metrics`. What it throws or
   * rejects with is logged and answered 500. Default: 404.
   */
  readonly handler?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /**
   * With a server of its own: who may read `/metrics`. Default 'loopback': clients on this machine that ask by a name
   * of the loopback and whose request no proxy has forwarded; others are answered 404. `false`: nobody, and the path is
   * the handler's.
   */
  readonly metrics?: MetricsReaders | undefined
  /** Where clients connect. Default '/rtms'. */
  readonly path?: string | undefined
  /** Shared secret of at least 32 bytes that signs tickets (HS256). Either this or `keys`. */
  readonly secret?: string | undefined
  readonly keys?: TicketKeys | undefined
  /** Who issues the tickets (`iss`). Default 'rtms'. */
  readonly issuer?: string | undefined
  /**
   * The audience of the tickets (`aud`): it goes into tickets issued here, and tokens for another audience are refused.
   * Set it where the same keys sign tokens for several services. Default: any audience, and none in the tickets.
   */
  readonly audience?: string | undefined
  /**
   * The URL by which clients reach this node, with a part for the load balancer to find it by: `{node}` stands for the
   * id of the node, `{port}` for the port it listens on, `{host}` for the host (without port) of the ticket's request.
   * For instance 'wss://rt.example.com/rtms?route={node}', 'wss://rt.example.com/n/{node}/rtms' or
   * 'wss://{node}.rt.example.com/rtms'. Where `{node}` is missing, `route={node}` is added to the query. Default: from
   * the ticket's `host`, or from the address.
   */
  readonly publicUrl?: string | undefined
  /**
   * Origins whose pages may connect, exactly as browsers send them, or '*' for all. `https://*.example.com` stands for
   * all names below `example.com`, 'null' for pages without an origin. Default: the origin's host must be
   * the host of the request, on any port where `publicUrl` has `{port}`. A client that sends no Origin, which is not a
   * browser, may always connect.
   */
  readonly origins?: readonly string[] | '*' | undefined
  /**
   * Whether clients may compress what they send (permessage-deflate); a message that unpacks to more than a packet is
   * answered 1009. Packets to clients are shared among them and not compressed. Default false: inputs are too small to
   * gain from it.
   */
  readonly compression?: boolean | undefined
  /**
   * Proxies in front of this node: addresses, ranges (`10.0.0.0/8`) and 'loopback'. Connections are counted by the
   * address that these proxies name in `X-Forwarded-For` or `Forwarded` (RFC 7239): the last one that is not in the
   * list. Where both headers are there and differ, one of them is the client's own, and all such connections count as
   * one address. A connection that names only listed addresses is not counted. Default ['loopback'].
   */
  readonly trustedProxies?: readonly string[] | undefined
  /**
   * Name of this node in the cluster and in the URLs of its tickets, where no other node has it: 1–64 of A–Z a–z 0–9 _
   * -. As a part of a host name (see `publicUrl`): 1–63 of a–z 0–9 -, with no - at either end. Give the same one when
   * the node is started anew: the others then know that its former run has ended. Default: random.
   */
  readonly nodeId?: string | undefined
  /**
   * The bus to the other nodes of the cluster, for instance `nats({ … })` of `rtms/nats`. A node listens and serves its
   * clients with or without it. Default: none, for a node alone.
   */
  readonly bus?: BusConnector | undefined
  /**
   * 'edge': the node serves clients near it, from copies of what the others have. It opens no meetings, takes none over,
   * and remembers no names or users for the cluster, so it may be far from the others, and may come and go. It needs
   * `bus`. Default 'core'. See docs/cluster.md.
   */
  readonly role?: NodeRole | undefined
  /**
   * Which clients are asked to move to the node that owns their meeting, where they are served by a copy of it: those
   * with a member's seat, or spectators as well. Default 'members', on an edge false: none. See docs/cluster.md.
   */
  readonly moves?: Moved | undefined
  /** Limits to change; the others stay as in `defaultLimits`. */
  readonly limits?: { readonly [K in keyof Limits]?: number | undefined } | undefined
  /** Concurrent request handlers on this node; one more request is answered BUSY. Default 1000. */
  readonly maxHandlers?: number | undefined
  /** The HTTP API for business servers, under `<path>/v1/`. Default: off. See docs/http-api.md. */
  readonly api?: ApiOptions | undefined
  /**
   * The dashboard at `/admin/`, and who may use it. 'loopback': a browser on this machine whose request no proxy has
   * forwarded, or a user with a key; unsuitable where a proxy on this machine does not announce itself. 'key': a user
   * with one of `api.keys`. When attached to a server: pass requests to `rtms.admin`. Default false: no dashboard.
   */
  readonly admin?: AdminReaders | undefined
  /**
   * For trying out, never in production: whoever may write by the HTTP API or the dashboard may also cut this node off
   * the bus for a while, and kill its process. Default false; `rtms serve --dev` sets it.
   */
  readonly faults?: boolean | undefined
  /** The URL of the business for requests without a handler of `onRequest`. Default: they are answered NO_HANDLER. */
  readonly requests?: RequestsOptions | undefined
  /**
   * What topics keep, by names or patterns: `{ 'stock.*': { entries: 500, ageMs: 300_000 } }`, as `topics.define` takes
   * it; of several that match, the first. Default: `defaultRetention`.
   */
  readonly topics?: TopicsOptions | undefined
  /**
   * Gets at most ten lines a minute of each message at level warn and error; `count` in the next line says for how many
   * it stands. Default: the console, for warnings and errors. Null or false: none.
   */
  readonly logger?: Logger | null | false | undefined
}

/** The options with every default filled in. */
export interface Settings {
  readonly port: number
  readonly host: string | undefined
  readonly tls: TlsOptions | undefined
  readonly server: HttpServer | HttpsServer | false | undefined
  readonly handler: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  readonly metrics: MetricsReaders
  readonly path: string
  readonly secret: string | undefined
  readonly keys: TicketKeys | undefined
  readonly issuer: string
  readonly audience: string | undefined
  readonly publicUrl: string | undefined
  readonly origins: readonly string[] | '*' | undefined
  readonly compression: boolean
  readonly trustedProxies: readonly string[]
  readonly nodeId: string | undefined
  readonly bus: BusConnector
  /** Whether the bus leads to other nodes. */
  readonly isClustered: boolean
  readonly role: NodeRole
  readonly moves: Moved
  readonly limits: Limits
  readonly maxHandlers: number
  readonly api: ApiOptions | undefined
  readonly admin: AdminReaders
  readonly faults: boolean
  readonly requests: RequestsOptions | undefined
  readonly topics: TopicsOptions
  readonly logger: Logger
}

const DEFAULT_PORT = 7788

const schema = v.strictObject({
  port: setting<number>(
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535,
    'an integer from 0 to 65535',
    `give 0 for any free port, or leave it out for ${DEFAULT_PORT}`,
  ),
  host: setting<string>(isText, 'an address or host name', 'leave it out to listen on all addresses'),
  tls: setting<TlsOptions>(
    isTls,
    'an object with key and cert, or pfx',
    'give both as `readFile` returns them, in PEM',
  ),
  server: setting<HttpServer | false>(
    (value) => value === false || value instanceof HttpServer || value instanceof HttpsServer,
    'an http.Server, an https.Server or false',
    'give what `createServer` returned, not the application that handles its requests',
  ),
  handler: setting<NonNullable<RtmsOptions['handler']>>(
    (value) => typeof value === 'function',
    'a function of request and response',
    'leave it out to answer 404',
  ),
  metrics: setting<MetricsReaders>(
    (value) => value === 'loopback' || value === 'public' || value === false,
    "'loopback', 'public' or false",
    "leave it out for 'loopback'",
  ),
  path: setting<string>(
    isPath,
    "a path that begins with '/' and has no query and no steps",
    "leave it out for '/rtms'",
  ),
  secret: secretSetting,
  keys: keysSetting,
  issuer: setting<string>(isText, 'a text that is not empty', "leave it out for 'rtms'"),
  audience: setting<string>(isText, 'a text that is not empty', 'leave it out to take any'),
  publicUrl: setting<string>(
    isPublicUrl,
    'a ws:// or wss:// URL without user or fragment, in which {node}, {port} and {host} may stand',
    "give what clients connect to, for instance 'wss://rt.example.com/rtms?route={node}'",
  ),
  origins: listSetting<readonly string[] | '*'>(
    isOrigin,
    "'*' or an array of origins such as 'https://example.com', 'https://*.example.com' and 'null'",
    'write each as browsers do: scheme and host in lower case, and the port where it is not the usual one; * stands only for whole names in front of a host',
    { why: whyNoOrigin, also: '*' },
  ),
  compression: setting<boolean>(
    (value) => typeof value === 'boolean',
    'true or false',
    'leave it out for false',
  ),
  trustedProxies: listSetting<readonly string[]>(
    isProxy,
    "an array of addresses, ranges such as '10.0.0.0/8', and 'loopback'",
    "leave it out for ['loopback'], give [] to trust none",
  ),
  nodeId: setting<string>(isNodeId, '1 to 64 letters, digits, _ or -', 'leave it out for a random one'),
  bus: setting<BusConnector>(
    (value) =>
      typeof value === 'object' && value !== null && typeof Reflect.get(value, 'connect') === 'function',
    'what `nats()` of rtms/nats returns',
    'leave it out for a node alone',
  ),
  role: setting<NodeRole>(
    (value) => value === 'core' || value === 'edge',
    "'core' or 'edge'",
    "leave it out for 'core'",
  ),
  moves: setting<Moved>(
    (value) => value === 'members' || value === 'all' || value === false,
    "'members', 'all' or false",
    "leave it out for 'members', on an edge for false",
  ),
  limits: v.optional(
    v.strictObject(
      Object.fromEntries(
        Object.entries(defaultLimits).map(([name, value]) => [
          name,
          setting<number>(isCount, 'an integer above 0', `leave it out for ${value}`),
        ]),
      ),
      (issue) => `${issue.received} was given; expected an object of numbers; leave it out for the defaults`,
    ),
  ),
  maxHandlers: setting<number>(isCount, 'an integer above 0', `leave it out for ${serverLimits.handlers}`),
  api: apiSetting,
  admin: setting<AdminReaders>(
    (value) => value === 'loopback' || value === 'key' || value === false,
    "'loopback', 'key' or false",
    'leave it out for no dashboard',
  ),
  faults: setting<boolean>((value) => typeof value === 'boolean', 'true or false', 'leave it out for false'),
  requests: requestsSetting,
  // By topicsFaults.
  topics: v.optional(v.custom<TopicsOptions>(() => true)),
  logger: setting<Logger | null | false>(
    (value) => value === null || value === false || isLogger(value),
    'an object with debug, info, warn and error, null or false',
    'give a pino logger, leave it out for warnings and errors on the console, or give null to log nothing',
  ),
})

/** One line per fault, each beginning with its option. */
function faultsOf(options: unknown): string[] {
  const given = options ?? {}
  const { issues = [] } = v.safeParse(schema, given)
  const faults = optionFaults(issues, schema)
  if (typeof given === 'object') faults.push(...conflictsOf(given))
  return faults
}

/** Faults of combinations of options. */
function conflictsOf(options: RtmsOptions): string[] {
  const { server, port, host, tls, handler, metrics, secret, keys } = options
  const faults: string[] = topicsFaults(options.topics)
  if (secret === undefined && keys === undefined) {
    faults.push(
      `secret: it is missing, and so is keys; expected one of them to sign tickets with; ${MAKE_A_SECRET}`,
    )
  }
  if (secret !== undefined && keys !== undefined) {
    faults.push('keys: both it and secret were given; expected one of them; remove the one you do not use')
  }
  if (
    typeof keys === 'object' &&
    keys !== null &&
    (keys.verify === undefined) === (keys.jwks === undefined)
  ) {
    faults.push(
      'keys: expected either verify, with the public key, or jwks, with the URL where the issuer publishes it; give one of them',
    )
  }
  if (options.admin === 'key' && options.api === undefined) {
    faults.push(
      "admin: 'key' was given without api; expected keys that open the dashboard; give api: { keys }",
    )
  }
  if (options.role === 'edge' && options.bus === undefined) {
    faults.push(
      "role: 'edge' was given without bus; expected the bus to the nodes that have the meetings; give bus, or leave role out",
    )
  }
  const { publicUrl, nodeId } = options
  if (isNodeId(nodeId) && isPublicUrl(publicUrl) && namesHost(publicUrl ?? '') && !isLabel(nodeId ?? '')) {
    faults.push(
      `nodeId: ${show(nodeId)} was given, and publicUrl puts it into a host name; expected 1 to 63 lower-case letters, digits or -, ` +
        'with no - at either end; choose another, or put {node} into the path of publicUrl',
    )
  }
  const fault = isTls(tls) ? tlsFault(tls) : null
  if (fault !== null) faults.push(fault)
  if (server === undefined) return faults
  for (const [name, value] of Object.entries({ port, host, tls, handler, metrics })) {
    if (value === undefined) continue
    faults.push(
      `${name}: it was given together with server; expected one of them; remove ${name}, which the server's owner decides`,
    )
  }
  return faults
}

/** Checks the options and fills in defaults. Throws one Error that lists every fault. */
export function settle(options: RtmsOptions): Settings {
  const faults = faultsOf(options)
  if (faults.length > 0)
    throw new Error(`RTMS cannot start:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
  return {
    port: options.port ?? DEFAULT_PORT,
    host: options.host,
    tls: options.tls,
    server: options.server,
    handler: options.handler,
    metrics: options.metrics ?? 'loopback',
    path: options.path ?? '/rtms',
    secret: options.secret,
    keys: options.keys,
    issuer: options.issuer ?? 'rtms',
    audience: options.audience,
    publicUrl: options.publicUrl,
    origins: options.origins,
    compression: options.compression ?? false,
    trustedProxies: options.trustedProxies ?? ['loopback'],
    nodeId: options.nodeId,
    bus: options.bus ?? inProcess(),
    isClustered: options.bus !== undefined,
    role: options.role ?? 'core',
    moves: options.moves ?? (options.role === 'edge' ? false : 'members'),
    faults: options.faults ?? false,
    limits: { ...defaultLimits, ...defined(options.limits ?? {}) },
    maxHandlers: options.maxHandlers ?? serverLimits.handlers,
    api: options.api,
    admin: options.admin ?? false,
    requests: options.requests,
    topics: options.topics ?? {},
    logger: loggerFor(options.logger),
  }
}
