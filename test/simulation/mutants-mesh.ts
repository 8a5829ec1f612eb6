import { Hosting } from '../../src/core/cluster/hosting.ts'
import { LinkParts } from '../../src/core/cluster/link-messages.ts'
import { Links } from '../../src/core/cluster/links.ts'
import { MissingFrames } from '../../src/core/cluster/missing-frames.ts'
import { RemoteMembers } from '../../src/core/cluster/remote-members.ts'
import { Replica } from '../../src/core/cluster/replica.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs in links between nodes, and in meetings of other nodes. */
export const meshMutants: readonly Mutant[] = [
  {
    name: 'what was lost on a link not sent again',
    breaks: ['liveness', 'I4', 'members', 'presence'],
    from: 14,
    plant: () => replace(Links.prototype, 'beat', () => () => {}),
  },
  {
    name: 'a message of a link heard twice',
    breaks: ['I4'],
    plant: () => {
      const strike = every(5)
      return replace(LinkParts.prototype, 'add', (add) => {
        return function (this: LinkParts, code, part) {
          add.call(this, code, {
            message: (from, bytes, now) => {
              part.message(from, bytes, now)
              if (strike()) part.message(from, bytes, now)
            },
            broken: (node, now) => part.broken(node, now),
          })
        }
      })
    },
  },
  {
    name: 'a lost frame not asked for',
    breaks: ['liveness', 'members', 'I4'],
    plant: () => replace(MissingFrames.prototype, 'seen', () => () => {}),
  },
  {
    name: 'a frame in the place of a lost one',
    breaks: ['I1'],
    plant: () =>
      replace(Replica.prototype, 'frames', (frames) => {
        return function (this: Replica, datagram, now) {
          const first = Math.min(datagram.first, this.log.next)
          frames.call(this, { ...datagram, first }, now)
        }
      }),
  },
  {
    name: 'a frame acknowledged for a member who has not got it',
    breaks: ['I9'],
    plant: () =>
      replace(RemoteMembers.prototype, 'acknowledge', (acknowledge) => {
        return function (this: RemoteMembers, member, frame) {
          acknowledge.call(this, member, frame + 2)
        }
      }),
  },
  {
    name: 'members of a meeting whose node has ended, left waiting',
    breaks: ['liveness', 'members', 'I20', 'I8'],
    from: 7,
    plant: () => replace(Replica.prototype, 'lost', () => () => {}),
  },
  {
    name: 'members who stay though their node has ended',
    breaks: ['members', 'I20'],
    from: 57,
    plant: () => replace(Hosting.prototype, 'lost', () => () => {}),
  },
  {
    name: 'members lost with their node who never leave',
    breaks: ['members', 'I20'],
    from: 26,
    plant: () => replace(Hosting.prototype, 'expire', () => () => {}),
  },
  {
    name: 'the end of a seat not told to the other node',
    breaks: ['members', 'I4', 'I20'],
    plant: () =>
      replace(Hosting.prototype, 'say', (say) => {
        return function (this: Hosting, node, message) {
          if (message.type !== 'ended') say.call(this, node, message)
        }
      }),
  },
  {
    name: 'spectators of a replica who see what has not aged',
    breaks: ['I12'],
    from: 5,
    plant: () =>
      replace(Replica.prototype, 'handle', (handle) => {
        return function (this: Replica, message, now) {
          handle.call(this, message.type === 'followed' ? { ...message, spectatorDelayMs: 0 } : message, now)
        }
      }),
  },
]
