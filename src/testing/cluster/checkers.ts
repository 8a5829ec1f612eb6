import { defaultLimits } from '../../core/index.ts'
import { AuthorisationChecker } from '../checkers/authorisation.ts'
import { CreditChecker } from '../checkers/bounds.ts'
import { CadenceChecker } from '../checkers/cadence.ts'
import { ConservationChecker } from '../checkers/conservation.ts'
import { AgreementChecker, ContinuityChecker } from '../checkers/frames.ts'
import { HomeChecker } from '../checkers/homes.ts'
import { InputChecker } from '../checkers/inputs.ts'
import { IsolationChecker } from '../checkers/isolation.ts'
import { LeakChecker } from '../checkers/leaks.ts'
import { MemberChecker } from '../checkers/members.ts'
import { NameChecker } from '../checkers/names.ts'
import { OwnerChecker } from '../checkers/owners.ts'
import { PlaceChecker } from '../checkers/places.ts'
import { RequestChecker } from '../checkers/requests.ts'
import { Rooms } from '../checkers/rooms.ts'
import { SeatChecker } from '../checkers/seats.ts'
import { SettlingChecker } from '../checkers/settling.ts'
import { StabilityChecker } from '../checkers/stability.ts'
import { TopicChecker } from '../checkers/topics.ts'
import { WeightChecker } from '../checkers/weight.ts'
import type { Observer } from '../observer.ts'
import type { SimNode } from '../sim-node.ts'
import type { Plan } from './plan.ts'
import type { Silences } from './silences.ts'

/** One of each, for one run of a cluster: I1–I13, I16–I18, I20, I21, I24, seats, members, names, presence and liveness. */
export function clusterCheckers(
  plan: Plan,
  nodes: () => readonly SimNode[],
  silences: Silences,
  now: () => number,
): Observer[] {
  const limits = { ...defaultLimits, ...plan.limits }
  const rooms = new Rooms(plan.meetings, now)
  const others: readonly Observer[] = [
    new NameChecker(nodes, plan.delay, now),
    new HomeChecker(),
    new AgreementChecker(),
    new ContinuityChecker(),
    new InputChecker(rooms, true),
    new SeatChecker(),
    new MemberChecker(),
    new StabilityChecker(rooms),
    new CadenceChecker(rooms, now),
    new TopicChecker(limits.topicIdleMs, now),
    new PlaceChecker(plan, Math.min(limits.topicIdleMs, limits.sessionKeepMs)),
    new CreditChecker(limits.writeBytes),
    new IsolationChecker(rooms, now),
    new ConservationChecker(true),
    new AuthorisationChecker(plan.wallOffset, now),
    new RequestChecker(),
    new SettlingChecker(now),
    new LeakChecker(plan),
    new WeightChecker(),
  ]
  const owners = new OwnerChecker(nodes, silences, now, (...undone) => {
    for (const each of others) each.undone?.(...undone)
  })
  return [rooms, owners, ...others]
}
