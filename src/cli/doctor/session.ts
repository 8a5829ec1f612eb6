import { WebSocket } from 'ws'
import { binaryCodec, toPayload } from '../../protocol/index.ts'
import type { Ticket } from '../../server/index.ts'
import { SocketPeer } from '../../testing/socket-peer.ts'
import { ms } from './network.ts'
import type { Report } from './report.ts'

/** How long each step may take. */
export const STEP_MS = 10_000
const PINGS = 5
/** Two payloads of nearly 32 KiB: a message near the 64 KiB that a client may send. */
const LARGE = [32_700, 32_000]

/** Resolves with `found`, or rejects after the step's time limit. */
export async function inTime<T>(found: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${STEP_MS / 1000} s`)), STEP_MS)
  })
  try {
    return await Promise.race([found, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Connects with a ticket and checks what the connection carries. */
export async function checkSession(
  ticket: Ticket,
  url: string,
  idleS: number,
  report: Report,
): Promise<void> {
  const ws = new WebSocket(url, binaryCodec.subprotocol, { handshakeTimeout: STEP_MS })
  // A bare connection, because a client library would hide faults by reconnecting.
  const peer = new SocketPeer(ws)
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
    ws.close(1000)
  }
}

async function checkTicket(peer: SocketPeer, { token }: Ticket, report: Report): Promise<boolean> {
  peer.hello(token, { client: 'rtms-doctor', window: 131_072 })
  const answer = await inTime(
    peer.until((heard) => heard.find((message) => message.type === 'welcome' || message.type === 'goodbye')),
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

async function checkPing(peer: SocketPeer, report: Report): Promise<void> {
  const trips: number[] = []
  for (let number = 1; number <= PINGS; number++) {
    const start = performance.now()
    peer.send({ type: 'ping', time: number })
    await inTime(peer.next('pong', ({ echo }) => echo === number))
    trips.push(performance.now() - start)
  }
  const text = `Round trip ${ms(Math.min(...trips))} to ${ms(Math.max(...trips))}`
  report.add('ping', 'PASS', text)
}

/** Sends a large message without effect: two publications that this ticket does not allow. */
async function checkLarge(peer: SocketPeer, report: Report): Promise<void> {
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
    peer.send(...messages)
    await inTime(peer.next('failed', ({ call }) => call === LARGE.length))
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

async function checkIdle(peer: SocketPeer, idleS: number, report: Report): Promise<void> {
  process.stderr.write(`Staying quiet for ${idleS} s …\n`)
  const start = performance.now()
  const before = peer.all('ping').length
  let timer: NodeJS.Timeout | undefined
  const quiet = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), idleS * 1000)))
  const closed = await Promise.race([peer.closed, quiet])
  clearTimeout(timer)
  if (closed === null) {
    const count = peer.all('ping').length - before
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
