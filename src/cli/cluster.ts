import type { NodeLoad } from '../server/index.ts'
import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { type Command, parseCommand, print, printJson } from './usage.ts'

const help = `Show the nodes of the cluster as one of them sees them, and the traffic of that one on the bus

Usage: rtms cluster [options]

Options:
${nodeHelp}  --json             Print JSON
  --help             Print this
`

interface Shown {
  readonly nodes: readonly {
    readonly node: string
    readonly address: string
    readonly role: 'core' | 'edge'
    readonly status: 'self' | 'alive' | 'silent'
    readonly heardMs: number
    readonly load: NodeLoad | null
    readonly draining: boolean
  }[]
  readonly bus: {
    readonly up: boolean
    readonly traffic: readonly {
      readonly direction: 'in' | 'out'
      readonly kind: string
      readonly messages: number
      readonly bytes: number
    }[]
  }
}

const UNKNOWN = 'unknown'

export const cluster: Command = {
  name: 'cluster',
  summary: 'Show the nodes of the cluster, and the bus',
  help,
  async run(args) {
    const parsed = parseCommand(this, args, nodeOptions, [0, 0])
    if (parsed === null) return
    const { values } = parsed
    const api = NodeApi.from(values)
    const host = encodeURIComponent(api.url.host)
    const shown = await api.call<Shown>('GET', `/cluster?host=${host}`)
    if (values.json) printJson(shown)
    else for (const line of linesOf(shown)) print(line)
  },
}

function* linesOf({ nodes, bus }: Shown): Generator<string> {
  yield* table([
    [
      'node',
      'role',
      'state',
      'connections',
      'sessions',
      'meetings',
      'replicas',
      'topics',
      'bus in',
      'bus out',
      'address',
    ],
    ...nodes.map(({ node, address, role, status, heardMs, load, draining }) => [
      node || UNKNOWN,
      role,
      status === 'silent' ? `silent for ${seconds(heardMs)}` : draining ? `${status}, draining` : status,
      ...counts(load),
      address || UNKNOWN,
    ]),
  ])
  const [self, ...others] = nodes
  yield ''
  if (others.length === 0) {
    yield `${self?.node ?? 'The node'} knows of no other node. For a cluster, start more on one bus: rtms serve --nats, or`
    yield 'several in one process: rtms serve --nodes 3'
  }
  if (!bus.up) yield 'The bus is down: nothing is heard of other nodes, nor they of this one'
  if (bus.traffic.length === 0) return
  yield* table([
    ['bus', 'about', 'messages', 'bytes'],
    ...bus.traffic.map(({ direction, kind, messages, bytes }) => [
      direction,
      kind,
      `${messages}`,
      `${bytes}`,
    ]),
  ])
}

function counts(load: NodeLoad | null): string[] {
  if (load === null) return Array.from({ length: 7 }, () => UNKNOWN)
  const { connections, sessions, meetings, replicas, topics, busBytesIn, busBytesOut } = load
  return [
    ...[connections, sessions, meetings, replicas, topics].map(String),
    size(busBytesIn),
    size(busBytesOut),
  ]
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}

function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1_024 ** power).toFixed(1)} ${units[power - 1]}`
}

/** Rows whose columns stand below one another. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
