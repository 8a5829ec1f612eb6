import type { Held, Holding, Holds } from './messages.ts'
import type { View } from './view.ts'

/** What was told to one registrar in the present view. */
interface Telling {
  /** Everything is told anew: at first, and whenever a message or its confirmation was lost. */
  isFull: boolean
  /** The names of this node that fall to it. */
  readonly own: Set<string>
  /** Names of which something is to be told. */
  dirty: Set<string>
  /** Names that were told of and are not confirmed. */
  told: Set<string>
  /** The registrar's round, as it told last; 0 until it has. */
  echo: number
  /** The number of the last HOLDS. */
  seq: number
  /** Whether it was not confirmed. */
  isOpen: boolean
}

/** What telling needs of its node. */
export interface HoldingsHost {
  /** The last claim of this node, and the highest term it has seen. */
  readonly claimed: number
  readonly term: number
  /** Whether the node waits for a claim of the name, so it is not to say that it does not own it. */
  isClaiming(name: string): boolean
  send(registrar: number, message: Holds): void
}

/**
 * The meetings that this node owns, and what each registrar has been told of them: everything of its names in each new
 * view, and afterwards what changes. A registrar confirms what it hears; what is not confirmed until the next beat is
 * told anew from the beginning.
 */
export class Holdings {
  readonly #self: number
  readonly #view: View
  readonly #most: number
  readonly #host: HoldingsHost
  readonly #own: Set<string> = new Set()
  readonly #passedOn: Set<string> = new Set()
  /** Of those: whose owner has ended, and that this node would go on with. */
  readonly #standing: Set<string> = new Set()
  readonly #tellings: Map<number, Telling> = new Map()
  /** Names that it no longer owns, of which nothing is told while it claims them. */
  readonly #withheld: Set<string> = new Set()
  /** Whether nobody was told in the present view yet. */
  #isNew = true
  /** Counts the views of this node. */
  round = 0

  /** `most`: names in one message. */
  constructor(self: number, view: View, most: number, host: HoldingsHost) {
    this.#self = self
    this.#view = view
    this.#most = most
    this.#host = host
  }

  has(name: string): boolean {
    return this.#own.has(name)
  }

  /** Another node goes on with the meeting of this name, which this one holds until that is known. */
  passOn(name: string): void {
    this.#passedOn.add(name)
  }

  /** Whether whoever else owns the name comes first. */
  isSecond(name: string): boolean {
    return this.#passedOn.has(name) || this.#standing.has(name)
  }

  /** `stands`: it would go on with the meeting, whose owner has ended. */
  add(name: string, stands = false): void {
    this.#passedOn.delete(name)
    if (stands) this.#standing.add(name)
    else this.#standing.delete(name)
    this.#own.add(name)
    this.tell(name)
  }

  delete(name: string): void {
    this.#passedOn.delete(name)
    this.#standing.delete(name)
    if (this.#own.delete(name)) this.tell(name)
  }

  /** Whether the registrar of a name has confirmed what it was told of it. */
  isTold(name: string): boolean {
    const registrar = this.#view.registrarOf(name)
    if (registrar === this.#self) return true
    const telling = this.#tellings.get(registrar)
    return telling !== undefined && !telling.isFull && !telling.isOpen && !telling.dirty.has(name)
  }

  /** Tells the registrar of a name whether this node owns it: that has changed, or a claim of it has been given up. */
  tell(name: string): void {
    this.#withheld.delete(name)
    const registrar = this.#view.registrarOf(name)
    const telling = this.#tellingTo(registrar)
    if (telling === undefined) return
    if (this.has(name)) telling.own.add(name)
    else telling.own.delete(name)
    telling.dirty.add(name)
    this.#send(registrar, telling)
  }

  /** Another node has a name that this one has claimed. */
  refused(name: string): void {
    if (this.#withheld.has(name)) this.tell(name)
  }

  /**
   * The view has changed: what was told counts for nothing, and {@link tellAll} is to follow. Where many nodes are met
   * one after the other, this comes once for each of them, so it costs nothing for each node that is known.
   */
  renew(): void {
    this.round++
    this.#isNew = true
    this.#tellings.clear()
    this.#withheld.clear()
  }

  /** What another node of the view is told. */
  #tellingTo(node: number): Telling | undefined {
    let telling = this.#tellings.get(node)
    if (telling === undefined && node !== this.#self && this.#view.has(node)) {
      telling = {
        isFull: true,
        own: new Set(),
        dirty: new Set(),
        told: new Set(),
        echo: 0,
        seq: 0,
        isOpen: false,
      }
      this.#tellings.set(node, telling)
    }
    return telling
  }

  /** Tells everybody what falls to them in a new view. */
  tellAll(): void {
    this.#isNew = false
    for (const name of this.#own) this.#tellingTo(this.#view.registrarOf(name))?.own.add(name)
    for (const node of this.#view.living) {
      const telling = this.#tellingTo(node)
      if (telling !== undefined) this.#send(node, telling)
    }
  }

  /** A beat has passed: what was not confirmed is told anew. */
  beat(): void {
    for (const [node, telling] of this.#tellings) if (telling.isOpen) this.#again(node, telling)
  }

  /** A node is in the present view, and in this round of its own: what it heard in another one counts for nothing. */
  heard(node: number, round: number): void {
    const telling = this.#tellingTo(node)
    if (telling === undefined || telling.echo === round) return
    telling.echo = round
    this.#again(node, telling)
  }

  /** The round of a node that is in the present view; 0 for one that has not said so. */
  roundOf(node: number): number {
    return this.#tellings.get(node)?.echo ?? 0
  }

  #again(node: number, telling: Telling): void {
    telling.isFull = true
    telling.isOpen = false
    for (const name of telling.told) telling.dirty.add(name)
    this.#send(node, telling)
  }

  /** A registrar confirms what it was told in the present view. */
  confirmed(node: number, { seq }: Held): void {
    const telling = this.#tellings.get(node)
    if (telling === undefined || seq !== telling.seq) return
    telling.isOpen = false
    telling.told.clear()
    this.#send(node, telling)
  }

  /** Sends what is due, unless something waits for its confirmation. */
  #send(registrar: number, telling: Telling): void {
    if (this.#isNew || telling.isOpen || (!telling.isFull && telling.dirty.size === 0)) return
    const { isFull, own, dirty, echo } = telling
    const all = isFull ? [...new Set([...own, ...dirty])] : [...dirty]
    // It may come to own, by a hand-over, what it claims.
    const withheld = new Set(all.filter((name) => !this.has(name) && this.#host.isClaiming(name)))
    for (const name of withheld) this.#withheld.add(name)
    const names = all.filter((name) => !withheld.has(name))
    Object.assign(telling, { isFull: false, isOpen: true, told: dirty, dirty: new Set() })
    const { claimed, term } = this.#host
    const { round } = this
    const { id: view } = this.#view
    for (let at = 0; at === 0 || at < names.length; at += this.#most) {
      const holdings = names
        .slice(at, at + this.#most)
        .map((name): Holding => ({ name, owns: this.has(name), stands: this.#standing.has(name) }))
      const isLast = at + this.#most >= names.length
      const seq = ++telling.seq
      const isFirst = isFull && at === 0
      this.#host.send(registrar, {
        type: 'holds',
        view,
        round,
        echo,
        seq,
        isFirst,
        isLast,
        claimed,
        term,
        holdings,
      })
    }
  }
}
