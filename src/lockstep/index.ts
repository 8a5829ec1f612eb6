export { type Check, hashOf, isCheck } from './check.ts'
export {
  type Divergence,
  type Lockstep,
  lockstep,
  type LockstepMeeting,
  type LockstepOptions,
  type Phase,
  type Snapshot,
} from './lockstep.ts'
