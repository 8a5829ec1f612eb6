import type { Frame, FrameGap, Meeting } from '../../../src/client/index.ts'

export type Move = { readonly add: number } | { readonly list: number[] }
type Rejoined = Parameters<Parameters<Meeting['onRejoin']>[0]>[0]

/** What the rules of these tests keep: it shows an order, a frame that is missing, and one that was applied twice. */
export interface State {
  sum: number
  frames: number
  /** Of the frames, kept and changed by later ones: what a copy is for. */
  lists: number[][]
}

export const rules = {
  start: ({ seed }: { readonly seed: Uint8Array }): State => ({ sum: seed[0] ?? 0, frames: 0, lists: [] }),
  step(state: State, { number, inputs }: Frame<Move>): void {
    state.frames++
    state.sum = (state.sum * 31 + number) >>> 0
    for (const { slot, data } of inputs)
      if ('add' in data) {
        state.sum = (state.sum * 31 + data.add + slot) >>> 0
        for (const list of state.lists) list.push(data.add)
      } else if ('list' in data) state.lists = [...state.lists.slice(-2), data.list]
  },
}

export const frameOf = (number: number, ...data: Move[]): Frame<Move> => ({
  number,
  events: [],
  inputs: data.map((data, slot) => ({ slot, seq: number, data })),
})

/** The state after these frames, by the rules alone. */
export function stateAfter(frames: readonly Frame<Move>[], seed = 1): State {
  const state = rules.start({ seed: new Uint8Array([seed]) })
  for (const frame of structuredClone(frames)) rules.step(state, frame)
  return state
}

/** A meeting whose frames, gaps and rejoins the test decides. */
export class FakeMeeting {
  slot = 0
  epoch = 1
  frameRate = 20
  headAtJoin = 0
  stable = 0
  readonly sent: unknown[] = []
  readonly #frames: Set<(frame: Frame<Move>) => void> = new Set()
  readonly #gaps: Set<(gap: FrameGap) => void> = new Set()
  readonly #rejoins: Set<(joined: Rejoined) => void> = new Set()

  get seed(): Uint8Array {
    return new Uint8Array([this.epoch])
  }

  get listeners(): number {
    return this.#frames.size + this.#gaps.size + this.#rejoins.size
  }

  send(data: unknown): Promise<number> {
    this.sent.push(data)
    return Promise.resolve(0)
  }

  onFrame(listener: (frame: Frame<Move>) => void): () => void {
    this.#frames.add(listener)
    return () => void this.#frames.delete(listener)
  }

  onGap(listener: (gap: FrameGap) => void): () => void {
    this.#gaps.add(listener)
    return () => void this.#gaps.delete(listener)
  }

  onRejoin(listener: (joined: Rejoined) => void): () => void {
    this.#rejoins.add(listener)
    return () => void this.#rejoins.delete(listener)
  }

  /** Each listener has a frame of its own, as that of a client has. */
  frame(frame: Frame<Move>): void {
    for (const listener of this.#frames) listener(structuredClone(frame))
  }

  /** Frames without inputs. */
  frames(from: number, to: number): void {
    for (let number = from; number <= to; number++) this.frame(frameOf(number))
  }

  gap(from: number, to: number): void {
    for (const listener of this.#gaps) listener({ from, to, reason: 'SLOW' })
  }

  rejoin(parts: Partial<Rejoined>): void {
    for (const listener of this.#rejoins) listener({ recovered: true, reason: '', next: 1, ...parts })
  }
}

/** What was asked of promises is answered. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
