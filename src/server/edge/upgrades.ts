import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { serverLimits } from '../ground/limits.ts'
import { withoutNode } from '../options/public-url.ts'
import { refuseUpgrade } from './http.ts'

/** Takes the upgrades of one path. */
export type TakeUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

const all: WeakMap<Server, Upgrades> = new WeakMap()

/** Dispatches the upgrades of one server, which may be meant for any of the attached nodes or for another listener. */
export class Upgrades {
  readonly #server: Server
  readonly #takers: Map<string, TakeUpgrade> = new Map()
  /** Upgrades that another listener may yet take. */
  readonly #waiting: Set<Duplex> = new Set()

  private constructor(server: Server) {
    this.#server = server
  }

  static of(server: Server): Upgrades {
    const known = all.get(server)
    if (known !== undefined) return known
    const upgrades = new Upgrades(server)
    all.set(server, upgrades)
    return upgrades
  }

  /** Throws an Error where another node has the path. */
  add(path: string, take: TakeUpgrade): void {
    if (this.#takers.has(path)) {
      throw new Error(
        `RTMS cannot start:\n  path: another node has ${path} of this server; give each a path of its own`,
      )
    }
    if (this.#takers.size === 0) this.#server.prependListener('upgrade', this.#upgrade)
    this.#takers.set(path, take)
  }

  remove(path: string): void {
    this.#takers.delete(path)
    if (this.#takers.size === 0) this.#server.off('upgrade', this.#upgrade)
  }

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const [path = ''] = (request.url ?? '').split('?')
    const take = this.#takers.get(path) ?? this.#takers.get(withoutNode(path))
    if (take !== undefined) take(request, socket, head)
    else if (this.#server.listenerCount('upgrade') === 1) refuse(request, socket)
    else this.#wait(request, socket)
  }

  /**
   * Another listener may take it, now or when it has asked somebody. One that nobody has touched after a while is
   * answered: it would stay open for ever, and its first error, without a listener, would end the process.
   */
  #wait(request: IncomingMessage, socket: Duplex): void {
    if (this.#waiting.size >= serverLimits.strayUpgrades) {
      refuse(request, socket)
      return
    }
    this.#waiting.add(socket)
    const timer = setTimeout(() => {
      this.#waiting.delete(socket)
      if (!socket.destroyed && signsOfUse(socket) === before) refuse(request, socket)
    }, serverLimits.strayUpgradeMs)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(timer)
      this.#waiting.delete(socket)
    })
    const before = signsOfUse(socket)
  }
}

/** What changes when somebody takes a socket over: it is listened to, read from or written to. */
function signsOfUse(socket: Duplex): string {
  const listeners = socket.eventNames().map((name) => socket.listenerCount(name))
  return [listeners, socket.readableFlowing, (socket as Partial<Socket>).bytesWritten].join(' ')
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** Some HTTP clients ask for HTTP/2 with every request. */
function refuse(request: IncomingMessage, socket: Duplex): void {
  if (isWebSocket(request)) refuseUpgrade(socket, 404, 'There is nothing at this path.')
  else refuseUpgrade(socket, 426, 'Only upgrades to WebSocket are answered here: ask again without Upgrade.')
}
