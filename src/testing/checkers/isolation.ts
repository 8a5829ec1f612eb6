import type { RawFrame } from '../../client/machine/index.ts'
import type { ServerMessage } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import type { Rooms } from './rooms.ts'

/**
 * I12 Isolation: a message for one user reaches no other user, and spectators get nothing before its time. I3: nothing
 * arrives twice.
 */
export class IsolationChecker implements Observer {
  readonly #rooms: Rooms
  readonly #now: () => number
  readonly #heard: Set<string> = new Set()

  constructor(rooms: Rooms, now: () => number) {
    this.#rooms = rooms
    this.#now = now
  }

  push(client: ClientFacts, name: string, text: string): void {
    if (!text.startsWith(`push ${client.user} `))
      violate('I12', `client ${client.id} of ${client.user} got ${name} ${text}`)
    this.#once(client, text)
  }

  direct(client: ClientFacts, meeting: string, text: string): void {
    if (!text.startsWith(`direct ${client.user} ${meeting} `))
      violate('I12', `client ${client.id} of ${client.user} got ${text} in ${meeting}`)
    this.#once(client, text)
  }

  #once(client: ClientFacts, text: string): void {
    const key = `${client.id} ${text}`
    if (this.#heard.has(key)) violate('I3', `client ${client.id} got ${text} twice`)
    this.#heard.add(key)
  }

  down(client: ClientFacts, _connection: number, message: ServerMessage): void {
    if (message.type === 'welcome' && message.user !== client.user)
      violate('I12', `${client.user} was welcomed as ${message.user}`)
  }

  frame(client: ClientFacts, meeting: string, world: number, { number }: RawFrame): void {
    const delay = this.#rooms.delayOf(client, meeting)
    if (delay === 0) return
    const age = this.#now() - (this.#rooms.sealedAt(client, meeting, world, number) ?? -Infinity)
    if (age < delay)
      violate('I12', `a spectator saw frame ${number} of ${meeting} after ${age} ms; the delay is ${delay}`)
  }
}
