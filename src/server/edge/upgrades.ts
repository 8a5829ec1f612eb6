import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { serverLimits } from '../ground/limits.ts'
import { withoutNode } from '../options/public-url.ts'
import { refuseUpgrade, targetOf } from './http.ts'

/** Takes the upgrades of one path. */
export type TakeUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

const all: WeakMap<Server, Upgrades> = new WeakMap()

/**
 * The upgrades of one server: those to the path of a node go to that node alone. Another listener, such as a
 * `WebSocketServer` that was given no path, would take the same socket, and whoever comes second throws.
 */
export class Upgrades {
  readonly #server: Server
  readonly #takers: Map<string, TakeUpgrade> = new Map()
  /** Upgrades that another listener may yet take. */
  readonly #waiting: Set<Duplex> = new Set()
  /** Gives up the place in front of the other listeners. */
  #stop: () => void = () => {}

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
    if (this.#takers.size === 0) this.#stop = this.#start()
    this.#takers.set(path, take)
  }

  remove(path: string): void {
    this.#takers.delete(path)
    if (this.#takers.size === 0) this.#stop()
  }

  /** A listener cannot keep an event from the others, so the call that tells them of it is stood in for. */
  #start(): () => void {
    const server = this.#server
    const own = Object.getOwnPropertyDescriptor(server, 'emit')
    const emit = server.emit.bind(server) as (...args: unknown[]) => boolean
    const instead = (event: string, ...args: unknown[]): boolean =>
      (event === 'upgrade' && this.#take(...(args as Parameters<TakeUpgrade>))) || emit(event, ...args)
    server.emit = instead
    server.on('upgrade', this.#stray)
    return () => {
      server.off('upgrade', this.#stray)
      // Somebody else may stand in for it by now, and calls this one.
      if (server.emit !== instead) return
      if (own === undefined) Reflect.deleteProperty(server, 'emit')
      else Object.defineProperty(server, 'emit', own)
    }
  }

  /** False where it is for none of the nodes. */
  #take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const [path = ''] = targetOf(request).split('?')
    const take = this.#takers.get(path) ?? this.#takers.get(withoutNode(path))
    take?.(request, socket, head)
    return take !== undefined
  }

  readonly #stray = (request: IncomingMessage, socket: Duplex): void => {
    if (this.#server.listenerCount('upgrade') === 1) refuse(request, socket)
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
