import type { Observer } from '../observer.ts'
import { ConservationChecker, CreditChecker, IsolationChecker } from './bounds.ts'
import { AgreementChecker, ContinuityChecker, InputChecker } from './frames.ts'
import { RequestChecker } from './requests.ts'
import { TopicChecker } from './topics.ts'

/** One of each, for one run: I1–I5, I7, I11–I13, I15 (conflate), I16, I18 and liveness. */
export function allCheckers(writeBytes: number): Observer[] {
  return [
    new AgreementChecker(),
    new ContinuityChecker(),
    new InputChecker(),
    new TopicChecker(),
    new CreditChecker(writeBytes),
    new ConservationChecker(),
    new IsolationChecker(),
    new RequestChecker(),
  ]
}
