import { checkName, checkUser, payloadOf } from './check.ts'
import type { Host } from './host.ts'

/** The users of this node. */
export class Users {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /**
   * Sends a value that has a JSON form, or a `Uint8Array`, of at most 32 KiB to every session of a user, whether it
   * is connected or may still come back. Resolves with the number of sessions reached. Rejects with an `RtmsError`:
   * BAD_NAME, TOO_LARGE, CLOSED; with a TypeError for what has no JSON form.
   */
  async push(user: string, name: string, value: unknown): Promise<number> {
    checkUser(user)
    checkName('push', name, 'BAD_NAME')
    const data = payloadOf(value)
    return this.#host.command((node) => node.push(user, name, data))
  }
}
