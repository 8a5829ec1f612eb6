import { serve } from '../lib/child.mjs'
import { Far } from '../lib/far.mjs'

/* Long ways, in a process of their own, so that nobody who is busy makes them longer. */

const ways = new Map()

serve({
  async open({ name, target, delayMs }) {
    const way = await Far.open(target, delayMs)
    ways.set(name, way)
    return way.port
  },

  /** Bytes that have gone each way so far. */
  bytes: () => Object.fromEntries([...ways].map(([name, { bytes }]) => [name, bytes])),
})
