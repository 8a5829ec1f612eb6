import { Heritage } from '../../src/core/cluster/heritage.ts'
import { type Mutant, replace } from './plant.ts'

/** Bugs in the revival of meetings whose node has ended; names in brackets are those of the model's mutants. */
export const revivalMutants: readonly Mutant[] = [
  {
    name: "a node that goes on without the promise of anybody, as if all frames that it lacks were nobody's",
    breaks: ['I1', 'I4', 'I7', 'I9', 'members'],
    from: 18,
    plant: () => replace(Heritage.prototype, 'mayContinue', () => () => true),
  },
  {
    // [memory], turned round: the log has later inputs than the new owner knows of.
    name: 'a new owner that does not read in the log who is there and what they have sent',
    breaks: ['I4', 'I5', 'I9', 'members'],
    from: 18,
    plant: () => replace(Heritage.prototype, 'append', () => () => {}),
  },
]
