export { busContract, type BusUnderTest } from './contracts/bus.ts'
export { allCheckers } from './checkers/index.ts'
export { VirtualClock } from './clock.ts'
export { faulty, type Moment, PortFault } from './faulty.ts'
export { Link, type LinkEnds, type LinkProfile } from './link.ts'
export {
  type ClientFacts,
  type DesertedNode,
  type End,
  type Observer,
  type Phase,
  type RestingClient,
  Violation,
} from './observer.ts'
export { Random } from './random.ts'
export {
  drawScenario,
  type Fault,
  faultKinds,
  type MeetingPlan,
  type Scenario,
  type Smaller,
  traits,
} from './scenario.ts'
export { sometimes } from './sometimes.ts'
export { shrink } from './shrink.ts'
export { SimClient } from './sim-client.ts'
export { SimNode } from './sim-node.ts'
export { type RunOptions, runSeed, type RunResult, SeedFailure } from './simulate.ts'
export { Trace } from './trace.ts'
