import { Connections } from '../../src/core/door/connections.ts'
import { Gallery } from '../../src/core/meeting/gallery.ts'
import { Gate } from '../../src/core/up/gate.ts'
import type { Payload } from '../../src/protocol/index.ts'
import { Roster } from '../../src/core/meeting/roster.ts'
import { Meetings } from '../../src/core/meeting/meetings.ts'
import { RtmsNode } from '../../src/core/node.ts'
import { Revocations } from '../../src/core/door/revocations.ts'
import { Sessions } from '../../src/core/session/sessions.ts'
import { type Mutant, replace } from './plant.ts'

/** Bugs in who may have what. */
export const accessMutants: readonly Mutant[] = [
  {
    name: 'a revocation that leaves who is connected alone',
    breaks: ['I17'],
    plant: () => replace(RtmsNode.prototype, 'revoke', () => () => 0),
  },
  {
    name: 'a revoked token that opens a session again',
    breaks: ['I17'],
    from: 15,
    plant: () => {
      let opening = false
      const open = replace(Connections.prototype, 'authenticated', (authenticated) => {
        return function (this: Connections, connection, outcome, now) {
          opening = true
          authenticated.call(this, connection, outcome, now)
          opening = false
        }
      })
      const blind = replace(Revocations.prototype, 'covers', (covers) => {
        return function (this: Revocations, grant) {
          return !opening && covers.call(this, grant)
        }
      })
      return () => {
        open()
        blind()
      }
    },
  },
  {
    name: 'a token that never expires',
    breaks: ['I17'],
    from: 45,
    plant: () =>
      replace(Sessions.prototype, 'renew', (renew) => {
        return function (this: Sessions, session, grant) {
          renew.call(this, session, { ...grant, expires: 0 })
        }
      }),
  },
  {
    name: 'a new token that leaves the old rights',
    breaks: ['I17'],
    plant: () =>
      replace(Sessions.prototype, 'renew', (renew) => {
        return function (this: Sessions, session, grant) {
          const { meetings, read, write } = session.grant
          renew.call(this, session, { ...grant, meetings, read, write })
        }
      }),
  },
  {
    name: 'the answers of authorize not listened to',
    breaks: ['I17'],
    from: 17,
    plant: () =>
      replace(Gate.prototype, 'answer', (answer) => {
        return function (this: Gate, question, _allowed, now) {
          answer.call(this, question, true, now)
        }
      }),
  },
  {
    name: 'a session given to whoever knows its name',
    breaks: ['I12'],
    from: 13,
    plant: () =>
      replace(Sessions.prototype, 'attach', (attach) => {
        return function (this: Sessions, connection, hello, grant) {
          const known = [...this.all()].find(({ id }) => id === hello.session)
          return attach.call(this, connection, hello, { ...grant, user: known?.user ?? grant.user })
        }
      }),
  },
  {
    name: 'a push to another user',
    breaks: ['I12'],
    plant: () =>
      replace(RtmsNode.prototype, 'push', (push) => {
        return function (this: RtmsNode, _user, name, data) {
          return push.call(this, 'u1', name, data)
        }
      }),
  },
  {
    name: 'a word for one member said to the next',
    breaks: ['I12'],
    from: 6,
    plant: () =>
      replace(Roster.prototype, 'sendTo', (sendTo) => {
        return function (this: Roster, slot, data) {
          return sendTo.call(this, slot + 1, data)
        }
      }),
  },
  {
    name: 'spectators who see everything at once',
    breaks: ['I12'],
    from: 5,
    plant: () =>
      replace(Gallery.prototype, 'sealed', (sealed) => {
        return function (this: Gallery, events, now) {
          sealed.call(this, events, now - 10_000)
        }
      }),
  },
  {
    name: 'an input framed although the business refused it',
    breaks: ['I4', 'I5'],
    plant: () =>
      replace(Meetings.prototype, 'open', (open) => {
        return function (this: Meetings, name, options, business, now, maker) {
          const { logic } = business
          const input = logic?.input?.bind(logic)
          if (logic !== null && input !== undefined)
            logic.input = (slot, user, data): Payload => {
              const decided = input(slot, user, data)
              return 'code' in decided ? data : decided
            }
          return open.call(this, name, options, business, now, maker)
        }
      }),
  },
]
