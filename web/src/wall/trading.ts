import { type Client, RtmsError } from 'rtms/client'
import type { Account, Order, Refusal, Wish } from '../../../src/demo/wall/desk.ts'
import { inPlainWords } from '../shell/problems.ts'
import { afterPush, type Push, withOrder } from './account.ts'
import { grouped, money } from './format.ts'
import { text } from './words.ts'

/** What the visitor is told: of the last order beside the form, of pushes in a toast. */
export interface Said {
  readonly good: boolean
  readonly text: string
}

interface Listener {
  changed(): void
  pushed(said: Said, order: Order): void
}

/** The visitor's account, kept true by requests and pushes. */
export class Trading {
  account: Account | null = null
  /** What became of the last thing that was asked. */
  reply: Said | null = null
  isOrdering = false
  readonly #client: Client
  readonly #listener: Listener

  constructor(client: Client, listener: Listener) {
    this.#client = client
    this.#listener = listener
    client.onPush<Push>('wall.order', (push) => this.#pushed(push))
    // A session that has ended meanwhile has lost its pushes: what the server says now is what counts.
    client.onState((state) => state === 'connected' && void this.#ask())
  }

  /** Asks for the account anew. */
  refresh(): void {
    void this.#ask()
  }

  async #ask(): Promise<void> {
    try {
      this.account = await this.#client.request<Account>('wall.account')
    } catch {
      // The connection broke again; it is asked for when it is back.
    }
    this.#listener.changed()
  }

  async place(wish: Wish): Promise<void> {
    this.isOrdering = true
    this.#say(true, text.ordering)
    const begun = performance.now()
    try {
      const { order, refused } = await this.#client.request<{ order?: Order; refused?: Refusal }>(
        'wall.order',
        wish,
        { offline: 'refuse' },
      )
      if (order !== undefined && this.account !== null) this.account = withOrder(this.account, order)
      if (order !== undefined) this.#say(true, text.taken(order.id, Math.ceil(performance.now() - begun)))
      else this.#say(false, text.refused[refused ?? 'busy'])
    } catch (error) {
      this.#say(false, whyNot(error))
      if (isUncertain(error)) void this.#ask()
    }
    this.isOrdering = false
    this.#listener.changed()
  }

  async cancel(id: number): Promise<void> {
    try {
      const { cancelled } = await this.#client.request<{ cancelled: boolean }>(
        'wall.cancel',
        { id },
        { offline: 'refuse' },
      )
      if (!cancelled) {
        this.#say(false, text.tooLate)
        await this.#ask()
      }
    } catch (error) {
      this.#say(false, whyNot(error))
    }
  }

  /** Says something of an order that was not even sent. */
  complain(why: string): void {
    this.#say(false, why)
  }

  hush(): void {
    this.reply = null
    this.#listener.changed()
  }

  #say(good: boolean, text: string): void {
    this.reply = { good, text }
    this.#listener.changed()
  }

  #pushed(push: Push): void {
    if (this.account !== null) this.account = afterPush(this.account, push)
    const { event, order, quantity, price } = push
    const left = order.quantity - order.filled
    const said = text.pushes[event]({
      id: order.id,
      side: order.side,
      symbol: order.symbol,
      quantity: grouped(quantity),
      price: money(price),
      left: left === 0 ? '' : grouped(left),
    })
    this.#listener.pushed({ good: event === 'filled', text: said }, order)
    this.#listener.changed()
  }
}

const isUncertain = (error: unknown): boolean =>
  error instanceof RtmsError && (error.code === 'UNKNOWN' || error.code === 'TIMEOUT')

function whyNot(error: unknown): string {
  if (isUncertain(error)) return text.uncertain
  if (error instanceof RtmsError && error.code === 'NOT_SENT') return text.notSent
  return inPlainWords(error)
}
