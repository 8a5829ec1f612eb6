import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { type Application, type DrainProgress, isCutOff, type NodeConfig, type Stats } from '../core/index.ts'
import { Api, apiBase } from './api/api.ts'
import type { Metric, Past } from './api/operation.ts'
import { Webhook } from './api/webhook.ts'
import type { Contract, Lacking, NameIn, RequestOf } from '../protocol/index.ts'
import { type Authorize, Authorizer } from './business/authorizer.ts'
import { Cluster } from './business/cluster.ts'
import { type Connected, type Disconnected, Hooks } from './business/hooks.ts'
import { Listeners } from './business/listeners.ts'
import { Meetings } from './business/meetings.ts'
import { Peers } from './business/peers.ts'
import { Publications } from './business/publications.ts'
import { RequestHandlers, type RequestHandler } from './business/requests.ts'
import { checkSchema, type Schema } from './business/schema.ts'
import { Searches } from './business/searches.ts'
import { Topics } from './business/topics.ts'
import { Users } from './business/users.ts'
import { AdminPages } from './edge/admin.ts'
import { Front, ticketUrlOf } from './edge/front.ts'
import { type Address, type Health, type Readiness, targetOf } from './edge/http.ts'
import { Gateway } from './edge/transport.ts'
import { NodeWatch } from './edge/watch.ts'
import { InTurn } from './ground/in-turn.ts'
import { type Outside, runtime } from './ground/outside.ts'
import { lineageOf } from './ground/lineage.ts'
import { drain, type DrainOptions } from './draining.ts'
import { Faults } from './faults.ts'
import { logName } from './ground/log-name.ts'
import type { Logger } from './ground/logger.ts'
import { SeldomWarning } from './ground/seldom-warning.ts'
import { checkNames } from '../spelling/meant.ts'
import { Host } from './host.ts'
import { History } from './history.ts'
import { Metrics } from './metrics.ts'
import { type RtmsOptions, settle, type Settings } from './options/options.ts'
import { Tickets, type TicketsHost } from './tickets/tickets.ts'

const DEFAULT_CLOSE_MS = 5_000

/**
 * One node of RTMS inside a business server. `C` is the type of what the business and its clients say to each other.
 */
export class Rtms<C extends Contract = Contract> {
  readonly cluster: Cluster
  readonly meetings: Meetings<C>
  readonly tickets: Tickets
  readonly topics: Topics<C>
  readonly users: Users<C>
  readonly #host: Host
  readonly #requests: RequestHandlers
  readonly #connects: Hooks<Connected>
  readonly #disconnects: Hooks<Disconnected>
  readonly #authorizer: Authorizer
  readonly #gateway: Gateway
  readonly #watch: NodeWatch
  readonly #front: Front
  readonly #metrics: Metrics
  /** Metrics for the API alone: values that cover the time since the last read must not be taken from Prometheus. */
  readonly #measured: Metrics
  readonly #past: History | null
  readonly #api: Api
  readonly #pages: AdminPages | null
  readonly #faults: Faults | null
  readonly #apiPath: string
  readonly #readyLatenessMs: number
  readonly #startedAt: number
  #closed: Promise<void> | null = null
  #drained: Promise<DrainProgress> | null = null
  readonly #logger: Logger

  private constructor(parts: {
    host: Host
    peers: Peers
    publications: Publications
    listeners: Listeners
    tickets: Tickets
    requests: RequestHandlers
    connects: Hooks<Connected>
    disconnects: Hooks<Disconnected>
    authorizer: Authorizer
    gateway: Gateway
    watch: NodeWatch
    front: Front
    settings: Settings
    pages: AdminPages | null
    faults: Faults | null
  }) {
    this.#host = parts.host
    this.#startedAt = parts.host.outside.now()
    this.#requests = parts.requests
    this.#connects = parts.connects
    this.#disconnects = parts.disconnects
    this.#authorizer = parts.authorizer
    this.#gateway = parts.gateway
    this.#watch = parts.watch
    this.#front = parts.front
    const { remoteKeys } = parts.tickets
    const isOwn = parts.settings.server === undefined
    this.#metrics = new Metrics(parts.host, parts.requests, remoteKeys, isOwn)
    this.#measured = new Metrics(parts.host, parts.requests, remoteKeys)
    this.#past = parts.pages === null ? null : new History(() => this.#measured.measure(), parts.host.outside)
    const { faults } = parts
    this.#faults = faults
    this.#pages = parts.pages
    this.#apiPath = `${apiBase(parts.settings.path)}/`
    this.#readyLatenessMs = parts.settings.limits.readyLatenessMs
    this.tickets = parts.tickets
    const searches = new Searches()
    this.meetings = new Meetings<C>(parts.host, parts.settings.logger, searches, parts.peers)
    this.topics = new Topics<C>(parts.host, searches, parts.peers, parts.publications, parts.listeners)
    for (const [pattern, retention] of Object.entries(parts.settings.topics))
      this.topics.define(pattern, retention)
    this.users = new Users<C>(parts.host, parts.peers)
    this.cluster = new Cluster(
      parts.host,
      parts.peers,
      (name, place) => ticketUrlOf(parts.front, name, place),
      (timeoutMs) => void this.drain({ timeoutMs }),
      faults && ((cutMs) => faults.strike(cutMs)),
    )
    this.#logger = parts.settings.logger
    this.#api = new Api(parts.settings, this as unknown as Rtms)
  }

