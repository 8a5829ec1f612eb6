import type { ClusterLimits } from './cluster-limits.ts'
import type { Claim, Holds } from './messages.ts'
import type { View } from './view.ts'

/** A node that has a name. `claim`: the claim it is reserved for; 0 once the node has said that it owns it. */
interface Holder {
  readonly owner: number
  readonly claim: number
  /** It would go on with the meeting, whose owner has ended. */
  readonly stands: boolean
}

/**
 * A name of this registrar: who has it, and who has it besides, since a meeting is handed over from one node to another
 * or two nodes have opened it. It is free when the last of them says that it does not own it.
 */
interface Entry extends Holder {
  readonly others: readonly Holder[]
}

/** What a registrar knows of another node in the present view. */
interface Teller {
  /** The number of its last HOLDS that was taken; 0 for none. */
  seq: number
  /** It has told everything that it owns. */
  isComplete: boolean
  /** The id of the last claim that it is known to have made. */
  claimed: number
  /** How many names are remembered for it. */
  names: number
  /** Those that it told of before it began to tell anew, and has not told of since. */
  readonly unsaid: Set<string>
}

const none: readonly Holder[] = []

/** Terms rise by one, so only a node that is broken names a higher one. */
const MOST_BELIEVED = 2 ** 48

/** A term as others go on from it: one that is broken must not leave them so few that they run out. */
export function believed(term: number): number {
  return Math.min(term, MOST_BELIEVED)
}

/** A name that several nodes own at the same time. */
export interface Contest {
  readonly name: string
  readonly owners: readonly number[]
}

interface Waiting {
  readonly from: number
  readonly claim: Claim
}

/**
 * The answer to a claim: the claimer may open the name at a fence of this term; or another node has it, and no term is
 * known that is higher than this one. `owner`: 0 where nobody has it.
 */
export type Verdict =
  | { readonly by: 'grant'; readonly term: number }
  | { readonly by: 'taken'; readonly owner: number; readonly term: number }

/** Claims that may wait, further ones get no answer; and names that are remembered for one node. */
export type RegistrarLimits = Pick<ClusterLimits, 'claims' | 'namesPerNode'>

/** What a registrar needs of its node. */
export interface RegistrarHost {
  /** Whether this node owns the meeting. */
  owns(name: string): boolean
  /**
   * Whether another owner of that name comes before it: it has handed the meeting over, and holds the name until the
   * new one is known; or it would go on with it, since its owner has ended.
   */
  isSecond(name: string): boolean
  /** Whether a node has been silent for so long that nobody waits for it any more. */
  isSilent(node: number): boolean
  answer(claimer: number, claim: Claim, verdict: Verdict): void
}

/**
 * Remembers who has opened the meetings whose names fall to this node, so that two nodes never open one of them at the
 * same time. It answers once each living node of its view has told what it owns in this view, which is how a table
 * moves when nodes come and go, by plan or by crash. Its own node claims like any other. See `ownership.md` on what a
 * reservation ends with: the claimer's word or its proven death, never a timer.
 */
export class Registrar {
  readonly #self: number
  readonly #view: View
  readonly #host: RegistrarHost
  readonly #limits: RegistrarLimits
  readonly #entries: Map<string, Entry> = new Map()
  readonly #tellers: Map<number, Teller> = new Map()
  /**
   * Claims that wait until it is ready, oldest first: by node and name, or by node and id where nothing is to be
   * opened.
   */
  readonly #waiting: Map<string, Waiting> = new Map()
  /** Names that several nodes own, or did when this was last looked at. */
  readonly #shared: Set<string> = new Set()
  /** The highest term that was granted or told of; see {@link learn}. */
  #term = 0

  constructor(self: number, view: View, limits: RegistrarLimits, host: RegistrarHost) {
    this.#self = self
    this.#view = view
    this.#limits = limits
    this.#host = host
  }

  get term(): number {
    return this.#term
  }

  /** A term is in use. */
  learn(term: number): void {
    this.#term = Math.max(this.#term, believed(term))
  }

