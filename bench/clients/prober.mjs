import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { RtmsSink } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'

/* An honest client that connects, is welcomed and leaves, again and again, and sees how long the welcome takes. */

const took = new Samples()
const failures = []
const running = new Set()
let timer

async function probe(codec, where, token) {
  const begun = now()
  const client = new RtmsSink(codec, where)
  try {
    await client.open(token, 131_072)
    took.push(now() - begun)
    client.onEnd = () => {}
    client.sink.close()
  } catch (error) {
    failures.push(String(error.message))
    client.sink.destroy()
  }
}

serve({
  async begin({ server, dist, tokens, everyMs }) {
    const { binaryCodec } = await load(dist, 'protocol')
    took.clear()
    failures.length = 0
    let next = 0
    timer = setInterval(() => {
      const one = probe(binaryCodec, server, tokens[next++ % tokens.length]).finally(() =>
        running.delete(one),
      )
      running.add(one)
    }, everyMs)
  },
  /** Milliseconds from the first packet to the welcome, and what failed. */
  async end() {
    clearInterval(timer)
    await Promise.all(running)
    return { ...took.summary(), failures: [...failures] }
  },
})
