import { Cluster } from '../../src/core/cluster/cluster.ts'
import { Holdings } from '../../src/core/cluster/holdings.ts'
import { Homes } from '../../src/core/cluster/homes.ts'
import { Names } from '../../src/core/cluster/names.ts'
import { Registrar } from '../../src/core/cluster/registrar.ts'
import { View } from '../../src/core/cluster/view.ts'
import { RtmsNode } from '../../src/core/node.ts'
import { every, type Mutant, replace } from './plant.ts'

/** Puts another getter in the place of one of a class. */
function replaceGetter<C extends object>(prototype: C, name: string & keyof C, get: (this: C) => unknown) {
  const old = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
  Object.defineProperty(prototype, name, { ...old, get })
  return (): void => void Object.defineProperty(prototype, name, old)
}

/** Bugs between the nodes of a cluster: rules of `ownership.md`, each left out once. */
export const clusterMutants: readonly Mutant[] = [
  {
    name: 'a name granted before all nodes have told what they own',
    breaks: ['I9'],
    from: 11,
    plant: () => replaceGetter(Registrar.prototype, 'isReady', () => true),
  },
  {
    name: 'messages of another view that count',
    breaks: ['I9', 'names'],
    from: 31,
    plant: () => replaceGetter(View.prototype, 'id', () => 1),
  },
  {
    name: 'a node passed over that was silent for a moment',
    breaks: ['I9'],
    from: 11,
    plant: () =>
      replace(Cluster.prototype, 'isSilent', () => {
        return function (this: Cluster, node, now = Infinity) {
          const heard = this.peer(node)?.heard ?? -Infinity
          return now - heard >= 600
        }
      }),
  },
  {
    name: 'a claim given up without a word',
    breaks: ['names', 'I9'],
    from: 5,
    plant: () =>
      replace(Holdings.prototype, 'tell', (tell) => {
        return function (this: Holdings, name) {
          if (this.has(name)) tell.call(this, name)
        }
      }),
  },
  {
    name: 'a table of names kept over a change of the view',
    breaks: ['names', 'I9'],
    from: 9,
    plant: () => replace(Registrar.prototype, 'renew', () => () => {}),
  },
  {
    name: 'what is open not told in a new view',
    breaks: ['names', 'I9'],
    plant: () => replace(Holdings.prototype, 'renew', () => () => {}),
  },
  {
    name: 'what was lost on the way to the registrar not told again',
    breaks: ['names', 'I9'],
    from: 14,
    plant: () => replace(Holdings.prototype, 'beat', () => () => {}),
  },
  {
    name: 'names that fall to the nodes in the order of their arrival',
    breaks: ['names', 'I9'],
    plant: () =>
      replace(View.prototype, 'registrarOf', () => {
        return function (this: View) {
          return [...this.living][0] ?? 0
        }
      }),
  },
  {
    name: 'a name that its registrar does not give back to itself',
    breaks: ['names', 'I9'],
    from: 4,
    plant: () => replace(Registrar.prototype, 'release', () => () => {}),
  },
  {
    name: 'a meeting that ends and keeps its name',
    breaks: ['names', 'I20'],
    plant: () => replace(Cluster.prototype, 'closed', () => () => {}),
  },
  {
    name: 'the proof of an end not believed',
    breaks: ['names'],
    from: 5,
    plant: () => replace(Cluster.prototype, 'gone', () => () => {}),
  },
  {
    name: 'a meeting opened without a claim',
    breaks: ['I8', 'I9', 'I10'],
    plant: () =>
      replace(Names.prototype, 'claim', () => {
        return function (this: Names, call, open, now) {
          open(1, now)
          this.locate(call, now)
        }
      }),
  },
  {
    name: 'a search that finds nothing',
    breaks: ['names'],
    plant: () =>
      replace(
        Cluster.prototype,
        'find',
        () => (_name, now, ended) => ended({ by: 'taken', owner: 0, term: 0 }, now),
      ),
  },
  {
    // [clock]
    name: 'a fence without a term',
    breaks: ['I9'],
    from: 5,
    plant: () => replace(Cluster.prototype, 'nextTerm', () => () => 1),
  },
  {
    name: 'a revocation that stays on the node where it was made',
    breaks: ['I17'],
    plant: () => replace(RtmsNode.prototype, 'learnRevocation', () => () => 0),
  },
  {
    name: 'homes that are not told anew when nodes come and go',
    breaks: ['presence'],
    plant: () => replace(Homes.prototype, 'renew', () => () => {}),
  },
  {
    name: 'a home that is not told of each change',
    breaks: ['presence'],
    plant: () => {
      const strike = every(5)
      return replace(Homes.prototype, 'changed', (changed) => {
        return function (this: Homes, user) {
          if (!strike()) changed.call(this, user)
        }
      })
    },
  },
]
