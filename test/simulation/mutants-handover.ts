import { Giving } from '../../src/core/cluster/giving.ts'
import { Holdings } from '../../src/core/cluster/holdings.ts'
import { Hosting } from '../../src/core/cluster/hosting.ts'
import { Registrar } from '../../src/core/cluster/registrar.ts'
import { Taking } from '../../src/core/cluster/taking.ts'
import { Intake } from '../../src/core/meeting/intake.ts'
import { Electorate } from '../../src/core/meeting/electorate.ts'
import { Meetings } from '../../src/core/meeting/meetings.ts'
import type { Owner } from '../../src/core/meeting/owner.ts'
import { Roster } from '../../src/core/meeting/roster.ts'
import type { OwnerState } from '../../src/core/meeting/owner-state.ts'
import { type Mutant, replace } from './plant.ts'

/** A meeting that was handed over, as its old owner could go on with it. */
interface Given {
  readonly meetings: Meetings
  readonly owner: Owner
  readonly state: OwnerState
  readonly at: number
}

/** Bugs in the hand-over of meetings: rule 9 of `ownership.md`, and what each step of it is for. */
export const handoverMutants: readonly Mutant[] = [
  {
    // [sealafter]
    name: 'an owner that seals after its YIELD',
    breaks: ['I6', 'I9', 'I10', 'I1'],
    from: 19,
    plant: () =>
      replace(Meetings.prototype, 'resign', (resign) => {
        return function (this: Meetings, owner) {
          owner.resign = () => 0
          resign.call(this, owner)
        }
      }),
  },
  {
    // [resume]
    name: 'an owner that goes on where its YIELD has no answer',
    breaks: ['I6', 'I9', 'I10', 'I1'],
    from: 19,
    plant: () => {
      const given: Given[] = []
      let now = 0
      const undo = [
        replace(Giving.prototype, 'sweep', (sweep) => {
          return function (this: Giving, at) {
            now = at
            sweep.call(this, at)
            for (const each of given.splice(0)) {
              const { meetings, owner, state } = each
              const { room, options, business, name } = owner
              if (at < each.at) continue
              if (at - each.at < 60) given.push(each)
              else if (meetings.get(name) === undefined) {
                const event = { type: 'owner', incarnation: 0 } as const
                const again = meetings.succeed(room, options, business, at)
                again.succeed(
                  { state, event, seatOf: (member) => owner.roster.get(member.slot)?.seat as never },
                  at,
                )
              }
            }
          }
        }),
        replace(Meetings.prototype, 'resign', (resign) => {
          return function (this: Meetings, owner) {
            const state = owner.state(now)
            given.push({
              meetings: this,
              owner,
              state: { ...state, roster: { members: [], seqs: [] } },
              at: now,
            })
            resign.call(this, owner)
          }
        }),
      ]
      return () => undo.forEach((each) => each())
    },
  },
  {
    // [gap]
    name: 'a new owner that begins without the whole log',
    breaks: ['I6', 'I9', 'I1', 'I2', 'I3'],
    from: 19,
    plant: () =>
      replace(Taking.prototype, 'yielded', (yielded) => {
        return function (this: Taking, from, message, now) {
          yielded.call(this, from, { ...message, last: message.last - 1 }, now)
        }
      }),
  },
  {
    // [newfence]
    name: 'a new owner that takes a fence of its own',
    breaks: ['I9'],
    from: 19,
    plant: () =>
      replace(Meetings.prototype, 'succeed', (succeed) => {
        return function (this: Meetings, room, ...rest) {
          room.facts = { ...room.facts, term: room.facts.term + 1 }
          return succeed.call(this, room, ...rest)
        }
      }),
  },
  {
    name: 'members whose inputs are numbered anew',
    breaks: ['I4'],
    from: 23,
    plant: () =>
      replace(Roster.prototype, 'restore', (restore) => {
        return function (this: Roster, { members }, seatOf) {
          restore.call(this, { members: members.map((member) => ({ ...member, seq: 0 })), seqs: [] }, seatOf)
        }
      }),
  },
  {
    name: 'a YIELD that is lost with its link',
    breaks: ['I19'],
    from: 4,
    plant: () => replace(Giving.prototype, 'broken', () => () => {}),
  },
  {
    name: 'replicas that are not sent on to the new owner',
    breaks: ['I19'],
    from: 4,
    plant: () => replace(Hosting.prototype, 'release', () => () => {}),
  },
  {
    name: 'inputs that wait for a frame left behind',
    breaks: ['I4'],
    from: 25,
    plant: () => replace(Intake.prototype, 'restore', () => () => {}),
  },
  {
    name: 'a stable mark that begins anew',
    breaks: ['I9'],
    from: 24,
    plant: () => replace(Electorate.prototype, 'restore', () => () => {}),
  },
  {
    name: 'a name that is given up with the YIELD',
    breaks: ['I9', 'names'],
    from: 223,
    plant: () =>
      replace(Holdings.prototype, 'passOn', () => {
        return function (this: Holdings, name) {
          this.delete(name)
        }
      }),
  },
  {
    name: 'a registrar that remembers one owner of a name that two have told of',
    breaks: ['I9', 'names'],
    from: 4,
    plant: () =>
      replace(Registrar.prototype, 'release', (release) => {
        return function (this: Registrar, name) {
          this.renew()
          release.call(this, name)
        }
      }),
  },
]
