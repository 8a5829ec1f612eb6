import type { Payload } from '../../protocol/payload.ts'
import { type ClientMessage, type Fields, type Kind, schema, tailOf } from '../../protocol/schema.ts'
import type { Budget, Payer } from '../ground/budget.ts'
import { fixedLimits } from '../ground/config.ts'
import { Ring } from '../ground/ring.ts'
import { weights } from '../ground/weights.ts'

/*
 * What a message weighs follows from the schema, so that no message can be forgotten: each kind of field has its
 * weight, and each item of a list weighs as much as its fields.
 */

/** What a value of a kind weighs besides its field. Kinds without a row have no part of variable size. */
const weighers: { readonly [K in Extract<Kind, string>]?: (value: never) => number } = {
  name: weighText,
  wish: weighText,
  reason: weighText,
  token: weighText,
  bytes: weighBytes,
  frames: weighBytes,
  publications: weighBytes,
  payload: ({ bytes }: Payload) => weights.field + weighBytes(bytes),
  position: ({ numbers }: { readonly numbers: readonly unknown[] }) =>
    weights.item + numbers.length * weights.item,
}

function weighText(text: string): number {
  return text === '' ? 0 : weights.text + (isLatin(text) ? text.length : text.length * 2)
}

/** Whether an engine stores a text in one byte for each character. */
function isLatin(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

function weighBytes(bytes: Uint8Array): number {
  return weights.bytes + bytes.length
}

/** How a struct is weighed: what all its values have in common, and the fields whose values differ. */
interface Scale {
  readonly base: number
  readonly varying: readonly { readonly name: string; readonly weigh: (value: never) => number }[]
}

function scaleOf(fields: Fields, base: number): Scale {
  const varying: { name: string; weigh: (value: never) => number }[] = []
  for (const [name, kind] of Object.entries(fields)) {
    base += weights.field
    const weigh = typeof kind === 'string' ? weighers[kind] : listWeigher(kind.list)
    if (weigh !== undefined) varying.push({ name, weigh })
  }
  return { base, varying }
}

function listWeigher(fields: Fields): (items: readonly object[]) => number {
  const scale = scaleOf(fields, weights.item)
  return (items) => items.reduce((sum, item) => sum + weighWith(scale, item), 0)
}

function weighWith({ base, varying }: Scale, struct: object): number {
  let bytes = base
  for (const { name, weigh } of varying) bytes += weigh((struct as Record<string, never>)[name] as never)
  return bytes
}

const scales: ReadonlyMap<string, Scale> = new Map(
  (Object.keys(schema) as (keyof typeof schema)[]).map((type) => [
    type,
    scaleOf({ ...schema[type].fields, ...tailOf(type) }, weights.message),
  ]),
)

/** What a message from a client weighs while it waits. */
export function weighMessage(message: ClientMessage): number {
  return weighWith(scales.get(message.type) as Scale, message)
}

/** A message that is not yet delivered, with its cost in bytes. */
interface Undelivered {
  readonly message: ClientMessage
  readonly cost: number
}

/** The upstream queue of a session: messages that the sweep has not yet delivered. */
export class UpstreamQueue {
  readonly #payer: Payer
  readonly #budget: Budget
  readonly #ring: Ring<Undelivered> = new Ring(1)
  bytes = 0
  /** For the deficit round robin: bytes it may still deliver in this turn, and whether it is in the rotation. */
  deficit = 0
  active = false

  /** `payer`: the session's user. */
  constructor(payer: Payer, budget: Budget) {
    this.#payer = payer
    this.#budget = budget
  }

  get size(): number {
    return this.#ring.size
  }

  /** Number of inputs in the queue. */
  get inputs(): number {
    let count = 0
    for (let at = this.#ring.first; at < this.#ring.next; at++)
      if (this.#ring.get(at).message.type === 'input') count++
    return count
  }

  peek(): Undelivered | undefined {
    return this.#ring.size === 0 ? undefined : this.#ring.get(this.#ring.first)
  }

  /**
   * Queues a message. False: the node is full, and the user holds too much of it. A few messages without data are taken
   * all the same, because they may be what gives something back.
   */
  push(message: ClientMessage): boolean {
    const cost = weighMessage(message)
    const isSpare = !('data' in message) && this.bytes + cost <= fixedLimits.spareBytes
    if (!isSpare && !this.#budget.admits(this.#payer.held, cost)) return false
    this.#ring.push({ message, cost })
    this.#hold(cost)
    return true
  }

  shift(): void {
    this.#hold(-this.#ring.shift().cost)
  }

  #hold(bytes: number): void {
    this.bytes += bytes
    this.#payer.hold(bytes)
  }
}
