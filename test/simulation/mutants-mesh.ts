import { Hosting } from '../../src/core/cluster/hosting.ts'
import { linked, LinkParts } from '../../src/core/cluster/link-messages.ts'
import { Links } from '../../src/core/cluster/links.ts'
import { Mesh } from '../../src/core/cluster/mesh.ts'
import { MissingFrames } from '../../src/core/cluster/missing-frames.ts'
import { RemoteMember } from '../../src/core/cluster/remote-member.ts'
import { RemoteMembers } from '../../src/core/cluster/remote-members.ts'
import { Replica } from '../../src/core/cluster/replica.ts'
import { Carrier } from '../../src/core/topic/carrier.ts'
import { Heads } from '../../src/core/topic/heads.ts'
import { Topic } from '../../src/core/topic/topic.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs in what nodes tell each other of topics. */
const diffusionMutants: readonly Mutant[] = [
  {
    name: 'a number that is missing and not noticed',
    breaks: ['I11'],
    from: 34,
    plant: () =>
      replace(Heads.prototype, 'see', (see) => {
        return function (this: Heads, ...entry) {
          see.apply(this, entry)
          return 0
        }
      }),
  },
  {
    name: 'a topic that is read and not asked for',
    breaks: ['I11'],
    from: 16,
    plant: () => replace(Carrier.prototype, 'subscribe', () => () => {}),
  },
  {
    name: 'publications of another node taken twice',
    breaks: ['I11'],
    from: 4,
    plant: () => replace(Topic.prototype, 'head', () => () => 0),
  },
]

/** Bugs in meetings that are served on other nodes than their own. */
const replicaMutants: readonly Mutant[] = [
  {
    name: 'frames that a replica lacks and does not ask for',
    breaks: ['liveness'],
    from: 89,
    plant: () => replace(MissingFrames.prototype, 'seen', () => () => {}),
  },
  {
    name: 'frames that a replica asks for and does not get',
    breaks: ['liveness'],
    from: 50,
    plant: () => replace(Hosting.prototype, 'pull', () => () => {}),
  },
  {
    name: 'frames that a replica appends behind a hole',
    breaks: ['I1', 'I2', 'I4', 'I9'],
    from: 3,
    plant: () =>
      replace(Replica.prototype, 'frames', (frames) => {
        return function (this: Replica, message, now) {
          frames.call(this, { ...message, first: this.log.next }, now)
        }
      }),
  },
  {
    name: 'clients left with the replica of a node that has ended',
    breaks: ['liveness', 'I4', 'members'],
    from: 24,
    plant: () => replace(Mesh.prototype, 'gone', () => () => {}),
  },
  {
    name: 'readers counted for a node that has ended',
    breaks: ['I20', 'members'],
    from: 63,
    plant: () => replace(Hosting.prototype, 'lost', () => () => {}),
  },
  {
    name: 'a frame acknowledged to the owner before the member has it',
    breaks: ['I9'],
    from: 6,
    plant: () =>
      replace(RemoteMembers.prototype, 'acknowledge', (acknowledge) => {
        return function (this: RemoteMembers, member, frame) {
          acknowledge.call(this, member, frame + 1)
        }
      }),
  },
  {
    name: 'a member on another node that leaves and keeps its seat',
    breaks: ['I20'],
    from: 15,
    plant: () =>
      replace(Replica.prototype, 'leave', () => {
        return function (this: Replica, seat) {
          this.detach(seat)
        }
      }),
  },
  {
    name: 'what a link has lost not sent again',
    breaks: ['I17', 'I4', 'liveness'],
    from: 32,
    plant: () => replace(Links.prototype, 'beat', () => () => {}),
  },
  {
    name: 'a message of a link heard twice',
    breaks: ['I4'],
    from: 2,
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
    name: 'members lost with their node who never leave',
    breaks: ['members', 'I20'],
    from: 35,
    plant: () => replace(Hosting.prototype, 'expire', () => () => {}),
  },
  {
    name: 'the end of a seat not told to the other node',
    breaks: ['members', 'I4', 'I20'],
    from: 12,
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
  {
    name: 'an input sent again that the owner has',
    breaks: ['I4'],
    from: 14,
    plant: () =>
      replace(RemoteMember.prototype, 'seatedAgain', (seatedAgain) => {
        return function (this: RemoteMember, message) {
          seatedAgain.call(this, { ...message, seq: 0 })
        }
      }),
  },
  {
    name: 'a link that breaks without a word to the meetings',
    breaks: ['I4', 'I20', 'members', 'liveness'],
    from: 94,
    plant: () =>
      replace(LinkParts.prototype, 'add', (add) => {
        return function (this: LinkParts, code, part) {
          const isMesh = code === linked.mesh
          add.call(this, code, {
            message: (from, bytes, now) => part.message(from, bytes, now),
            broken: (node, now) => {
              if (!isMesh) part.broken(node, now)
            },
          })
        }
      }),
  },
]

export const meshMutants: readonly Mutant[] = [...diffusionMutants, ...replicaMutants]
