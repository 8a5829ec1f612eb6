/** The frames that one member of a meeting has, as long as they were not undone. */
export class History {
  #fail
  #who
  /** Number of the first frame, and a hash of each from there on; 0 for one that is missing. */
  #first = 0
  #hashes = []
  /** By sender: the numbers of its inputs, and the frame of each. */
  #inputs = []
  /** The last frame that was stable. */
  #stable = 0

  /** @param {(why: string) => void} fail is told of what must not be @param {string} who */
  constructor(fail, who) {
    this.#fail = fail
    this.#who = who
  }

  get next() {
    return this.#first + this.#hashes.length
  }

  /** Whether it begins with the first frame. */
  get isWhole() {
    return this.#first === 1
  }

  append({ number, events, inputs }, stable) {
    if (this.#first === 0) this.#first = number
    if (number !== this.next) this.#fail(`${this.#who}: frame ${number} came, and ${this.next} was expected`)
    this.#hashes.push(hashOf(JSON.stringify([number, events, inputs])))
    for (const { data } of inputs) this.#inputs.push({ ...data, frame: number })
    this.#stable = Math.max(this.#stable, stable)
  }

  /** The frames of [from, to) will not come. */
  gap(from, to) {
    if (this.#first === 0) this.#first = to
    else for (let at = from; at < to; at++) this.#hashes.push(0)
  }

  /** Another world: what was there counts for nothing. */
  restart() {
    this.#first = 0
    this.#hashes = []
    this.#inputs = []
    this.#stable = 0
  }

  /** The frames from `next` on are undone. Returns how many. */
  rewind(next) {
    if (next <= this.#stable) this.#fail(`${this.#who}: frame ${next} was stable, and is undone`)
    const undone = this.next - next
    if (undone <= 0) return 0
    this.#hashes.length -= undone
    this.#inputs = this.#inputs.filter(({ frame }) => frame < next)
    return undone
  }

  /** The first frame that another member of the same world has otherwise; 0 for none. */
  differsFrom(other) {
    const end = Math.min(this.next, other.next)
    for (let at = Math.max(this.#first, other.#first); at < end; at++) {
      const [own, theirs] = [this.#hashes[at - this.#first], other.#hashes[at - other.#first]]
      if (own !== 0 && theirs !== 0 && own !== theirs) return at
    }
    return 0
  }

  /** In how many frames each input of a sender is. */
  inputsOf(sender) {
    const times = new Map()
    for (const { who, number } of this.#inputs)
      if (who === sender) times.set(number, (times.get(number) ?? 0) + 1)
    return times
  }
}

/** FNV-1a over the UTF-16 units; never 0. */
function hashOf(text) {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0 || 1
}
