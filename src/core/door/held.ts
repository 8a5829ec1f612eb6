import type { ClientMessage } from '../../protocol/schema.ts'
import type { NodeLimits } from '../ground/config.ts'
import { weighMessage } from '../session/upstream-queue.ts'

/** Messages that followed a HELLO and wait for the WELCOME, no more than an upstream queue may hold. */
export class Held {
  readonly messages: ClientMessage[] = []
  readonly #limits: NodeLimits
  #weight = 0

  constructor(limits: NodeLimits) {
    this.#limits = limits
  }

  /** False: there is no room for the message. */
  add(message: ClientMessage): boolean {
    const { helloMessages, upstreamBytes } = this.#limits
    if (this.messages.length >= helloMessages || this.#weight >= upstreamBytes) return false
    this.messages.push(message)
    this.#weight += weighMessage(message)
    return true
  }
}