  /**
   * This node for a part of the business that knows only its part `P` of the contract: `startQuiz(rtms.part<Quiz>())`.
   * A type alone, so the same object. Does not compile where the contract has not all of `P`.
   */
  part<P extends Contract>(...lacks: Lacking<C, P>): Rtms<P>
  part<P extends Contract>(): Rtms<P> {
    return this as unknown as Rtms<P>
  }

  /**
   * Starts a node: on a port of its own, or attached to a server. Rejects with an Error that lists every invalid
   * option, or says why the port is not available.
   */
  static async start<C extends Contract = Contract>(options: RtmsOptions): Promise<Rtms<C>> {
    return (await Rtms.startIn<C>(runtime, options)).rtms
  }

  /** @internal Starts a node with other time and randomness, for tests; returns its host as well. */
  static async startIn<C extends Contract = Contract>(
    outside: Outside,
    options: RtmsOptions,
  ): Promise<{ readonly rtms: Rtms<C>; readonly host: Host }> {
    const settings = settle(options)
    const { logger } = settings
    const id = settings.nodeId ?? randomBytes(4).toString('hex')
    const ticketsHost: TicketsHost = {
      url: async (name, meeting) => {
        if (meeting === undefined || !settings.isClustered) return front.ticketUrl(name)
        return front.ticketUrl(name, rtms.cluster.place(await rtms.meetings.owner(meeting)))
      },
      edges: (name, wanted) => (settings.isClustered ? rtms.cluster.edges(name, wanted) : []),
      revokedUntil: (user) => host.node.revokedUntil(user),
      revoke: async (revoked, until) => {
        if (host.inHook) await Promise.resolve()
        const here = host.act((node, now) => node.revoke(revoked, until, now))
        if (typeof here !== 'number' || peers.isAlone) return here
        const ofUser = 'user' in revoked
        const leftMs = settings.limits.tokenMs + Math.max(0, until - outside.wallNow())
        const told = { ofUser, name: ofUser ? revoked.user : revoked.id, until, leftMs }
        // A node that cannot be reached now is told when it is heard again.
        const answers = await peers.ask('revoke', told, { isLasting: true })
        return peers.sum(here, answers, 'connections were closed')
      },
    }
    const tickets = await Tickets.create(settings, ticketsHost, logger, outside)
    const webhook = settings.requests === undefined ? undefined : new Webhook(logger, settings.requests)
    const requests: RequestHandlers = new RequestHandlers(
      settings.maxHandlers,
      settings.limits.handlersPerUser,
      (call, outcome) => host.handle((node, now) => node.handleReply(call, outcome, now)),
      logger,
      webhook,
      outside,
    )
    const inTurn = new InTurn(outside)
    const connects = new Hooks<Connected>('onConnect', logger, inTurn)
    const disconnects = new Hooks<Disconnected>('onDisconnect', logger, inTurn)
    const authorizer: Authorizer = new Authorizer(
      (question, allowed) => host.handle((node, now) => node.handleAuthorized(question, allowed, now)),
      (on) => host.node.askFirst(on),
      logger,
      outside,
    )
    const authenticate = async (check: object, token: string): Promise<void> => {
      const outcome = await tickets.verify(token)
      host.handle((node, now) => node.handleAuthenticated(check, outcome, now))
    }
    const mismatches = new SeldomWarning(
      logger,
      'a join was refused, since the client runs another configuration than the meeting: load the same version of the rules',
    )
    const silences = new SeldomWarning(
      logger,
      'a connection was closed as SILENT, since nothing came for two heartbeats: its network is gone, its page or process is stuck or suspended, or a proxy keeps what it sends',
    )
    const faults = settings.faults ? new Faults(settings.bus, logger) : null
    const application: Application = {
      authenticate: (check, token) => void authenticate(check, token),
      request: (call) => requests.start(call),
      requestEnded: (call, why) => requests.end(call, why),
      authorize: (question) => authorizer.ask(question),
      authorizeEnded: (question) => authorizer.late(question),
      publishing: (offered) => publications.decided(offered),
      published: (topic) => listeners.heard(topic),
      openMissing: (missing) => rtms.meetings.opener.ask(missing),
      openMissingEnded: (missing) => rtms.meetings.opener.late(missing),
      mismatched: (meeting, why) => mismatches.note(outside.now(), { meeting, why }),
      located: (call, outcome) => rtms.meetings.located(call, outcome),
      adopt: (offered) => rtms.meetings.adopt(offered),
      callMeeting: (...call) => rtms.meetings.called(...call),
      // Behind the call into the node.
      drain: (timeoutMs) => queueMicrotask(() => void rtms.drain({ timeoutMs })),
      fail: (cutMs) => {
        faults?.strike(cutMs)
        return faults !== null
      },
      connected: ({ user, id }, resumed) => connects.tell({ user, session: id, resumed }),
      disconnected: ({ user, id }, reason, ended) => {
        if (reason === 'SILENT') silences.note(outside.now(), { session: logName(id) })
        disconnects.tell({ user, session: id, reason, ended })
      },
    }
    const watch: NodeWatch = new NodeWatch(
      (node) => host.handle(({ inlet }, now) => inlet.gone(node, now)),
      (node) => host.node.cluster?.peer(node) !== undefined,
      () =>
        logger.error(
          { node: id },
          'the other nodes count this one as ended: it was silent, and its nodeId or its address was taken over; start it anew',
        ),
      (node) => peers.answers(node),
    )
    const cluster: NodeConfig['cluster'] = {
      get address(): string {
        return publicUrlOf(front)
      },
      get health(): string {
        return front.healthUrl
      },
      moves: settings.moves === false ? undefined : settings.moves,
      lineage: settings.secret === undefined ? undefined : lineageOf(settings.secret),
      urlOf: (peer, name) => {
        try {
          return front.ticketUrl(name || undefined, { id: peer.id, url: peer.address })
        } catch {
          // It cannot be told from what this client calls the host.
          return ''
        }
      },
    }
    const host: Host = new Host(
      {
        id,
        limits: settings.limits,
        bus: faults?.bus ?? settings.bus,
        cluster: settings.isClustered ? cluster : undefined,
        edge: settings.role === 'edge',
      },
      application,
      {
        fault: (error) =>
          logger.error({ error }, 'a fault of RTMS itself; the node goes on. Please report it'),
        warn: (details, message) => logger.warn(details, message),
      },
      watch,
      outside,
    )
    const peers: Peers = new Peers(host)
    const publications: Publications = new Publications(host, logger)
    const listeners: Listeners = new Listeners(host, logger)
    const gateway = new Gateway(host, settings)
    const pages = settings.admin === false ? null : new AdminPages(id, settings)
    const front: Front = new Front(id, settings, gateway, {
      health: () => rtms.health(),
      ready: () => rtms.ready(),
      metrics: () => rtms.metrics(),
      apiBase: settings.api === undefined && settings.admin !== 'loopback' ? null : apiBase(settings.path),
      api: (request, response) => rtms.api(request, response),
      admin: pages,
    })
    const rtms: Rtms<C> = new Rtms<C>({
      host,
      peers,
      publications,
      listeners,
      tickets,
      requests,
      connects,
      disconnects,
      authorizer,
      gateway,
      watch,
      front,
      settings,
      pages,
      faults,
    })
    try {
      await front.open()
    } catch (error) {
      host.handle((node, now) => node.leave(now))
      host.stop()
      rtms.#past?.close()
      await host.bus.close()
      throw error
    }
    tickets.remoteKeys?.follow()
    return { rtms, host }
  }

