import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { membership, RtmsSink, subscription } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'
import { Visits } from '../lib/visits.mjs'

/* Honest users: each connects, asks, joins, publishes, reads what it published, and leaves. */

const steps = ['connect', 'ask', 'hook', 'join', 'read', 'publish']
const took = Object.fromEntries(steps.map((step) => [step, new Samples()]))
const failures = []
const visits = new Visits()
const DATA = { text: true, bytes: new TextEncoder().encode('1') }

async function visit(codec, where, token, number) {
  const client = new RtmsSink(codec, where)
  const request = (method) => client.call({ type: 'request', method, timeout: 0, data: DATA }, 'reply')
  const topic = `honest.${number % 100}`
  const calls = {
    connect: () => client.open(token, 131_072),
    ask: () => request('echo'),
    hook: () => request('hook.echo'),
    join: () => client.call(membership(`honest.${number % 4}`), 'joined'),
    read: () => client.call(subscription(topic), 'subscribed'),
    publish: () => {
      const read = client.next('publications')
      // Call 0 asks for no answer: the publication itself is one.
      client.send({ type: 'publish', call: 0, topic, key: '', tombstone: false, data: DATA })
      return read
    },
  }
  let step
  try {
    for (step of steps) {
      const begun = now()
      await calls[step]()
      took[step].push(now() - begun)
    }
    client.onEnd = () => {}
    client.sink.close()
  } catch (error) {
    failures.push(`${step}: ${error.message}`)
    client.sink.destroy()
  }
}

serve({
  async begin({ server, dist, tokens, everyMs }) {
    const { binaryCodec } = await load(dist, 'protocol')
    for (const step of steps) took[step].clear()
    failures.length = 0
    visits.begin(everyMs, (number) => visit(binaryCodec, server, tokens[number % tokens.length], number))
  },
  /** Milliseconds that each step took, and what failed. */
  async end() {
    await visits.end()
    const summaries = steps.map((step) => [step, took[step].summary()])
    return { took: Object.fromEntries(summaries), failures: [...failures] }
  },
})
