import type { LineageKeys } from '../core/index.ts'

/** FNV-1a twice, from two bases. */
function simTag(bytes: Uint8Array): number {
  let [high, low] = [0x811c_9dc5, 0x1234_5678]
  for (const byte of bytes) {
    high = Math.imul(high ^ byte, 0x0100_0193)
    low = Math.imul(low ^ byte, 0x0100_0193) + high
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a)

/** What all nodes of a run share, in the place of what a cluster's secret makes. It keeps nobody out who knows it. */
export const simLineage: LineageKeys = { tag: simTag, seal: turned, open: turned }
