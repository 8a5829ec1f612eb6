/** What a heap keeps in order: of two that are equal in `at`, the one with the lower `order` comes first. */
export interface Ranked {
  at: number
  order: number
  /** Where it is in its heap; −1 while it is in none. Only the heap writes it. */
  index: number
}

/** A binary heap whose elements know where they are, so that any of them can be moved or taken out. */
export class Heap<E extends Ranked> {
  readonly #all: E[] = []

  get size(): number {
    return this.#all.length
  }

  /** The element that comes first. */
  get first(): E | undefined {
    return this.#all[0]
  }

  /** In no particular order. */
  values(): Iterable<E> {
    return this.#all
  }

  /** Adds an element, or moves it to where its rank now belongs. */
  set(element: E): void {
    if (element.index < 0) {
      element.index = this.#all.length
      this.#all.push(element)
      this.#up(element)
    } else this.#settle(element)
  }

  /** Has no effect on an element that is not in the heap. */
  delete(element: E): void {
    const { index } = element
    if (index < 0) return
    element.index = -1
    const last = this.#all.pop() as E
    if (last === element) return
    this.#place(last, index)
    this.#settle(last)
  }

  #settle(element: E): void {
    this.#up(element)
    this.#down(element)
  }

  #before(a: E, b: E): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #place(element: E, index: number): void {
    element.index = index
    this.#all[index] = element
  }

  #up(element: E): void {
    let { index } = element
    while (index > 0) {
      const parent = this.#all[(index - 1) >> 1] as E
      if (!this.#before(element, parent)) break
      this.#place(parent, index)
      index = (index - 1) >> 1
    }
    this.#place(element, index)
  }

  #down(element: E): void {
    let { index } = element
    for (;;) {
      const left = 2 * index + 1
      let child = this.#all[left]
      if (child === undefined) break
      const right = this.#all[left + 1]
      if (right !== undefined && this.#before(right, child)) child = right
      if (!this.#before(child, element)) break
      const next = child.index
      this.#place(child, index)
      index = next
    }
    this.#place(element, index)
  }
}
