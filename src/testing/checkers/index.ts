import { defaultLimits } from '../../core/index.ts'
import type { Observer } from '../observer.ts'
import type { Scenario } from '../scenario.ts'
import { AuthorisationChecker } from './authorisation.ts'
import { CreditChecker } from './bounds.ts'
import { CadenceChecker } from './cadence.ts'
import { ConservationChecker } from './conservation.ts'
import { FairnessChecker } from './fairness.ts'
import { AgreementChecker, ContinuityChecker } from './frames.ts'
import { InputChecker } from './inputs.ts'
import { IsolationChecker } from './isolation.ts'
import { LastWordChecker } from './last-words.ts'
import { LeakChecker } from './leaks.ts'
import { PlaceChecker } from './places.ts'
import { PolicyChecker } from './policies.ts'
import { RequestChecker } from './requests.ts'
import { Rooms } from './rooms.ts'
import { SeatChecker } from './seats.ts'
import { SettlingChecker } from './settling.ts'
import { SlowChecker } from './slow.ts'
import { StabilityChecker } from './stability.ts'
import { TopicChecker } from './topics.ts'
import { WeightChecker } from './weight.ts'
import { WorkChecker } from './work.ts'

/** One of each, for one run: I1–I7, I9, I11–I18, I20–I24, seats, last words and liveness. */
export function allCheckers(scenario: Scenario, now: () => number): Observer[] {
  const limits = { ...defaultLimits, ...scenario.limits }
  const rooms = new Rooms(scenario.meetings, now)
  return [
    rooms,
    new AgreementChecker(),
    new ContinuityChecker(),
    new InputChecker(rooms),
    new SeatChecker(),
    new LastWordChecker(now),
    new StabilityChecker(rooms),
    new CadenceChecker(rooms, now),
    new TopicChecker(limits.topicIdleMs, now),
    new PlaceChecker(scenario, Math.min(limits.topicIdleMs, limits.sessionKeepMs)),
    new CreditChecker(limits.writeBytes),
    new IsolationChecker(rooms, now),
    new SlowChecker(rooms, now),
    new PolicyChecker(scenario, limits.topicPendingEntries, now),
    new ConservationChecker(),
    new AuthorisationChecker(scenario.wallOffset, now),
    new RequestChecker(),
    new LeakChecker(scenario),
    new SettlingChecker(now),
    new WeightChecker(),
    new FairnessChecker(scenario),
    new WorkChecker(scenario),
  ]
}
