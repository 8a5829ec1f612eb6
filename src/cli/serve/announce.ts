import type { Address, Logger } from '../../server/index.ts'
import type { NodeSettings } from './node.ts'

/** A node's name, '' where there is no other, and where it listens. */
export type Named = readonly [name: string, address: Address]

const httpOf = ({ host, port, url }: Address): string =>
  `${url.startsWith('wss:') ? 'https' : 'http'}://${host}:${port}`

/** Says where the nodes listen, and what is open to whom. A key is shown only if it was made for this run. */
export function announce(
  addresses: readonly Named[],
  settings: NodeSettings,
  madeKey: string | undefined,
  logger: Logger,
): void {
  const say = (line: string): void => logger.info({}, line)
  const at = addresses[0] === undefined ? '' : httpOf(addresses[0][1])
  const isAlone = addresses.length === 1
  if (settings.dev) {
    logger.warn({}, 'DEVELOPMENT MODE: whoever reaches this port gets in as a guest. Not for the public!')
    say(`RTMS is up. Open ${at}`)
  } else if (isAlone)
    say(
      `RTMS listens at ${at}. Clients need a ticket signed with ${settings.keys === undefined ? 'the secret' : 'the key'}`,
    )
  if (!isAlone) for (const [name, address] of addresses) say(`${name} listens at ${httpOf(address)}`)
  if (settings.host === undefined) say('It is reached at every address of this machine (--host)')
  say(`Pages that may connect: ${pages(settings)}`)
  say(`/healthz and /readyz answer everybody; /metrics answers ${readers(settings)}`)
  if (settings.requests !== undefined) say(`Requests of clients go to ${settings.requests.url}`)
  if (settings.admin !== false) {
    const how =
      settings.admin === 'key' ? 'with the key of the HTTP API' : 'without a key, from this machine only'
    say(`${isAlone ? `The dashboard is at ${at}` : 'Each node has a dashboard at'}/admin/, ${how}`)
  }
  const api = addresses[0]?.[1].url.replace('ws', 'http')
  if (madeKey !== undefined)
    say(`For the commands and the HTTP API: export RTMS_URL=${api} RTMS_KEY=${madeKey}`)
  else if (settings.api === undefined) say('There is no HTTP API: it needs a key, --api-key')
  else
    say(
      isAlone
        ? `With the key, its HTTP API is at ${api}/v1`
        : 'With the key, each node has an HTTP API at /rtms/v1',
    )
}

function pages({ origins }: NodeSettings): string {
  if (origins === '*') return 'those of any origin'
  return origins === undefined ? 'those of the same host (--origins)' : `those of ${origins.join(', ')}`
}

function readers({ metrics }: NodeSettings): string {
  if (metrics === 'public') return 'everybody'
  return metrics === false ? 'nobody' : 'this machine alone (--metrics)'
}
