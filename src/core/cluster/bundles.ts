import { encodeBundle } from './datagrams.ts'

/** Datagrams to other nodes that are about to be sent, those to one node together. */
export class Bundles {
  readonly #put: (node: number, packet: Uint8Array) => void
  readonly #most: number
  readonly #byNode: Map<number, { readonly parts: Uint8Array[]; bytes: number }> = new Map()

  /** `most`: bytes of one message, unless a single datagram has more. */
  constructor(put: (node: number, packet: Uint8Array) => void, most: number) {
    this.#put = put
    this.#most = most
  }

  add(node: number, part: Uint8Array): void {
    let bundle = this.#byNode.get(node)
    if (bundle !== undefined && bundle.bytes + part.length > this.#most) {
      this.#put(node, encodeBundle(bundle.parts))
      bundle = undefined
    }
    if (bundle === undefined) this.#byNode.set(node, (bundle = { parts: [], bytes: 0 }))
    bundle.parts.push(part)
    bundle.bytes += part.length
  }

  /** Sends them. */
  post(): void {
    for (const [node, { parts }] of this.#byNode) this.#put(node, encodeBundle(parts))
    this.#byNode.clear()
  }
}
