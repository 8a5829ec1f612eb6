import { FrameLog } from '../../src/core/meeting/frame-log.ts'
import { RtmsNode } from '../../src/core/node.ts'
import type { PendingRequest } from '../../src/core/up/requests.ts'
import { Requests } from '../../src/core/up/requests.ts'
import { SessionLog } from '../../src/core/session/session-log.ts'
import { Sessions } from '../../src/core/session/sessions.ts'
import { Stats } from '../../src/core/ground/stats.ts'
import { Topic } from '../../src/core/topic/topic.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs that leave something behind, count wrongly, or throw. */
export const leakMutants: readonly Mutant[] = [
  {
    name: 'a half-open connection never given up',
    breaks: ['I20'],
    from: 4,
    plant: () =>
      replace(RtmsNode.prototype, 'handleOpen', (handleOpen) => {
        return function (this: RtmsNode, transport, codec, now) {
          const connection = handleOpen.call(this, transport, codec, now)
          Object.defineProperty(connection, 'lastHeard', { get: () => Infinity, set: () => {} })
          return connection
        }
      }),
  },
  {
    name: 'a subscription that outlives its connection',
    breaks: ['I20'],
    from: 3,
    plant: () => {
      const strike = every(10)
      return replace(Topic.prototype, 'leave', (leave) => {
        return function (this: Topic, cursor, now) {
          if (!strike()) leave.call(this, cursor, now)
        }
      })
    },
  },
  {
    name: 'a session kept for ever',
    breaks: ['I20'],
    plant: () =>
      replace(Sessions.prototype, 'detach', (detach) => {
        return function (this: Sessions, session) {
          detach.call(this, session, 1e12)
        }
      }),
  },
  {
    name: 'a packet that cannot be read throws',
    breaks: ['I20'],
    from: 7,
    plant: () =>
      replace(RtmsNode.prototype, 'handlePacket', (handlePacket) => {
        return function (this: RtmsNode, connection, packet, now) {
          connection.codec.decode(packet, 'client')
          handlePacket.call(this, connection, packet, now)
        }
      }),
  },
  {
    name: 'an answer that nobody waits for throws',
    breaks: ['I20'],
    plant: () =>
      replace(Requests.prototype, 'reply', (reply) => {
        return function (this: Requests, call, outcome, now) {
          if (this.of((call as PendingRequest).owner) === 0) throw new Error('no such request')
          reply.call(this, call, outcome, now)
        }
      }),
  },
  {
    name: 'bytes of a meeting that is over still counted',
    breaks: ['I16'],
    plant: () => replace(FrameLog.prototype, 'release', () => () => {}),
  },
  {
    name: 'bytes of a session that is over still counted',
    breaks: ['I16'],
    plant: () => replace(SessionLog.prototype, 'release', () => () => {}),
  },
  {
    name: 'a refused input not counted',
    breaks: ['I16'],
    from: 3,
    plant: () => {
      const strike = every(5)
      return replace(Stats.prototype, 'refuseInput', (refuseInput) => {
        return function (this: Stats, reason, inputs) {
          if (!strike()) refuseInput.call(this, reason, inputs)
        }
      })
    },
  },
]
