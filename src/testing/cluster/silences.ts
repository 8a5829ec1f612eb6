/** After this silence nobody waits for a node's word, in milliseconds. */
const LEASE_MS = 3_000
/** How long a name that was granted may take to be opened: a claim's time, and that of the messages. */
const OPENING_MS = 2_000

/**
 * Which nodes have not heard which others for long. A registrar that has not goes on without their word, and two nodes
 * may then open one name: the price of not waiting for ever, which `ownership.md` settles between the owners. Without
 * such a silence, no name may ever be open twice.
 */
export class Silences {
  /** When each living node was started. */
  readonly #started: Map<number, number> = new Map()
  /** When one node last handled what another says of the cluster, a heartbeat mostly: `by from`. */
  readonly #heard: Map<string, number> = new Map()
  /** When a node had last gone without another's word for long. */
  #last = -Infinity

  started(node: number, now: number): void {
    this.#started.set(node, now)
  }

  /** What it or another one went without until now has been: what came of that may outlive it. */
  ended(node: number, now: number): void {
    this.#look(now)
    this.#started.delete(node)
  }

  heard(by: number, from: number, now: number): void {
    if (this.#gap(by, from, now) >= LEASE_MS || this.#isLonely(by, now)) this.#last = now
    this.#heard.set(`${by} ${from}`, now)
  }

  /** Whether a node may have been passed over when a name was granted that is opened now. */
  excuse(now: number): boolean {
    this.#look(now)
    return now - this.#last <= OPENING_MS
  }

  /** Whether any living node goes without another's word for long. */
  #look(now: number): void {
    for (const by of this.#started.keys()) {
      if (this.#isLonely(by, now)) this.#last = now
      for (const from of this.#started.keys())
        if (by !== from && this.#gap(by, from, now) >= LEASE_MS) this.#last = now
    }
  }

  /** Whether there was such a silence since then. */
  since(time: number, now: number): boolean {
    return this.excuse(now) || this.#last >= time
  }

  /** A node that has heard nobody who lives takes itself to be alone: of those who came later nobody has told it. */
  #isLonely(by: number, now: number): boolean {
    let last = this.#started.get(by) ?? now
    for (const from of this.#started.keys()) last = Math.max(last, this.#heard.get(`${by} ${from}`) ?? 0)
    return now - last >= LEASE_MS
  }

  #gap(by: number, from: number, now: number): number {
    const [mine, other] = [this.#started.get(by), this.#started.get(from)]
    if (mine === undefined || other === undefined) return 0
    return now - (this.#heard.get(`${by} ${from}`) ?? Math.max(mine, other))
  }
}
