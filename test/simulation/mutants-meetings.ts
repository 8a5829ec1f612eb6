import { Inputs } from '../../src/client/machine/inputs.ts'
import { Electorate } from '../../src/core/meeting/electorate.ts'
import { Intake } from '../../src/core/meeting/intake.ts'
import { Room } from '../../src/core/meeting/room.ts'
import { Roster } from '../../src/core/meeting/roster.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Bugs in who is in a meeting, in what is stable, and in which history it is. */
export const meetingMutants: readonly Mutant[] = [
  {
    name: 'a page that was reloaded seated anew beside its own seat',
    breaks: ['seats'],
    from: 3,
    plant: () => replace(Roster.prototype, 'keptFor', () => () => undefined),
  },
  {
    name: 'members told of the end before they have what was said last',
    breaks: ['last words'],
    plant: () =>
      replace(Room.prototype, 'end', (end) => {
        return function (this: Room, seat, message) {
          end.call(this, seat, message, 0)
        }
      }),
  },
  {
    name: 'every frame taken for stable once it is sealed',
    breaks: ['I9'],
    plant: () => replace(Electorate.prototype, 'stableTo', () => (head) => head),
  },
  {
    name: 'a frame stable by what was acknowledged before it',
    breaks: ['I9'],
    plant: () =>
      replace(Electorate.prototype, 'acknowledge', (acknowledge) => {
        return function (this: Electorate, elector, frame) {
          acknowledge.call(this, elector, frame + 5)
        }
      }),
  },
  {
    name: 'a meeting that is opened anew in the world of the one before',
    breaks: ['I1', 'I7', 'I9'],
    plant: () =>
      replace(Room.prototype, 'place', (place) => {
        return function (this: Room, ...args) {
          return { ...place.apply(this, args), world: this.facts.name.length }
        }
      }),
  },
  {
    name: 'an input passed over that was lost on the way',
    breaks: ['I4', 'liveness'],
    from: 179,
    plant: () => {
      const strike = every(3)
      const lose = replace(Inputs.prototype, 'resend', (resend) => {
        return function (this: Inputs, answered, now) {
          const again = resend.call(this, answered, now)
          return again.length > 1 && strike() ? again.slice(1) : again
        }
      })
      const passOver = replace(Intake.prototype, 'check', (check) => {
        return function (this: Intake, member, input, turnedAway, now) {
          return check.call(this, member, { ...input, after: 0 }, turnedAway, now)
        }
      })
      return () => {
        lose()
        passOver()
      }
    },
  },
]