  get isReady(): boolean {
    for (const node of this.#view.living)
      if (node !== this.#self && this.#tellers.get(node)?.isComplete !== true && !this.#host.isSilent(node))
        return false
    return true
  }

  /** Number of names that it remembers. */
  get size(): number {
    return this.#entries.size
  }

  /** The view has changed: everybody tells anew, and whoever waits claims anew. */
  renew(): void {
    this.#entries.clear()
    this.#shared.clear()
    this.#tellers.clear()
    this.#waiting.clear()
  }

  /** A claim made in the present view. */
  claim(from: number, claim: Claim): void {
    const teller = this.#teller(from)
    // A node's claims arrive in order, so an earlier one was given up meanwhile.
    if (claim.id <= teller.claimed) return
    teller.claimed = claim.id
    if (this.isReady) this.#decide(from, claim)
    else if (this.#waiting.size < this.#limits.claims)
      this.#waiting.set(claim.opens ? `${from} ${claim.name}` : `${from}#${claim.id}`, { from, claim })
  }

  /** HOLDS of the present view. True: it may be confirmed. */
  hear(from: number, { seq, isFirst, isLast, claimed, term, holdings }: Holds): boolean {
    const teller = this.#teller(from)
    if (isFirst ? seq <= teller.seq : seq !== teller.seq + 1) return false
    if (isFirst) this.#forget(from, teller)
    teller.seq = seq
    teller.claimed = Math.max(teller.claimed, claimed)
    this.learn(term)
    for (const { name, owns, stands } of holdings) {
      teller.unsaid.delete(name)
      if (owns) this.#remember(name, from, 0, stands)
      // By its own word it does not own it, and will not: it no longer waits for a claim of it.
      else this.#drop(name, from)
      this.#giveUp(from, name)
    }
    if (!isLast) return false
    for (const name of teller.unsaid) this.#drop(name, from)
    teller.unsaid.clear()
    teller.isComplete = true
    this.review()
    return true
  }

  /** This node, being the registrar, does not own the name, and waits for no claim of it. */
  release(name: string): void {
    this.#drop(name, this.#self)
    this.#giveUp(this.#self, name)
  }

  /** False: it remembers too many names of that node already. */
  #remember(name: string, owner: number, claim: number, stands = false): boolean {
    const holders = this.#holders(name)
    const others = holders.filter((holder) => holder.owner !== owner)
    if (others.length === holders.length) {
      const teller = this.#teller(owner)
      if (teller.names - teller.unsaid.size >= this.#limits.namesPerNode) return false
      teller.names++
    }
    // Whoever owns it comes first; of those who stand, the one that came first, also where it says so again.
    const own = { owner, claim, stands }
    const stood = holders.findIndex((holder) => holder.owner === owner && holder.stands)
    const place = !stands ? 0 : stood < 0 ? others.length : stood
    const [first = own, ...rest] = others.toSpliced(place, 0, own)
    this.#entries.set(name, { ...first, others: rest })
    this.notice(name)
    return true
  }

  /** Another node may have come to own a name besides those that do, this one perhaps. */
  notice(name: string): void {
    if (this.#ownersOf(name).length > 1) this.#shared.add(name)
  }

  /** The nodes that own a name by their own word; none that would go on with it, or has passed it on. */
  #ownersOf(name: string): number[] {
    const owners = this.#holders(name)
      .filter(({ claim, stands }) => claim === 0 && !stands)
      .map(({ owner }) => owner)
    const isOwn = this.#host.owns(name) && !this.#host.isSecond(name)
    return isOwn ? [...owners, this.#self] : owners
  }

  /** Names that several nodes own which were all heard lately: opened anew where one was silent, or handed over. */
  *contests(): Generator<Contest> {
    if (this.#shared.size === 0 || !this.isReady) return
    for (const name of this.#shared) {
      const all = this.#ownersOf(name)
      if (all.length < 2) this.#shared.delete(name)
      const owners = all.filter((node) => node === this.#self || !this.#host.isSilent(node))
      if (owners.length > 1) yield { name, owners }
    }
  }

  #drop(name: string, owner: number): void {
    const holders = this.#holders(name)
    const [first, ...others] = holders.filter((holder) => holder.owner !== owner)
    if (first === undefined) this.#entries.delete(name)
    else this.#entries.set(name, { owner: first.owner, claim: first.claim, stands: first.stands, others })
    if (others.length + (first === undefined ? 0 : 1) < holders.length) this.#teller(owner).names--
  }

  /** Those who have a name, the one first of whom others are told. */
  #holders(name: string): readonly Holder[] {
    const entry = this.#entries.get(name)
    return entry === undefined ? none : [entry, ...entry.others]
  }

  /** A node that claims a name anew no longer takes a grant of it that was lost, or has yet to come. */
  #void(name: string, claimer: number): void {
    const isReserved = this.#holders(name).some(({ owner, claim }) => owner === claimer && claim !== 0)
    if (isReserved) this.#drop(name, claimer)
  }

  #giveUp(from: number, name: string): void {
    this.#waiting.delete(`${from} ${name}`)
  }

  /** Decides the claims that wait, where it has become ready: somebody has told everything, or is given up on. */
  review(): void {
    if (this.#waiting.size === 0 || !this.isReady) return
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { from, claim } of waiting) this.#decide(from, claim)
  }

  #teller(node: number): Teller {
    let teller = this.#tellers.get(node)
    if (teller === undefined) {
      teller = { seq: 0, isComplete: false, claimed: 0, names: 0, unsaid: new Set() }
      this.#tellers.set(node, teller)
    }
    return teller
  }

  /** A node begins to tell anew. Until it has told all, what it told before counts, and what is reserved for it. */
  #forget(node: number, teller: Teller): void {
    teller.unsaid.clear()
    if (teller.seq > 0)
      for (const [name, entry] of this.#entries)
        if ([entry, ...entry.others].some((holder) => holder.owner === node && holder.claim === 0))
          teller.unsaid.add(name)
    teller.isComplete = false
  }

  #decide(from: number, claim: Claim): void {
    const { name, id, opens } = claim
    // What the claimer told of itself before is no longer so, or it has been given the meeting meanwhile.
    const counts = (holder: Holder): boolean => !opens || holder.owner !== from
    const others = this.#holders(name).filter(counts)
    const isHeard = ({ owner }: Holder): boolean => !this.#host.isSilent(owner)
    // Of one that is silent, another node may be about to go on with the meeting.
    const known = others.find(isHeard) ?? others[0]
    const isOwn = this.#host.owns(name)
    // A name that it has passed on is still its own while nobody else has told of it.
    const isFirst = known === undefined || known.stands || !isHeard(known) || !this.#host.isSecond(name)
    const owner = isOwn && isFirst ? this.#self : (known?.owner ?? 0)
    if (!opens || owner !== 0) {
      if (opens) this.#void(name, from)
      this.#host.answer(from, claim, { by: 'taken', owner, term: this.#term })
      return
    }
    if (this.#remember(name, from, id)) this.#host.answer(from, claim, { by: 'grant', term: ++this.#term })
  }
}
