import { fixedLimits, type Question, type Revoked } from '../../core/index.ts'
import { type ClientMessage, type MessageOf, type ServerMessage, SYSTEM_SLOT } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import { allows, type Claims, readToken } from '../tokens.ts'

/** How long after a token's expiry or a revocation something may still be written, in milliseconds. */
const GRACE_MS = 1_000
const REVOKED_MS = 2_000

/** A connection and the token it is under. */
interface Access {
  claims: Claims | null
  /** Tokens that may be in force instead, by a clock of the node that was wrong. */
  readonly others: Claims[]
  /** The token of a REFRESH under way, by its call. */
  readonly refreshing: Map<number, Claims | null>
  /** The client's requests on this connection, by call. */
  readonly asked: Map<number, ClientMessage>
  /** Meetings and topics, by log number. */
  readonly logs: Map<
    number,
    { readonly action: 'join' | 'subscribe'; readonly name: string; readonly spectator: boolean }
  >
}

/**
 * I17 Authorisation: nothing is written to a connection after its token has expired or was revoked, no entry of a log
 * that the current token does not allow, and nothing that the business has forbidden. A revoked token opens no
 * connection.
 */
export class AuthorisationChecker implements Observer {
  readonly #access: Map<string, Access> = new Map()
  readonly #denied: Set<string> = new Set()
  #revoked: {
    readonly node: number
    readonly revoked: Revoked
    /** When it was made, and when the node was told. */
    readonly made: number
    readonly when: number
  }[] = []
  readonly #now: () => number
  readonly #wallOffset: number
  /** When each node last resumed after a pause. */
  readonly #woken: Map<number, number> = new Map()
  /** How far the wall clock of each node is off, and since when, the latest first. */
  readonly #clocks: Map<number, { readonly since: number; readonly off: number }[]> = new Map()

  constructor(wallOffset: number, now: () => number) {
    this.#wallOffset = wallOffset
    this.#now = now
  }

  answered({ user, action, name }: Question, allowed: boolean): void {
    if (!allowed) this.#denied.add(`${user} ${action} ${name}`)
  }

  revoked(node: number, revoked: Revoked, made: number): void {
    this.#revoked.push({ node, revoked, made, when: this.#now() })
  }

  /** What runs there next learns of revocations by itself, or is told. */
  died(node: number): void {
    this.#revoked = this.#revoked.filter((known) => known.node !== node)
  }

  clockSet(node: number, off: number): void {
    this.#clocks.set(node, [{ since: this.#now(), off }, ...(this.#clocks.get(node) ?? [])])
  }

  /** How far the clock of a node was off, and since when. */
  #clockAt(node: number, at: number): { readonly since: number; readonly off: number } {
    return this.#clocks.get(node)?.find(({ since }) => since <= at) ?? { since: -Infinity, off: 0 }
  }

  woken(node: number): void {
    this.#woken.set(node, this.#now())
  }

  #of(client: ClientFacts, connection: number): Access {
    const key = `${client.id}/${connection}`
    const known = this.#access.get(key)
    if (known !== undefined) return known
    const access: Access = {
      claims: null,
      others: [],
      refreshing: new Map(),
      asked: new Map(),
      logs: new Map(),
    }
    this.#access.set(key, access)
    return access
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    const access = this.#of(client, connection)
    if (message.type === 'hello') access.claims = readToken(message.token)
    if (message.type === 'refresh') access.refreshing.set(message.call, readToken(message.token))
    if (message.type === 'join' || message.type === 'subscribe' || message.type === 'publish')
      access.asked.set(message.call, message)
  }

  down(client: ClientFacts, connection: number, message: ServerMessage, at: number): void {
    // Control messages go out ahead of the answer to a REFRESH and contain nothing that needs protection.
    if (message.type === 'goodbye' || message.type === 'ping' || message.type === 'pong') return
    const access = this.#of(client, connection)
    const { claims } = access
    if (claims === null) return violate('I17', `client ${client.id} got ${message.type} without a token`)
    this.#checkExpiry(client, access, message, at)
    this.#checkRevocation(client, claims, message, at)
    switch (message.type) {
      case 'done':
        this.#done(client, access, message)
        return
      case 'failed':
        access.refreshing.delete(message.call)
        return
      case 'joined':
        this.#joined(client, access, message)
        return
      case 'subscribed':
        this.#subscribed(client, access, message)
        return
      case 'frames':
      case 'publications': {
        const log = access.logs.get(message.log)
        if (log !== undefined && !mayHave(access, log.action, log.name, log.spectator))
          violate(
            'I17',
            `client ${client.id} got ${message.type} of ${log.name}, which its token does not allow`,
          )
      }
    }
  }

  /** A REFRESH counts from the moment the node accepted it; its answer, waiting in the session log, arrives later. */
  #checkExpiry(
    client: ClientFacts,
    { claims, others, refreshing }: Access,
    { type }: ServerMessage,
    at: number,
  ): void {
    const tokens = [claims, ...others, ...refreshing.values()].map((token) => token?.expires ?? -Infinity)
    const expires = tokens.includes(0) ? Infinity : Math.max(...tokens)
    const { since, off } = this.#clockAt(client.node, at)
    const late = at + this.#wallOffset + off - expires
    if (late <= GRACE_MS || at <= since + GRACE_MS || at === this.#woken.get(client.node)) return
    violate('I17', `client ${client.id} was written ${type} ${late} ms after its token expired`)
  }

  #checkRevocation(client: ClientFacts, claims: Claims, { type }: ServerMessage, at: number): void {
    const grace = type === 'welcome' ? 0 : REVOKED_MS
    for (const { node, revoked, made, when } of this.#revoked) {
      if (node !== client.node || at <= when + grace) continue
      // Whatever it says of its own time.
      if ('user' in revoked ? claims.user === revoked.user && claims.made < made : claims.id === revoked.id)
        violate('I17', `client ${client.id} was written ${type} ${at - when} ms after its token was revoked`)
    }
  }

  #done(client: ClientFacts, access: Access, { call }: MessageOf<'done'>): void {
    const renewed = access.refreshing.get(call)
    // A late REFRESH changes nothing: the newer token of the HELLO stays.
    const { claims } = access
    if (renewed !== undefined && (renewed?.issued ?? 0) >= (claims?.issued ?? 0)) access.claims = renewed
    else if (renewed && claims && this.#mayDistrust(client.node, claims)) access.others.push(renewed)
    access.refreshing.delete(call)
    const asked = access.asked.get(call)
    if (asked?.type === 'publish') this.#allowed(client, access, 'publish', asked.topic, false)
  }

  /** Whether a node may at some time have taken this token for one of the future. */
  #mayDistrust(node: number, { issued }: Claims): boolean {
    const clocks = this.#clocks.get(node) ?? []
    return clocks.some(({ since, off }) => issued > since + this.#wallOffset + off + fixedLimits.aheadMs)
  }

  #joined(client: ClientFacts, access: Access, { call, meeting, log, slot }: MessageOf<'joined'>): void {
    const spectator = slot === SYSTEM_SLOT
    access.logs.set(log, { action: 'join', name: meeting, spectator })
    // Requests of another connection were answered under that connection's token.
    if (access.asked.has(call)) this.#allowed(client, access, 'join', meeting, spectator)
  }

  #subscribed(client: ClientFacts, access: Access, { call, topic, log }: MessageOf<'subscribed'>): void {
    access.logs.set(log, { action: 'subscribe', name: topic, spectator: false })
    if (access.asked.has(call)) this.#allowed(client, access, 'subscribe', topic, false)
  }

  #allowed(
    client: ClientFacts,
    access: Access,
    action: 'join' | 'subscribe' | 'publish',
    name: string,
    spectator: boolean,
  ): void {
    if (!mayHave(access, action, name, spectator))
      violate('I17', `client ${client.id} may ${action} ${name}, which its token does not allow`)
    if (this.#denied.has(`${client.user} ${action} ${name}`))
      violate('I17', `client ${client.id} may ${action} ${name}, which the business does not allow`)
  }
}

function mayHave(
  { claims, others }: Access,
  action: 'join' | 'subscribe' | 'publish',
  name: string,
  spectator: boolean,
): boolean {
  const tokens = claims === null ? others : [claims, ...others]
  return tokens.length === 0 || tokens.some(({ rights }) => allows(rights, action, name, spectator))
}
