import { Writer } from '../../protocol/bytes.ts'
import type { LineageKeys } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'

/** Names a history of frames. */
export interface Named {
  readonly name: string
  readonly world: number
}

const scratch: Writer = new Writer(4_096)

/** What is hashed begins with what it is of. */
const [FRAME, HEAD, CHARTER] = [1, 2, 3]

/**
 * How nodes of a cluster know what one of them has sealed when a client shows it: each frame is hashed together with
 * all before it (the chain), and what a client gets bears a tag that binds the chain to a meeting, a world, a frame and
 * its stable mark. An empty frame leaves the chain as it is, so that a meeting at rest costs nothing.
 */
export class Lineage {
  readonly keys: LineageKeys
  /** Milliseconds since 1970. */
  readonly wallAt: (now: number) => number
  readonly #tag: LineageKeys['tag']

  constructor(keys: LineageKeys, wallAt: (now: number) => number) {
    this.keys = keys
    this.wallAt = wallAt
    this.#tag = keys.tag
  }

  /** The chain behind a frame. `chain`: before it; 0 before the first. */
  after(chain: number, number: number, frame: Uint8Array): number {
    if (frame.length === 0) return chain
    scratch.reset()
    scratch.byte(FRAME)
    scratch.uint(chain)
    scratch.uint(number)
    scratch.raw(frame)
    return this.#tag(scratch.finish())
  }

  /** The tag of the frames up to `head`. Never 0, which stands for none. */
  ofHead({ name, world }: Named, chain: number, head: number, stable: number): number {
    scratch.reset()
    scratch.byte(HEAD)
    scratch.text(name)
    for (const each of [world, chain, head, stable]) scratch.uint(each)
    return this.#tag(scratch.finish()) || 1
  }

  ofCharter(name: string, first: number, data: Uint8Array): number {
    scratch.reset()
    scratch.byte(CHARTER)
    scratch.text(name)
    scratch.uint(first)
    scratch.raw(data)
    return this.#tag(scratch.finish()) || 1
  }
}

/** The chain behind each frame of a log. */
export class Trace {
  readonly #lineage: Lineage
  readonly #named: () => Named
  #chains: Ring<number>
  /** Of the frames before the first that is kept. */
  #before: number

  /** `named`: the history, as it is called at the moment. */
  constructor(lineage: Lineage, named: () => Named, first: number, chain: number) {
    this.#lineage = lineage
    this.#named = named
    this.#chains = new Ring(first)
    this.#before = chain
  }

  /** Behind a frame that is kept, or the one before those. */
  behind(frame: number): number {
    return frame < this.#chains.first ? this.#before : this.#chains.get(frame)
  }

  /** `chain`: behind it, where a node has told; else it is hashed here. */
  push(frame: Uint8Array, chain?: number): void {
    const { next } = this.#chains
    this.#chains.push(chain ?? this.#lineage.after(this.behind(next - 1), next, frame))
  }

  /** The oldest frame is dropped. */
  shift(): void {
    this.#before = this.#chains.shift()
  }

  skipTo(first: number, chain: number): void {
    this.#chains = new Ring(first)
    this.#before = chain
  }

  tagOf(head: number, stable: number): number {
    return this.#lineage.ofHead(this.#named(), this.behind(head), head, stable)
  }
}
