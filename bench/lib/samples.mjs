/** Any number of measured values. */
export class Samples {
  #values = new Float64Array(1024)
  #size = 0

  get size() {
    return this.#size
  }

  /** @param {number} value */
  push(value) {
    if (this.#size === this.#values.length) {
      const grown = new Float64Array(this.#size * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.#size++] = value
  }

  clear() {
    this.#size = 0
  }

  /** p50, p99 and the highest; zeros where there is nothing. */
  summary() {
    const sorted = this.#values.slice(0, this.#size).sort()
    const at = (part) => sorted[Math.min(this.#size - 1, Math.floor(part * this.#size))] ?? 0
    return { count: this.#size, p50: at(0.5), p99: at(0.99), max: sorted[this.#size - 1] ?? 0 }
  }
}

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
