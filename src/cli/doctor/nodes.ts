import { WebSocket } from 'ws'
import { binaryCodec } from '../../protocol/index.ts'
import { SocketPeer } from '../../testing/socket-peer.ts'
import { NodeApi } from '../node.ts'
import { ms } from './network.ts'
import type { Report } from './report.ts'
import { inTime, STEP_MS } from './session.ts'

/** A balancer that spreads clients without looking leads one to the right node now and then. */
const TRIES = 3
/** So many answers of a balancer that takes turns are of several nodes. */
const LOOKS = 6

/** A node as another one tells of it: see `GET /cluster`. */
interface Listed {
  readonly node: string
  readonly address: string
  readonly role: 'core' | 'edge'
  readonly status: 'self' | 'alive' | 'silent'
  readonly heardMs: number
}

/** What one node tells of its cluster. */
interface View {
  readonly nodes: readonly Listed[]
  readonly bus: { readonly up: boolean }
}

/**
 * Checks that the nodes behind the address are one cluster and, where `token` is given, of each of them that a ticket
 * which leads to it lands there. A node alone has nothing to check.
 */
export async function checkNodes(api: NodeApi, token: string | null, report: Report): Promise<void> {
  let views: ReadonlyMap<string, View>
  try {
    views = await lookAround(api)
  } catch (error) {
    report.add('nodes', 'WARN', `Which nodes there are cannot be asked: ${(error as Error).message}`)
    return
  }
  const listed = new Map<string, Listed>()
  for (const { nodes } of views.values())
    for (const each of nodes) if (listed.get(each.node)?.status !== 'self') listed.set(each.node, each)
  if (listed.size === 1) return
  checkViews(views, report)
  const nodes = [...listed.values()].toSorted((a, b) => (a.node < b.node ? -1 : 1))
  const silent = nodes.filter(({ status }) => status === 'silent')
  const names = nodes.map(({ node, role }) => (role === 'edge' ? `${node} (edge)` : node)).join(', ')
  if (silent.length === 0) report.add('nodes', 'PASS', `${nodes.length} nodes: ${names}`)
  else
    report.add(
      'nodes',
      'WARN',
      `${nodes.length} nodes: ${names}; nothing is heard of ${silent.map(({ node }) => node).join(', ')}`,
      'Look whether they run, and whether they reach the bus (rtms_bus_up)',
    )
  if (nodes.every(({ role }) => role === 'edge'))
    report.add(
      'nodes',
      'FAIL',
      'All nodes are edges, which open no meetings',
      'Start a node without --role edge, on the same bus',
    )
  if (token === null) return
  // One after the other, so the report is in their order.
  // eslint-disable-next-line no-await-in-loop
  for (const each of nodes) await checkRoute(each, token, report)
}

/** Asks whichever nodes the balancer chooses; what each tells, by its name. */
async function lookAround(api: NodeApi): Promise<ReadonlyMap<string, View>> {
  const host = encodeURIComponent(api.url.host)
  const views = new Map<string, View>()
  for (let looks = 0; looks < LOOKS; looks++) {
    // eslint-disable-next-line no-await-in-loop
    const view = await api.call<View>('GET', `/cluster?host=${host}`)
    views.set(view.nodes.find(({ status }) => status === 'self')?.node ?? '', view)
  }
  return views
}

/** Whether each node that has answered reaches the bus, and knows the others that have. */
function checkViews(views: ReadonlyMap<string, View>, report: Report): void {
  for (const [self, { nodes, bus }] of views) {
    if (!bus.up) {
      report.add(
        'bus',
        'FAIL',
        `${self} does not reach the bus, and through it no other node`,
        'Start the NATS server that RTMS_NATS names, or correct the address; the log of the node says what it meets',
      )
      continue
    }
    const unknown = [...views.keys()].filter((name) => !nodes.some(({ node }) => node === name))
    if (unknown.length > 0)
      report.add(
        'bus',
        'FAIL',
        `${self} does not know ${unknown.join(', ')}, though both are behind this address`,
        'Give all nodes the same RTMS_NATS and RTMS_CLUSTER_SECRET; rtms_bus_strangers_total counts messages under another secret. A node that has just started is known within seconds',
      )
  }
}

