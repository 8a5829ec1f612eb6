import { SeatMachine } from '../../src/client/machine/seat.ts'
import { Recall } from '../../src/core/cluster/recall.ts'
import { Lineage } from '../../src/core/meeting/lineage.ts'
import type { MessageOf } from '../../src/protocol/index.ts'
import { simLineage } from '../../src/testing/lineage.ts'
import type { Harness } from '../unit/core/harness.ts'
import { Roamer, roam } from '../unit/core/cluster/roamer.ts'
import { settled } from '../unit/core/cluster/world.ts'
import { replace } from './plant.ts'

/** A bug in what a node takes of members' own logs, and a lie of a member who makes use of it. */
interface RecallMutant {
  readonly name: string
  readonly lie: () => () => void
  readonly plant: () => () => void
}

type Kept = MessageOf<'kept'>

/** The first member shows something else than what it has. */
function shows(change: (pieces: readonly Kept[]) => readonly Kept[]): () => void {
  return replace(SeatMachine.prototype, 'show', (show) => {
    return function (this: SeatMachine, ...asked) {
      const shown = show.apply(this, asked)
      return this.slot === 0 ? [...change(shown)] : shown
    }
  })
}

const isFull = ({ count, bytes }: Kept): boolean => count > 0 && bytes.length > count * 8

/** The last byte of each piece of some length is another one. */
const changed = (): (() => void) =>
  shows((pieces) =>
    pieces.map((piece) => {
      const last = isFull(piece) ? piece.bytes.length - 1 : -1
      return { ...piece, bytes: piece.bytes.map((byte, at) => (at === last ? byte ^ 2 : byte)) }
    }),
  )

/** One piece is left out, and those behind it stand in its place: one of inputs, or one of frames without anything. */
const movedUp = (ofInputs: boolean): (() => void) =>
  shows((pieces) => {
    const at = pieces.findIndex((piece, place) => place > 1 && piece.count > 0 && isFull(piece) === ofInputs)
    return pieces.flatMap((piece, place) => {
      if (at === -1 || place < at || piece.first === 0) return [piece]
      return place === at ? [] : [{ ...piece, first: piece.first - (pieces[at] as Kept).count }]
    })
  })

export const recallMutants: readonly RecallMutant[] = [
  {
    name: 'a tag of frames that nobody checks',
    lie: changed,
    plant: () => replace(Lineage.prototype, 'ofHead', () => () => 1),
  },
  {
    name: 'a tag that does not bind what there was before',
    lie: changed,
    plant: () =>
      replace(Lineage.prototype, 'ofHead', (ofHead) => {
        return function (this: Lineage, named, _, ...rest) {
          return ofHead.call(this, named, 0, ...rest)
        }
      }),
  },
  {
    name: 'a piece lost, whose place the next one takes',
    lie: () => movedUp(true),
    plant: () => replace(Lineage.prototype, 'ofHead', () => () => 1),
  },
  {
    name: 'a chain that does not bind the numbers of its frames',
    lie: () => movedUp(false),
    plant: () => {
      const undo = [
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
      ]
      return () => undo.forEach((each) => each())
    },
  },
  {
    name: 'whoever has shown nothing that counts asked no more, nor anybody else',
    lie: changed,
    plant: () => {
      let asked = 0
      return replace(Recall.prototype, 'askOne', (ask) => {
        return function (this: Recall, ...rest) {
          return asked++ === 0 && ask.apply(this, rest)
        }
      })
    },
  },
]

/** What each frame has that somebody has been given, as text. */
function recorded(client: Roamer): Map<number, string> {
  const frames = new Map<number, string>()
  const { listener } = client.seat('m') as SeatMachine
  const frame = listener.frame.bind(listener)
  listener.frame = (given) => {
    const { number, inputs, events } = given
    frames.set(number, JSON.stringify([inputs.map(({ slot, seq, data }) => [slot, seq, data.bytes]), events]))
    frame(given)
  }
  return frames
}

/**
 * Whether a meeting whose node has ended comes back from what its members have kept: in the same world, and whoever
 * reads all of it then is given what they were given.
 */
export function comesBack(): boolean {
  const world = settled(2, {}, undefined, simLineage)
  const [first, second] = world.nodes as [Harness, Harness]
  world.open(first, 'm', { frameRate: 20, inputsPerSecond: 1_000 })
  world.settle()
  const clients = [0, 1, 2].map((at) => {
    const client = new Roamer(world, `u${at}`, first)
    client.leads = () => world.living.at(world.living.includes(first) ? 0 : -1)
    client.join('m')
    return client
  })
  const given = recorded(clients[0] as Roamer)
  roam(world, clients, 1_500, (at) => {
    if (at % 250 === 0) clients.forEach((client, who) => client.input('m', `${who} says ${at}`))
  })
  const before = clients.map((client) => client.seat('m')?.world)
  world.kill(first, true)
  roam(world, clients, 5_000)
  const newcomer = new Roamer(world, 'new', second)
  newcomer.join('m', true)
  const read = recorded(newcomer)
  roam(world, [...clients, newcomer], 500)
  const isSame = clients.every((client, at) => client.seat('m')?.world === before[at])
  return isSame && read.size > 30 && [...read].every(([number, frame]) => given.get(number) === frame)
}
