import { SeatMachine } from '../../src/client/machine/seat.ts'
import { Lineage } from '../../src/core/meeting/lineage.ts'
import type { MessageOf } from '../../src/protocol/index.ts'
import { type Mutant, replace } from './plant.ts'

type Kept = MessageOf<'kept'>

/** Members who show something else than what they have. */
function shows(change: (pieces: readonly Kept[]) => Kept[]): () => void {
  return replace(SeatMachine.prototype, 'show', (show) => {
    return function (this: SeatMachine, ...asked) {
      return change(show.apply(this, asked))
    }
  })
}

/** The last byte of each piece of some length is another one. */
const changed = (): (() => void) =>
  shows((pieces) =>
    pieces.map((piece) => {
      const last = piece.count > 0 && piece.bytes.length > 8 ? piece.bytes.length - 1 : -1
      return { ...piece, bytes: piece.bytes.map((byte, at) => (at === last ? byte ^ 2 : byte)) }
    }),
  )

/** One piece is left out, of frames without anything in them or of any, and those behind it stand in its place. */
const movedUp = (isEmpty: boolean): (() => void) =>
  shows((pieces) => {
    const at = pieces.findIndex(({ count, bytes }, place) =>
      isEmpty ? count > 0 && bytes.length < count * 4 : count > 0 && place > 1,
    )
    return pieces.flatMap((piece, place) => {
      if (at === -1 || place < at || piece.first === 0) return [piece]
      return place === at ? [] : [{ ...piece, first: piece.first - (pieces[at] as Kept).count }]
    })
  })

const both =
  (...undo: readonly (() => void)[]) =>
  (): void =>
    undo.forEach((each) => each())

/** What members show is changed in all these ways. */
export const lies = (): (() => void) => both(changed(), movedUp(false))

/** Bugs in what a node takes of members' own logs, each with members who make use of it. */
export const recallMutants: readonly Mutant[] = [
  {
    name: 'a tag of frames that nobody checks',
    breaks: ['I1'],
    from: 35,
    plant: () =>
      both(
        changed(),
        replace(Lineage.prototype, 'ofHead', () => () => 1),
      ),
  },
  {
    name: 'a tag that does not bind what there was before',
    breaks: ['I1'],
    from: 35,
    plant: () =>
      both(
        changed(),
        replace(Lineage.prototype, 'ofHead', (ofHead) => {
          return function (this: Lineage, named, _, ...rest) {
            return ofHead.call(this, named, 0, ...rest)
          }
        }),
      ),
  },
  {
    name: 'a piece lost, whose place the next one takes',
    breaks: ['I1'],
    from: 35,
    plant: () =>
      both(
        movedUp(false),
        replace(Lineage.prototype, 'ofHead', () => () => 1),
      ),
  },
  {
    name: 'a chain that does not bind the numbers of its frames',
    breaks: ['I1'],
    from: 35,
    plant: () =>
      both(
        movedUp(true),
        replace(Lineage.prototype, 'after', (after) => {
          return function (this: Lineage, chain, _, frame) {
            return after.call(this, chain, 0, frame)
          }
        }),
        replace(Lineage.prototype, 'ofHead', (ofHead) => {
          return function (this: Lineage, named, chain, _, stable) {
            return ofHead.call(this, named, chain, 0, stable)
          }
        }),
      ),
  },
]
