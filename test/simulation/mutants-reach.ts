import { Listeners } from '../../src/client/events.ts'
import { Calls } from '../../src/client/machine/calls.ts'
import { Meeting } from '../../src/client/meeting.ts'
import type { Connection } from '../../src/core/door/connection.ts'
import { Endings } from '../../src/core/door/endings.ts'
import { Revocations } from '../../src/core/door/revocations.ts'
import { Downstream } from '../../src/core/down/downstream.ts'
import { Budget, Payer } from '../../src/core/ground/budget.ts'
import { defaultLimits, fixedLimits } from '../../src/core/ground/config.ts'
import { Guards } from '../../src/core/guards.ts'
import { RtmsNode } from '../../src/core/node.ts'
import { Sessions } from '../../src/core/session/sessions.ts'
import { Openings } from '../../src/core/up/openings.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs of the public client, of clocks that are set, of ports that throw, and of what others can make a node do. */
export const reachMutants: readonly Mutant[] = [
  {
    name: 'a listener told of events after it was removed',
    breaks: ['I24'],
    from: 3,
    plant: () =>
      replace(Listeners.prototype, 'add', (add) => {
        return function (this: Listeners<readonly unknown[]>, listener) {
          add.call(this, listener)
          return () => {}
        }
      }),
  },
  {
    name: 'a listener told of an event twice',
    breaks: ['I24'],
    from: 27,
    plant: () => {
      const strike = every(20)
      return replace(Listeners.prototype, 'add', (add) => {
        return function (this: Listeners<readonly unknown[]>, listener) {
          return add.call(this, (...args: readonly unknown[]) => {
            listener?.(...args)
            if (strike()) listener?.(...args)
          })
        }
      })
    },
  },
  {
    name: 'a call that does not end at its time',
    breaks: ['I24', 'I18', 'crash'],
    plant: () => replace(Calls.prototype, 'expire', () => () => {}),
  },
  {
    name: 'calls left as they are when the client is closed',
    breaks: ['I24', 'I18'],
    from: 200,
    plant: () => replace(Calls.prototype, 'endAll', () => () => {}),
  },
  {
    name: 'the end of a meeting not told to its listeners',
    breaks: ['liveness', 'I24', 'I4'],
    from: 3,
    plant: () => replace(Meeting.prototype, 'ended', () => () => {}),
  },
  {
    name: 'tokens that expire by the clock as it was',
    breaks: ['I17'],
    from: 245,
    plant: () => replace(Sessions.prototype, 'retime', () => () => {}),
  },
  {
    name: 'a session that is away kept for ever once the clock was set',
    breaks: ['I20'],
    from: 16,
    plant: () =>
      replace(Sessions.prototype, 'retime', () => {
        return function (this: Sessions) {
          for (const session of this.all()) this.renew(session, session.grant)
        }
      }),
  },
  {
    name: 'a revocation that trusts the clock of the issuer',
    breaks: ['I17'],
    from: 37,
    plant: () =>
      replace(Revocations.prototype, 'add', (add) => {
        return function (this: Revocations, revoked, until, now, wallOffset) {
          return add.call(this, revoked, until - fixedLimits.aheadMs, now, wallOffset)
        }
      }),
  },
  {
    name: 'a JOIN forgotten while its meeting is opened',
    breaks: ['I24', 'I18', 'I4', 'I15', 'liveness'],
    from: 4,
    plant: () => replace(Openings.prototype, 'ask', () => (session, join) => session.wait(join)),
  },
  {
    name: 'a full node that refuses those who hold little as well',
    breaks: ['I22'],
    from: 229,
    plant: () =>
      replace(Budget.prototype, 'admits', () => {
        return function (this: Budget) {
          return !this.isFull
        }
      }),
  },
  {
    name: 'bytes given back twice',
    breaks: ['I21', 'I16'],
    plant: () => {
      const strike = every(100)
      return replace(Payer.prototype, 'hold', (hold) => {
        return function (this: Payer, bytes) {
          hold.call(this, bytes < 0 && strike() ? 2 * bytes : bytes)
        }
      })
    },
  },
  {
    name: 'the sessions of all users taken for those of one',
    breaks: ['I22'],
    from: 26,
    plant: () =>
      replace(Sessions.prototype, 'attach', (attach) => {
        return function (this: Sessions, outlet, hello, grant) {
          const isFull = this.size >= defaultLimits.sessionsPerUser && hello.session === ''
          return isFull ? 'limit' : attach.call(this, outlet, hello, grant)
        }
      }),
  },
  {
    name: 'a sweep that writes all there is',
    breaks: ['I23'],
    from: 17,
    plant: () =>
      replace(Downstream.prototype, 'flush', (flush) => {
        return function (this: Downstream, now, _budget, work) {
          flush.call(this, now, Infinity, work)
        }
      }),
  },
  {
    name: 'a socket that throws ends the connection opened before it as well',
    breaks: ['I23'],
    plant: plantNeighbours,
  },
  {
    name: 'an answer owed for a port that threw and never given',
    breaks: ['I18', 'I24', 'crash'],
    from: 11,
    plant: () => replace(Guards.prototype, 'sweep', () => () => {}),
  },
]

function plantNeighbours(): () => void {
  const before = new Map<Connection, Connection | undefined>()
  let last: Connection | undefined
  const note = replace(RtmsNode.prototype, 'handleOpen', (handleOpen) => {
    return function (this: RtmsNode, ...args) {
      const connection = handleOpen.apply(this, args)
      before.set(connection, last)
      last = connection
      return connection
    }
  })
  const spread = replace(Endings.prototype, 'dismiss', (dismiss) => {
    return function (this: Endings, outlet, reason) {
      dismiss.call(this, outlet, reason)
      const other = before.get(outlet as Connection)
      if (reason === 'BROKEN' && other?.outflow === 'open') dismiss.call(this, other, reason)
    }
  })
  return () => {
    note()
    spread()
  }
}
