import { Connections } from '../../src/core/door/connections.ts'
import { Downstream } from '../../src/core/down/downstream.ts'
import { FrameClock } from '../../src/core/meeting/frame-clock.ts'
import { FrameLog } from '../../src/core/meeting/frame-log.ts'
import { Gap } from '../../src/core/log/batches.ts'
import { Owner } from '../../src/core/meeting/owner.ts'
import { RtmsNode } from '../../src/core/node.ts'
import { SessionLog } from '../../src/core/session/session-log.ts'
import { Sessions } from '../../src/core/session/sessions.ts'
import { Topic } from '../../src/core/topic/topic.ts'
import { Compacted } from '../../src/core/topic/compacted.ts'
import { TopicEntries } from '../../src/core/topic/entries.ts'
import { type Connection, policies } from '../../src/core/index.ts'
import { binaryCodec, type MessageOf } from '../../src/protocol/index.ts'
import { Link } from '../../src/testing/index.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs in the delivery of frames, publications and answers. */
export const deliveryMutants: readonly Mutant[] = [
  {
    name: 'a frame dropped',
    breaks: ['I2'],
    from: 3,
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
      replace(Downstream.prototype, 'send', (send) => {
        return function (this: Downstream, session, message) {
          send.call(this, session, message)
          if (message.type === 'reply') send.call(this, session, message)
        }
      }),
  },
  {
    name: 'a wake-up lost after drain',
    breaks: ['liveness', 'I11', 'I15', 'I4'],
    from: 3,
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
      return replace(Topic.prototype, 'read', (read) => {
        return function (this: Topic, cursor) {
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
  {
    name: 'a beat of the clock left out',
    breaks: ['I6'],
    plant: () =>
      replace(FrameClock.prototype, 'due', (due) => {
        return function (this: FrameClock, frame) {
          return due.call(this, frame) + (frame % 20 === 0 ? 3 * this.interval : 0)
        }
      }),
  },
  {
    name: 'an empty frame without a number',
    breaks: ['I6'],
    plant: () => {
      const strike = every(20)
      return replace(FrameLog.prototype, 'append', (append) => {
        return function (this: FrameLog, frame, stable) {
          if (frame.length > 0 || !strike()) append.call(this, frame, stable)
        }
      })
    },
  },
  {
    name: 'a reader that stands still holds up everybody',
    breaks: ['I14'],
    from: 17,
    plant: plantHoldUp,
  },
  {
    name: 'a resume that passes for complete although frames are gone',
    breaks: ['I7'],
    from: 25,
    plant: () =>
      replace(Owner.prototype, 'join', (join) => {
        return function (this: Owner, session, message, now) {
          const joined = join.call(this, session, message, now)
          if (typeof joined === 'string' || 'code' in joined || joined.reason !== 'NO_SNAPSHOT') return joined
          return { ...joined, recovered: true, reason: '' }
        }
      }),
  },
  {
    name: 'an input taken twice',
    breaks: ['I4'],
    plant: () => {
      const strike = every(10)
      return replace(Owner.prototype, 'accept', (accept) => {
        return function (this: Owner, seat, message, now) {
          const refusal = accept.call(this, seat, message, now)
          if (refusal === null && strike()) accept.call(this, seat, { ...message, seq: message.seq + 1 }, now)
          return refusal
        }
      })
    },
  },
  {
    name: 'the policy disconnect taken for skip',
    breaks: ['I15'],
    from: 30,
    plant: () =>
      replace(Topic.prototype, 'add', (add) => {
        return function (this: Topic, cursor) {
          const { wish } = cursor
          if (wish.policy === policies.disconnect)
            Object.assign(cursor, { wish: { ...wish, policy: policies.skip } })
          add.call(this, cursor)
        }
      }),
  },
  {
    name: 'a reader that stands still never disconnected',
    breaks: ['I15'],
    from: 64,
    plant: () => replace(Topic.prototype, 'eachFallen', () => () => {}),
  },
  {
    name: 'a reader that is too slow not closed',
    breaks: ['I15', 'liveness', 'I18', 'I11'],
    from: 21,
    plant: () =>
      replace(Connections.prototype, 'close', (close) => {
        return function (this: Connections, connection, reason, text, now) {
          if (reason !== 'SLOW') close.call(this, connection, reason, text, now)
        }
      }),
  },
  {
    name: 'a conflating reader left with an old value',
    breaks: ['I15', 'I11'],
    from: 3,
    plant: () => {
      const strike = every(4)
      return replace(TopicEntries.prototype, 'read', (read) => {
        return function (this: TopicEntries, cursor) {
          if (!cursor.wish.conflate || !strike()) return read.call(this, cursor)
          cursor.position = this.next
          cursor.values = null
          return 'nothing'
        }
      })
    },
  },
  {
    name: 'a gap that counts one too few',
    breaks: ['I15'],
    from: 67,
    plant: () =>
      replace(TopicEntries.prototype, 'read', (read) => {
        return function (this: TopicEntries, cursor) {
          const result = read.call(this, cursor)
          if (!(result instanceof Gap) || result.reason !== 'SLOW') return result
          const [gap] = binaryCodec.decode(result.binary, 'server') as [MessageOf<'gap'>]
          return new Gap(gap.log, gap.from + 1, gap.to, gap.position, gap.reason)
        }
      }),
  },
  {
    name: 'a position taken for one of any log',
    breaks: ['I7'],
    plant: () =>
      replace(Topic.prototype, 'resume', (resume) => {
        return function (this: Topic, { at, numbers }, wish) {
          return resume.call(this, { epoch: this.epoch, at: Math.min(at, this.next), numbers }, wish)
        }
      }),
  },
  {
    name: 'entries of other keys taken for a loss',
    breaks: ['I7', 'I11', 'I15'],
    from: 10,
    plant: () =>
      replace(TopicEntries.prototype, 'hasLost', (hasLost) => {
        return function (this: TopicEntries, at, wish) {
          return hasLost.call(this, at, { ...wish, keys: null })
        }
      }),
  },
  {
    name: 'a removal forgotten unheard',
    breaks: ['I15'],
    from: 16,
    plant: () => replace(Compacted.prototype, 'hasForgotten', () => () => false),
  },
  {
    name: 'a reader that begins anew at each page',
    breaks: ['I11'],
    from: 46,
    plant: () =>
      replace(TopicEntries.prototype, 'read', (read) => {
        return function (this: TopicEntries, cursor) {
          if (cursor.values !== null) cursor.values = 0
          return read.call(this, cursor)
        }
      }),
  },
  {
    name: 'latest values in the place of entries without a GAP',
    breaks: ['I11'],
    plant: () =>
      replace(TopicEntries.prototype, 'read', (read) => {
        return function (this: TopicEntries, cursor) {
          const result = read.call(this, cursor)
          const isTold = result instanceof Gap && cursor.conflatedTo > cursor.position
          return isTold ? read.call(this, cursor) : result
        }
      }),
  },
  {
    name: 'calls taken again by a resumed session',
    breaks: ['I18'],
    plant: () =>
      replace(Sessions.prototype, 'attach', (attach) => {
        return function (this: Sessions, connection, hello, grant) {
          const attached = attach.call(this, connection, hello, grant)
          if (typeof attached !== 'string') attached.session.calls = 0
          return attached
        }
      }),
  },
  {
    name: 'a resumed session told again what it has acknowledged',
    breaks: ['I3', 'I18'],
    from: 3,
    plant: () =>
      replace(SessionLog.prototype, 'attach', (attach) => {
        return function (this: SessionLog, outlet, received) {
          attach.call(this, outlet, received - 1)
          return received
        }
      }),
  },
  {
    name: 'a session log that overruns in silence',
    breaks: ['I18', 'I4', 'I11', 'liveness', 'I15'],
    from: 5,
    plant: () => {
      const append = replace(SessionLog.prototype, 'append', (append) => {
        return function (this: SessionLog, entry) {
          append.call(this, entry)
          return true
        }
      })
      const read = replace(SessionLog.prototype, 'read', (read) => {
        return function (this: SessionLog, cursor) {
          let result = read.call(this, cursor)
          for (; result === 'disconnect'; result = read.call(this, cursor)) cursor.position++
          return result
        }
      })
      return () => {
        append()
        read()
      }
    },
  },
]

/** While any reader stands still, all are told of every fourth frame only. */
function plantHoldUp(): () => void {
  const connections = new Set<Connection>()
  const note = replace(RtmsNode.prototype, 'handleOpen', (handleOpen) => {
    return function (this: RtmsNode, transport, codec, now) {
      const connection = handleOpen.call(this, transport, codec, now)
      connections.add(connection)
      return connection
    }
  })
  const wait = replace(Downstream.prototype, 'mark', (mark) => {
    return function (this: Downstream, cursor) {
      const next = cursor.log instanceof FrameLog ? cursor.log.next : 0
      for (const { phase, hasCredit } of connections)
        if (phase.name === 'live' && !hasCredit && next % 4 !== 0) return
      mark.call(this, cursor)
    }
  })
  return () => {
    note()
    wait()
  }
}
