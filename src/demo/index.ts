import type { IncomingMessage, ServerResponse } from 'node:http'
import { RtmsError } from '../protocol/index.ts'
import { Rtms, type RtmsOptions, type Ticket } from '../server/index.ts'
import { pageHeaders } from '../server/edge/page-headers.ts'
import { loggerFor } from '../server/ground/logger.ts'
import { StaticFiles } from '../server/edge/static-files.ts'
import { isOfAnotherSite } from '../server/edge/strangers.ts'
import { battle } from './battle/rooms.ts'
import { guestOf, nodeOf } from './guests.ts'
import { HttpError, isNameOfHere, notFound, readJson, sendJson, strangeName } from './http.ts'
import { home } from './home.ts'
import { inside } from './inside/index.ts'
import type { Fault, Part } from './part.ts'
import { playground } from './playground.ts'
import { wall } from './wall/index.ts'

/*
 * The business server of the demo pages: what an application would write. It lets anybody in as a guest, so it is
 * for trying things out.
 */

function partsOf(rtms: Rtms, fault: Fault): Readonly<Record<string, Part>> {
  const fights = battle(rtms)
  return {
    battle: fights,
    home: home(rtms, fights, fault),
    inside: inside(rtms, fault),
    playground: playground(rtms, fault),
    wall: wall(rtms, fault),
  }
}

type Settings = Omit<RtmsOptions, 'handler' | 'server'>

/** The demo as it runs: a node and what moves on it. */
export interface Demo {
  readonly rtms: Rtms
  close(): Promise<void>
}

/** Starts a node that serves the demo; `pages` is the folder that `vite build web` made. */
export async function startDemo(settings: Settings, pages: string): Promise<Demo> {
  const logger = loggerFor(settings.logger)
  const fault: Fault = (error) => logger.error({ err: error }, 'the demo failed')
  const files = new StaticFiles(pages)
  const open = new Map<string, Part>()
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    for (const [name, value] of Object.entries(pageHeaders)) res.setHeader(name, value)
    const [path = '/'] = (req.url ?? '/').split('?')
    if (!isNameOfHere(req.headers.host, settings.host)) return strangeName(res)
    const part = open.get(/^\/api\/(\w+)\/ticket$/.exec(path)?.[1] ?? '')
    const seen = open.get(/^\/api\/(\w+)\/view$/.exec(path)?.[1] ?? '')
    if (seen?.view !== undefined && req.method === 'GET') void answerView(seen, req, res)
    else if (part !== undefined) void answerTicket(rtms, part, req, res)
    else answerFile(files, req, res, path)
  }
  // Visitors stay on the node that they have chosen, wherever the room is.
  const rtms: Rtms = await Rtms.start({ moves: false, ...settings, handler })
  for (const [name, part] of Object.entries(partsOf(rtms, fault))) open.set(name, part)

  async function answerTicket(
    rtms: Rtms,
    part: Part,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    try {
      if (req.method !== 'POST') {
        res.setHeader('allow', 'POST')
        throw new HttpError(405, 'ask for a ticket with POST')
      }
      // It reads no answer, and could open rooms without end all the same.
      if (isOfAnotherSite(req.headers)) throw new HttpError(403, 'a page of another site gets no ticket')
      sendJson(res, 200, await issueTicket(rtms, part, await readJson(req), req.headers.host))
    } catch (error) {
      // The visitor has gone away in the middle of the body.
      if (req.errored !== null) return
      if (statusOf(error) === 500) logger.error({ error }, 'a ticket could not be issued')
      // The rest of a body that is refused is not waited for.
      if (!req.complete) res.setHeader('connection', 'close')
      refuse(res, error)
    }
  }

  /** The guest secret is in a header: an address ends up in logs. */
  async function answerView(part: Part, req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const guest = /^Bearer ([\w-]{22})$/.exec(req.headers.authorization ?? '')?.[1]
      sendJson(res, 200, (await part.view?.(guest ?? '')) ?? {})
    } catch (error) {
      if (statusOf(error) === 500) logger.error({ error }, 'a view could not be shown')
      refuse(res, error)
    }
  }

  return {
    rtms,
    close() {
      for (const part of open.values()) part.close()
      return rtms.close()
    },
  }
}

function answerFile(files: StaticFiles, req: IncomingMessage, res: ServerResponse, path: string): void {
  // Names under /assets/ change with their content.
  const kept = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  res.setHeader('cache-control', kept)
  if (files.answer(req, res, path)) return
  res.setHeader('cache-control', 'no-cache')
  if (!files.answer(req, res, '/missing/', 404)) notFound(res)
}

function statusOf(error: unknown): number {
  return error instanceof HttpError ? error.status : error instanceof RtmsError ? 503 : 500
}

function refuse(res: ServerResponse, error: unknown): void {
  const status = statusOf(error)
  sendJson(res, status, { error: status === 500 ? 'the server has failed' : (error as Error).message })
}

async function issueTicket(rtms: Rtms, part: Part, body: unknown, host: string | undefined): Promise<object> {
  const guest = guestOf(body)
  const { answer, ...rights } = await part.admit(body, guest)
  const ticket = await rtms.tickets.issue({ ...rights, user: guest.user, host })
  return { ...ticket, ...answer, ...nodesFor(rtms, ticket, body, host), user: guest.user, guest: guest.guest }
}

/**
 * In a cluster: the nodes that a page may choose from, the one that its ticket led to by itself, and the address of the
 * one that it has chosen.
 */
function nodesFor(rtms: Rtms, { url }: Ticket, body: unknown, host: string | undefined): object {
  const alive = rtms.cluster
    .nodes({ host })
    .filter(({ status, address }) => status !== 'silent' && address !== '')
  if (alive.length === 1) return {}
  const wanted = nodeOf(body)
  const chosen = alive.find(({ node }) => node === wanted)
  return {
    url: chosen?.address ?? url,
    nodes: alive.map(({ node }) => node).toSorted(),
    home: alive.find(({ address }) => address === url)?.node ?? '',
  }
}
