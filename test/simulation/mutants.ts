import { FrameLog } from '../../src/core/frame-log.ts'
import type { PendingRequest } from '../../src/core/requests.ts'
import { Requests } from '../../src/core/requests.ts'
import { RtmsNode } from '../../src/core/node.ts'
import { TopicLog } from '../../src/core/topic-log.ts'
import { Link } from '../../src/testing/index.ts'

/** A bug that somebody might write, planted by a switch. `plant` returns what takes it out again. */
export interface Mutant {
  readonly name: string
  /** The invariants one of which it breaks. */
  readonly breaks: readonly string[]
  plant(): () => void
}

/** Puts another method in the place of one of a class, and gives it back. */
function replace<C extends object, K extends keyof C>(
  prototype: C,
  method: K,
  by: (original: C[K]) => C[K],
): () => void {
  const original = prototype[method]
  prototype[method] = by(original)
  return () => {
    prototype[method] = original
  }
}

/** Every nth time. */
function every(n: number): () => boolean {
  let count = 0
  return () => ++count % n === 0
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a frame dropped',
    breaks: ['I2'],
    plant: () => {
      const strike = every(50)
      return replace(FrameLog.prototype, 'read', (read) => {
        return function (this: FrameLog, cursor) {
          if (strike() && cursor.position + 1 < this.next) cursor.position++
          return read.call(this, cursor)
        }
      })
    },
  },
  {
    name: 'a frame doubled',
    breaks: ['I3'],
    plant: () => {
      const strike = every(50)
      return replace(FrameLog.prototype, 'read', (read) => {
        return function (this: FrameLog, cursor) {
          const before = cursor.position
          const result = read.call(this, cursor)
          if (strike()) cursor.position = before
          return result
        }
      })
    },
  },
  {
    name: 'a shared buffer reused',
    breaks: ['I1', 'I2', 'I3', 'I12'],
    plant: () => {
      // One scratch buffer for every packet: what is still on its way is written over by the next.
      const scratch = new Uint8Array(1 << 20)
      return replace(Link.prototype, 'write', (write) => {
        return function (this: Link, packet) {
          scratch.set(packet.bytes)
          return write.call(this, { ...packet, bytes: scratch.subarray(0, packet.bytes.length) })
        }
      })
    },
  },
  {
    name: 'a request answered twice',
    breaks: ['I18'],
    plant: () =>
      replace(Requests.prototype, 'reply', (reply) => {
        return function (this: Requests, call, outcome) {
          const pending = call as PendingRequest
          const open = pending.owner.requests.get(call.call) === pending
          reply.call(this, call, outcome)
          if (!open) return
          pending.owner.requests.set(call.call, pending)
          reply.call(this, call, outcome)
        }
      }),
  },
  {
    name: 'a wake-up lost after drain',
    breaks: ['liveness', 'I11', 'I15', 'I4'],
    plant: () => {
      const strike = every(3)
      return replace(RtmsNode.prototype, 'handleDrain', (handleDrain) => {
        return function (this: RtmsNode, connection) {
          if (!strike()) handleDrain.call(this, connection)
        }
      })
    },
  },
  {
    name: 'a publication skipped without a GAP',
    breaks: ['I11', 'I15'],
    plant: () => {
      const strike = every(40)
      return replace(TopicLog.prototype, 'read', (read) => {
        return function (this: TopicLog, cursor) {
          if (strike() && cursor.position >= this.first && cursor.position + 1 < this.next) cursor.position++
          return read.call(this, cursor)
        }
      })
    },
  },
  {
    name: 'an ack believed that was never sent',
    breaks: ['I13'],
    plant: () =>
      replace(RtmsNode.prototype, 'handlePacket', (handlePacket) => {
        return function (this: RtmsNode, connection, packet, now) {
          handlePacket.call(this, connection, packet, now)
          connection.acknowledged = connection.sent
        }
      }),
  },
]