  /** Name of this node, which its tickets contain. */
  get node(): string {
    return this.#host.node.id
  }

  /** Where clients connect. Throws where there is no server, or one that does not listen on a TCP port (yet). */
  get address(): Address {
    return this.#front.address
  }

  /**
   * Replaces the key and certificate of a server of its own: connections from now on get the new ones, existing ones
   * continue. Throws an Error, and changes nothing, where they cannot be used or the node was not started with `tls`.
   */
  setTls(tls: SecureContextOptions): void {
    this.#front.setTls(tls)
  }

  /** Counters of this node, which only rise. */
  get stats(): Readonly<Stats> {
    return this.#host.node.stats
  }

  /** The answer of `/healthz`, for a health check of your own where the node is attached to a server. */
  health(): Health {
    const { id, incarnation, connections, sessions, meetingCount: meetings, topics } = this.#host.node
    const status = this.#isStopping ? 'draining' : this.#watch.isExpelled ? 'expelled' : 'ok'
    return { status, node: id, incarnation, connections, sessions, meetings, topics }
  }

  /**
   * The answer of `/readyz`: whether a load balancer should send clients here. It should not while the node stops,
   * where the other nodes count it as ended, where it is an edge that hears none of them, or while it is overloaded,
   * which means that a sweep of the last five seconds was too late.
   */
  ready(): Readiness {
    const latenessMs = Math.round(this.#host.lateness)
    const isLate = latenessMs > this.#readyLatenessMs
    const { status } = this.health()
    const { incarnation, cluster } = this.#host.node
    const able = isCutOff(incarnation, cluster, this.#host.outside.now())
      ? 'cut-off'
      : isLate
        ? 'late'
        : 'ready'
    return {
      status: status === 'ok' ? able : status,
      node: this.node,
      latenessMs,
    }
  }

  /** The answer of `/metrics`: this node's metrics in Prometheus's text format. They name no user, meeting or topic. */
  metrics(): Promise<string> {
    return this.#metrics.text()
  }

  /** The same metrics as objects. */
  measure(): Promise<Metric[]> {
    return this.#measured.measure()
  }

  /** The metrics of the last ten minutes, which a node with a dashboard keeps; empty without one. */
  past(): Past {
    return this.#past?.read() ?? { metrics: [], agoMs: [], series: [] }
  }

  /** Milliseconds since it started. */
  uptime(): number {
    return this.#host.outside.now() - this.#startedAt
  }

  /**
   * Answers a request of the HTTP API, for an application with a server of its own: at `<path>/v1/…`, or at `/v1/…`
   * where the application strips the front of the path. Call it before anything reads the body. Without `api.keys`, it
   * answers 404. Never throws.
   */
  api(request: IncomingMessage, response: ServerResponse): void {
    void this.#api.answer(request, response)
  }

  /**
   * Answers a request of the dashboard (`/admin/…`, and the HTTP API that it uses), for an application with a server of
   * its own. Call it before anything reads the body. Returns false, and does nothing, where the request is not for the
   * dashboard.
   */
  admin(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#pages === null) return false
    if (!targetOf(request).startsWith(this.#apiPath)) return this.#pages.answer(request, response)
    this.api(request, response)
    return true
  }

  /**
   * Takes a request for an upgrade, whatever its path: for an application that routes them itself, such as a node with
   * `server: false`. What is no WebSocket handshake is answered. A socket that somebody else has taken stays theirs,
   * which is logged. Never throws.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#gateway.handleUpgrade(request, socket, head)
  }

  /**
   * Registers a handler for requests of a method; see {@link RequestHandler}. With a schema it gets data that this has
   * checked; other data is answered FORBIDDEN, saying what is wrong and where. Returns a function that removes it.
   * Throws BAD_NAME, or an Error where the method has a handler already.
   */
  onRequest<M extends NameIn<C, 'requests'>>(
    method: M,
    handler: RequestHandler<RequestOf<C, M, 'input'>, RequestOf<C, M, 'output'>>,
  ): () => void
  onRequest<M extends NameIn<C, 'requests'>, I extends RequestOf<C, M, 'input'>>(
    method: M,
    schema: Schema<I>,
    handler: RequestHandler<I, RequestOf<C, M, 'output'>>,
  ): () => void
  onRequest(method: string, ...given: readonly unknown[]): () => void {
    // A handler that is undefined by mistake is no call without a schema.
    const [schema, handler] = given.length > 1 ? given : [undefined, ...given]
    if (given.length > 1) checkSchema('onRequest', schema)
    return this.#requests.register(method, handler as RequestHandler, schema as Schema | undefined)
  }

  /**
   * Calls `handler` whenever a session gets a connection: its first, or one it resumes with. Handlers are called in the
   * order of a user's events; their results are not awaited, and a failure is logged. Returns a function that removes
   * the handler.
   */
  onConnect(handler: (event: Connected) => unknown): () => void {
    return this.#connects.add(handler)
  }

  /**
   * Calls `handler` whenever a session has lost its connection, and again where the session did not come back in time
   * (reason `ABANDONED`). Each session ends with `ended` true exactly once, except sessions waiting to come back when
   * the node closes. Otherwise like `onConnect`.
   */
  onDisconnect(handler: (event: Disconnected) => unknown): () => void {
    return this.#disconnects.add(handler)
  }

  /**
   * Calls `handler` before a client joins, subscribes (for each topic) or publishes, where its ticket allows that. The
   * session's later messages wait, in order, so be quick: without an answer within 5 s (`limits.authorizeMs`) it is
   * FORBIDDEN, as it is where the handler refuses or throws. A client that closes for good is not waited for. Returns a
   * function that removes the handler. Throws an Error where there is a handler already.
   */
  authorize(handler: Authorize): () => void {
    return this.#authorizer.register(handler)
  }

  get #isStopping(): boolean {
    return this.#closed !== null || this.#drained !== null
  }

  /**
   * Empties the node, which serves on meanwhile: it takes no new meetings and clients, and `/readyz` says so; hands its
   * meetings over to the other nodes, where they go on with the next frame; and has its clients connect to those, a few
   * at a time, once their requests are answered. What is left after `timeoutMs` milliseconds (default 25,000) is
   * closed. Resolves with what is left: `staying` counts meetings that cannot move, which end with `close()`. A node
   * without others closes its connections at once. Calling it again returns the same promise.
   * Rejects with a TypeError, and nothing else is done, for an option that there is not.
   */
  drain(options: DrainOptions = {}): Promise<DrainProgress> {
    const wrong = rejection(() => checkNames('drain', options, { timeoutMs: true, onProgress: true }))
    if (wrong !== null) return wrong
    this.#drained ??= drain(this.#host, this.#logger, () => this.#closed !== null, options)
    return this.#drained
  }

  /**
   * Stops the node. Clients are told to connect elsewhere; their sockets have `timeoutMs` milliseconds (default 5000)
   * to close and are then cut off; running handlers are aborted; hooks and listeners of topics have `timeoutMs` to hear
   * what has happened. A server of its own answers 503 at `/healthz` and `/readyz` until then and is closed; running
   * HTTP requests have `timeoutMs` as well. A server it was attached to stays open. Calling it again returns the same
   * promise. Rejects with a TypeError, and nothing else is done, for an option that there is not.
   */
  close(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    const wrong = rejection(() => checkNames('close', options, { timeoutMs: true }))
    if (wrong !== null) return wrong
    const { timeoutMs = DEFAULT_CLOSE_MS } = options
    this.#closed ??= this.#close(timeoutMs)
    return this.#closed
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#faults?.close()
    this.#host.handle((node, now) => node.drain(now))
    await this.#gateway.close(timeoutMs)
    this.meetings.closeAll()
    this.#requests.close()
    this.#watch.close()
    // Hooks and listeners hear of all that has happened, while they may still act.
    await Promise.all([this.#host.hookTurns.settled(timeoutMs), this.#disconnects.settled(timeoutMs)])
    this.#host.handle((node, now) => node.leave(now))
    this.#host.stop()
    await this.#host.bus.close()
    this.#past?.close()
    this.#metrics.close()
    this.#measured.close()
    this.tickets.remoteKeys?.close()
    await this.#front.close(timeoutMs)
  }
}

/** The rejection with what a check throws; null where it does not. */
function rejection(check: () => void): Promise<never> | null {
  try {
    check()
    return null
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The longest address that nodes tell each other, in bytes. */
const ADDRESS_BYTES = 1_024

/** What a node tells the others of where its clients connect; '' where there is nothing to tell (yet). */
function publicUrlOf(front: Front): string {
  try {
    const url = front.publicUrl
    return Buffer.byteLength(url) <= ADDRESS_BYTES ? url : ''
  } catch {
    return ''
  }
}
