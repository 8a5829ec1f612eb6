import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeDrain } from '../server/index.ts'
import { NodeApi, nodeHelp, nodeOptions } from './node.ts'
import { type Command, CommandError, parseCommand, parseSeconds, print, printJson } from './usage.ts'

/** Seconds, as of `Rtms.drain`. */
const DRAIN_S = 25
const LOOK_MS = 500
/** The node closes what is left when its time is over; this long afterwards it is given up on. */
const GRACE_MS = 10_000

const help = `Drain a node: its meetings, sessions and clients go to the other nodes of its cluster

Usage: rtms drain [<node>] [options]

The node takes nothing new and hands over what it has. It runs on, empty, until it is ended; SIGTERM to rtms serve does
both. Without a name, the node that answers is drained, of which there is only one behind an address of its own; behind
a balancer, give the name, which rtms cluster shows.

Waits until the node is empty, and shows how far it is. The exit code is 0 when nothing was lost, and 1 when its time
was over before all had gone. Meetings that cannot be handed over stay, and end with the node: they are told of, and do
not count.

Options:
  --timeout <time>   What is left then is closed, such as 30s or 2m (default: ${DRAIN_S}s)
  --no-wait          Only begin: do not wait for the end
${nodeHelp}  --json             Print how far it is as JSON, one value a line
  --help             Print this
`

export const drain: Command = {
  name: 'drain',
  summary: 'Drain a node: what it has goes to the others',
  help,
  async run(args) {
    const parsed = parseCommand(
      this,
      args,
      { ...nodeOptions, timeout: { type: 'string' }, 'no-wait': { type: 'boolean', default: false } },
      [0, 1],
    )
    if (parsed === null) return
    const { values, positionals } = parsed
    const timeoutMs = (parseSeconds(values.timeout, '--timeout') ?? DRAIN_S) * 1_000
    const api = NodeApi.from(values)
    const node = positionals[0] ?? (await api.call<{ node: string }>('GET', '/info')).node
    const path = `/nodes/${encodeURIComponent(node)}/drain`
    const tell = (now: NodeDrain): void => {
      if (values.json) printJson({ node, ...now })
      else print(lineOf(node, now))
    }
    let last = await api.call<NodeDrain>('POST', path, { timeoutMs })
    tell(last)
    if (values['no-wait']) return
    const givenUpAt = performance.now() + timeoutMs + GRACE_MS
    let told = lineOf(node, last)
    while (last.state !== 'drained' && performance.now() < givenUpAt) {
      // oxlint-disable-next-line no-await-in-loop -- One look after the other.
      await sleep(LOOK_MS)
      // oxlint-disable-next-line no-await-in-loop
      last = await api.call<NodeDrain>('GET', path)
      const line = lineOf(node, last)
      if (line !== told) tell(last)
      told = line
    }
    if (last.meetings + last.connections > 0)
      throw new CommandError(
        `${node} was not empty in time: ${left(last)}. What it still has ends with it; give it more time with --timeout`,
      )
  },
}

function lineOf(node: string, now: NodeDrain): string {
  const stay =
    now.staying === 0 ? '' : `; ${counted(now.staying, 'meeting')} cannot move, and will end with it`
  if (now.state === 'drained' && now.meetings + now.connections === 0) return `${node} is empty${stay}`
  return `${node}: ${left(now)} to go${stay}`
}

function left({ meetings, connections, requests }: NodeDrain): string {
  const asked = requests === 0 ? '' : ` (${counted(requests, 'request')} under way)`
  return `${counted(meetings, 'meeting')} and ${counted(connections, 'connection')}${asked}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
