import {
  botUser,
  botWish,
  digest,
  type FrameLike,
  newState,
  type State,
  step,
} from '../../../src/demo/battle/index.ts'

/** A seeded generator of the tests' own: Park and Miller's, by Schrage. */
export function generator(seed: number): (below: number) => number {
  let x = (seed % 2_147_483_646) + 1
  return (below) => {
    x = (x * 48_271) % 2_147_483_647
    return x % below
  }
}

/** A room without a network: what is asked for is in the next frame. */
export class Match {
  readonly state: State = newState()
  readonly frames: FrameLike[] = []
  #events: FrameLike['events'][number][] = []
  #inputs: { slot: number; data: unknown }[] = []

  join(slot: number, user: string): this {
    this.#events.push({ type: 'join', slot, user })
    return this
  }

  bots(from: number, count: number): this {
    for (let slot = from; slot < from + count; slot++) this.join(slot, botUser(`b${slot}`))
    return this
  }

  leave(slot: number): this {
    this.#events.push({ type: 'leave', slot })
    return this
  }

  say(slot: number, data: unknown): this {
    this.#inputs.push({ slot, data })
    return this
  }

  frame(count = 1): this {
    for (let i = 0; i < count; i++) {
      const frame = { number: this.frames.length + 1, events: this.#events, inputs: this.#inputs }
      this.#events = []
      this.#inputs = []
      this.frames.push(frame)
      step(this.state, frame)
    }
    return this
  }

  /** Frames until something holds. */
  until(holds: (state: State) => boolean, atMost = 10_000): this {
    for (let i = 0; !holds(this.state); i++) {
      if (i >= atMost) throw new Error(`it did not hold within ${atMost} frames`)
      this.frame()
    }
    return this
  }

  /** A battle in which everybody in these slots plays as bots do. */
  play(seed: number, slots: (slot: number) => boolean = () => true): this {
    const random = generator(seed)
    this.say(0, { do: 'start', seed: seed + 1 })
    return this.until((state) => {
      for (const player of state.players) {
        if (player.slot < 0 || !slots(player.slot)) continue
        const wish = botWish(state, player, random)
        if (wish !== null) this.say(player.slot, wish)
      }
      return state.phase === 'over'
    })
  }

  /** Digests after each frame when all frames are played again. */
  replay(): string[] {
    const state = newState()
    return this.frames.map((frame) => {
      step(state, frame)
      return digest(state)
    })
  }
}
