import type { Ticket } from '../../server/index.ts'
import { NodeApi, nodeHelp, nodeUrl, reachable, secretHelp, secretOptions, ticketIssuer } from '../node.ts'
import { type Command, parseCommand, parseSeconds, print, printJson } from '../usage.ts'
import { checkHealth, checkReach, checkTls, checkUpgrade, isLocal } from './network.ts'
import { checkNodes } from './nodes.ts'
import { Report } from './report.ts'
import { checkSession } from './session.ts'

const help = `Check a deployment from outside, as a client reaches it

Usage: rtms doctor [address] [options]

Prints a checklist with what to do; exits with 1 where something fails. It looks at the name, the port, TLS, /healthz,
the clock, the upgrade to a WebSocket and what proxies do to it, and, with a key or a secret, at a ticket, the round
trip, large messages and quiet connections. With a key, it looks for each node of a cluster behind the load balancer:
whether a ticket that leads to it lands there.

Options:
  --origin <origin>  Upgrade as a page of this origin does: https://example.com
  --idle <time>      Stay quiet for so long, to find proxies that cut quiet connections: 75s
${secretHelp}${nodeHelp.replace('--url <address>  ', '[address]        ')}  --json             Print JSON
  --help             Print this
`

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check a deployment from outside',
  help,
  async run(args) {
    const text = { type: 'string' } as const
    const parsed = parseCommand(this, args, { ...secretOptions, key: text, origin: text, idle: text }, [0, 1])
    if (parsed === null) return
    const { values, positionals } = parsed
    const idleS = parseSeconds(values.idle, '--idle') ?? 0
    const url = nodeUrl(positionals[0], 'the address')
    const report = new Report(values.json)
    await examine(url, { ...values, url: url.href }, idleS, report)
    const failed = report.count('FAIL')
    if (values.json) printJson({ url: url.href, ok: failed === 0, checks: report.findings })
    else print(failed === 0 ? `${url.href} is well` : `${url.href}: ${failed} failed`)
    if (failed > 0) process.exitCode = 1
  },
}

interface Values {
  readonly url: string
  readonly key?: string | undefined
  readonly secret?: string | undefined
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  readonly origin?: string | undefined
}

/** Runs each step whose predecessors make it worthwhile. */
async function examine(url: URL, values: Values, idleS: number, report: Report): Promise<void> {
  if (!(await checkReach(url, report))) return
  if (!(await checkTls(url, report))) return
  await checkHealth(url, report)
  const isUpgraded = await checkUpgrade(url, values.origin, report)
  const ticket = await ticketFor(url, values, report)
  if (ticket === null) return
  if (isUpgraded) await checkSession(ticket, reachable(ticket.url, url), idleS, report)
  if ((values.key ?? process.env['RTMS_KEY'] ?? '') === '')
    report.add('nodes', 'SKIP', 'With --key, each node of a cluster is looked for behind the load balancer')
  else await checkNodes(NodeApi.from(values), isUpgraded ? ticket.token : null, report)
}

/** A ticket that allows nothing. */
async function ticketFor(url: URL, values: Values, report: Report): Promise<Ticket | null> {
  const { RTMS_SECRET: secret, RTMS_KEY: key } = process.env
  if ((values.key ?? values.secret ?? (secret || key || '')) === '') {
    report.add('ticket', 'SKIP', 'With --key or --secret, a connection with a ticket is tried as well')
    return null
  }
  // A ticket that fails because of the command's arguments is reported as in every other command.
  const issue = await ticketIssuer(values)
  try {
    // No host is passed: the address is the one that the node gives its clients.
    const ticket = await issue({ user: 'rtms-doctor', host: undefined })
    checkTicketUrl(new URL(ticket.url), url, report)
    return ticket
  } catch (error) {
    report.add('ticket', 'FAIL', `No ticket can be had: ${(error as Error).message}`)
    return null
  }
}

function checkTicketUrl(given: URL, asked: URL, report: Report): void {
  const isElsewhere = isLocal(given.hostname) && !isLocal(asked.hostname)
  const isPlain = given.protocol === 'ws:' && asked.protocol === 'https:'
  if (!isElsewhere && !isPlain) return
  report.add(
    'address',
    'WARN',
    `Tickets send clients to ${given.protocol}//${given.host}, which is not how you reach the node`,
    "Set the node's option publicUrl to what clients connect to, or give `host` with each ticket",
  )
}
