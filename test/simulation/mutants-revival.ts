import { Cluster } from '../../src/core/cluster/cluster.ts'
import { Heritage } from '../../src/core/cluster/heritage.ts'
import { type Mutant, replace } from './plant.ts'

/** Bugs in the revival of meetings whose node has ended; names in brackets are those of the model's mutants. */
export const revivalMutants: readonly Mutant[] = [
  {
    name: 'a meeting that every node with a replica goes on with',
    breaks: ['I9'],
    from: 18,
    plant: () =>
      replace(Cluster.prototype, 'find', (find) => {
        return function (this: Cluster, name, now, ended) {
          const [self = 0] = this.nodes.living
          if (this.holdings.isSecond(name)) ended({ by: 'taken', owner: self }, now)
          else find.call(this, name, now, ended)
        }
      }),
  },
  {
    // [memory], turned round: the log has later inputs than the new owner knows of.
    name: 'a new owner that does not read in the log who is there and what they have sent',
    breaks: ['I4', 'I5', 'I9', 'members'],
    from: 18,
    plant: () => replace(Heritage.prototype, 'append', () => () => {}),
  },
]
