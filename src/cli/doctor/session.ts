import { type RawData, WebSocket } from 'ws'
import { binaryCodec, type Message, toPayload } from '../../protocol/index.ts'
import type { Ticket } from '../../server/index.ts'
import { ms } from './network.ts'
import type { Report } from './report.ts'

const STEP_MS = 10_000
const PINGS = 5
/** Two payloads of nearly 32 KiB: a message near the 64 KiB that a client may send. */
const LARGE = [32_700, 32_000]

/** A bare connection to a node, which shows what a client library would mend. */
class Peer {
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #ws: WebSocket
  readonly #waiting: Set<(message: Message) => void> = new Set()
  pings = 0

  constructor(url: string) {
    this.#ws = new WebSocket(url, binaryCodec.subprotocol, { handshakeTimeout: STEP_MS })
    this.#ws.on('error', () => {})
    this.#ws.on('message', (data) => this.#heard(data))
    this.closed = new Promise((resolve) =>
      this.#ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    )
  }

  #heard(data: RawData): void {
    for (const message of binaryCodec.decode(data as Buffer, 'server')) {
      if (message.type === 'ping') {
        this.pings++
        this.send({ type: 'pong', echo: message.time, time: 0, lateness: 0 })
      }
      for (const heard of this.#waiting) heard(message)
    }
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ws.once('open', resolve)
      this.#ws.once('error', reject)
    })
  }

  send(...messages: Message[]): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(binaryCodec.encode(messages))
  }

  /** What `pick` makes of the next message that it takes. Rejects where the connection closes before, or nothing comes in time. */
  async next<T>(pick: (message: Message) => T | undefined): Promise<T> {
    let forget: (() => void) | undefined
    const found = new Promise<T>((resolve, reject) => {
      const heard = (message: Message): void => {
        const picked = pick(message)
        if (picked !== undefined) resolve(picked)
      }
      const timer = setTimeout(() => reject(new Error(`nothing within ${STEP_MS / 1000} s`)), STEP_MS)
      this.#waiting.add(heard)
      forget = () => {
        clearTimeout(timer)
        this.#waiting.delete(heard)
      }
    })
    try {
      return await Promise.race([found, this.#lost()])
    } finally {
      forget?.()
    }
  }

  async #lost(): Promise<never> {
    const { code, reason } = await this.closed
    throw new Error(`the connection was closed with ${code}${reason === '' ? '' : `: ${reason}`}`)
  }

  close(): void {
    this.#ws.close(1000)
  }
}

/** Connects with a ticket, and looks at what the connection carries. */
export async function checkSession(
  ticket: Ticket,
  url: string,
  idleS: number,
  report: Report,
): Promise<void> {
  const peer = new Peer(url)
  try {
    await peer.opened()
    if (!(await checkTicket(peer, ticket, report))) return
    await checkPing(peer, report)
    await checkLarge(peer, report)
    if (idleS > 0) await checkIdle(peer, idleS, report)
    else report.add('idle', 'SKIP', 'Whether a proxy cuts quiet connections is tried with --idle 75')
  } catch (error) {
    report.add('session', 'FAIL', `The connection did not last: ${(error as Error).message}`)
  } finally {
    peer.close()
  }
}

async function checkTicket(peer: Peer, { token }: Ticket, report: Report): Promise<boolean> {
  peer.send({
    type: 'hello',
    version: 1,
    features: 0,
    client: 'rtms-doctor',
    token,
    session: '',
    received: 0,
    window: 131_072,
  })
  const answer = await peer.next((message) =>
    message.type === 'welcome' || message.type === 'goodbye' ? message : undefined,
  )
  if (answer.type === 'welcome') {
    report.add('ticket', 'PASS', `Welcome at ${answer.node} as ${answer.user}`)
    return true
  }
  const { code, reason } = answer
  const fix =
    code === 4401
      ? 'The node verifies tickets with another secret, key or issuer than they were signed with; or the clocks differ'
      : 'PROTOCOL.md says what the code means'
  report.add('ticket', 'FAIL', `The ticket is refused with ${code}: ${reason}`, fix)
  return false
}

async function checkPing(peer: Peer, report: Report): Promise<void> {
  const trips: number[] = []
  for (let number = 1; number <= PINGS; number++) {
    const start = performance.now()
    const pong = peer.next((message) => (message.type === 'pong' && message.echo === number) || undefined)
    peer.send({ type: 'ping', time: number })
    await pong
    trips.push(performance.now() - start)
  }
  const text = `Round trip ${ms(Math.min(...trips))} to ${ms(Math.max(...trips))}`
  report.add('ping', 'PASS', text)
}

/** A large message that does nothing: two publications which this ticket does not allow. */
async function checkLarge(peer: Peer, report: Report): Promise<void> {
  const messages = LARGE.map((size, at) => ({
    type: 'publish' as const,
    call: at + 1,
    topic: 'rtms.doctor',
    key: '',
    tombstone: false,
    data: toPayload('x'.repeat(size)),
  }))
  const bytes = binaryCodec.encode(messages).length
  try {
    const answered = peer.next(
      (message) => (message.type === 'failed' && message.call === LARGE.length) || undefined,
    )
    peer.send(...messages)
    await answered
    report.add(
      'size',
      'PASS',
      `A message of ${bytes} bytes comes through; 65536 is the most a client may send`,
    )
  } catch (error) {
    report.add(
      'size',
      'FAIL',
      `A message of ${bytes} bytes does not come through: ${(error as Error).message}`,
      'Raise what the proxy lets through in one WebSocket message to 64 KiB',
    )
    throw error
  }
}

async function checkIdle(peer: Peer, idleS: number, report: Report): Promise<void> {
  process.stderr.write(`Staying quiet for ${idleS} s …\n`)
  const start = performance.now()
  const before = peer.pings
  let timer: NodeJS.Timeout | undefined
  const quiet = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), idleS * 1000)))
  const closed = await Promise.race([peer.closed, quiet])
  clearTimeout(timer)
  if (closed === null) {
    const count = peer.pings - before
    report.add(
      'idle',
      'PASS',
      `Still connected after ${idleS} s with nothing but the node's pings (${count})`,
    )
    return
  }
  const after = ((performance.now() - start) / 1000).toFixed(0)
  report.add(
    'idle',
    'FAIL',
    `The connection was cut with ${closed.code} after ${after} s of quiet`,
    'Raise the idle time-out of what is between: nginx proxy_read_timeout, HAProxy timeout tunnel, Envoy stream_idle_timeout, ' +
      'the idle timeout of a cloud load balancer; or lower limits.heartbeatMs',
  )
}