async function checkRoute(
  { node, role, address, status }: Listed,
  token: string,
  report: Report,
): Promise<void> {
  // A balancer is right to lead its clients elsewhere.
  if (status === 'silent') return report.add('route', 'SKIP', `Nothing is heard of ${node}`)
  if (address === '') {
    report.add(
      'route',
      'WARN',
      `${node} has not said where its clients connect`,
      'Set the option publicUrl on it',
    )
    return
  }
  try {
    let fastest = Infinity
    for (let tries = 0; tries < TRIES; tries++) {
      const begun = performance.now()
      // eslint-disable-next-line no-await-in-loop
      const landed = await landingOf(address, token)
      fastest = Math.min(fastest, performance.now() - begun)
      if (landed === node) continue
      report.add(
        'route',
        'FAIL',
        `A ticket that leads to ${node} lands on ${landed}: ${address}`,
        fixOf(node, address),
      )
      return
    }
    // Clients take the nearest of several addresses, so it matters how near an edge is.
    const near = role === 'edge' ? `, with a welcome in ${ms(fastest)}` : ''
    report.add('route', 'PASS', `A ticket that leads to ${node} lands there${near}`)
  } catch (error) {
    const { message } = error as Error
    report.add(
      'route',
      'FAIL',
      `A ticket that leads to ${node} lands nowhere: ${message}: ${address}`,
      missing(message, node, address),
    )
  }
}

/** The node that welcomes a client at this address. Rejects where none does. */
async function landingOf(address: string, token: string): Promise<string> {
  const ws = new WebSocket(address, binaryCodec.subprotocol, { handshakeTimeout: STEP_MS })
  const peer = new SocketPeer(ws)
  try {
    await peer.opened()
    peer.hello(token, { client: 'rtms-doctor' })
    const answer = await inTime(
      peer.until((heard) => heard.find(({ type }) => type === 'welcome' || type === 'goodbye')),
    )
    if (answer.type === 'welcome') return answer.node
    throw new Error(answer.type === 'goodbye' ? `${answer.code} ${answer.reason}` : 'no welcome')
  } finally {
    ws.close(1000)
  }
}

/** Where the address names the node, which is where the balancer has to look. */
function partOf(node: string, address: string): 'query' | 'path' | 'host' | 'port' {
  const { search, pathname, hostname } = new URL(address)
  if (pathname.split('/').includes(node)) return 'path'
  if (hostname.split('.').includes(node)) return 'host'
  return new URLSearchParams(search).get('route') === node ? 'query' : 'port'
}

const FILES = 'Working files are in the folder deploy of RTMS'

const look = {
  query: `Have the load balancer choose the server by the query parameter route: HAProxy use-server by urlp(route), nginx $arg_route, Envoy query_parameters. ${FILES}`,
  path: `Have the load balancer choose the server by the path /n/<node>/: HAProxy use-server by path,field(3,/), nginx a map of $uri, Envoy and the Gateway API a rule by prefix for each node. ${FILES}`,
  host: 'Have the load balancer choose the server by the first label of the host',
  port: 'Have each port lead to the node that listens on it',
}

function fixOf(node: string, address: string): string {
  return `${look[partOf(node, address)]}. Where that is so already, what it calls ${node} has the address of another node, or is not ready: ask its /readyz`
}

/** What to do about an address at which nobody welcomes. */
function missing(message: string, node: string, address: string): string {
  const part = partOf(node, address)
  if (message.startsWith('4401 '))
    return `${node} verifies tickets with another secret than the node that has issued this one: give all nodes the same RTMS_SECRET`
  if (/ENOTFOUND|EAI_AGAIN/.test(message))
    return part === 'host'
      ? 'Let a wildcard in the DNS (*.rt.example.com) lead to the load balancer, or put {node} into the path of publicUrl'
      : 'Correct the host in publicUrl'
  if (/ECONNREFUSED/.test(message))
    return part === 'port'
      ? 'Start the node, or let its port through'
      : 'Start the load balancer, or correct the port in publicUrl'
  if (/response: 404/.test(message))
    return part === 'path'
      ? 'Have the load balancer pass /n/<node>/… on as it is, or without /n/<node>; the rest is the option path of the node'
      : "Correct the path in publicUrl: it is the node's option path"
  if (/response: 50\d/.test(message))
    return `The load balancer does not reach ${node}: look at where it sends this address, and whether it may lead clients elsewhere while the node is down`
  return 'Look at what the load balancer does with this address'
}
