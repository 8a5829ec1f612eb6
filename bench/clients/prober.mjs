import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { RtmsSink } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'
import { Visits } from '../lib/visits.mjs'

/* An honest client that connects, is welcomed and leaves, again and again, and sees how long the welcome takes. */

const took = new Samples()
const failures = []
const visits = new Visits()

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
    visits.begin(everyMs, (number) => probe(binaryCodec, server, tokens[number % tokens.length]))
  },
  /** Milliseconds from the first packet to the welcome, and what failed. */
  async end() {
    await visits.end()
    return { ...took.summary(), failures: [...failures] }
  },
})
