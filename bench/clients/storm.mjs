import { serve } from '../lib/child.mjs'
import { now } from '../lib/clock.mjs'
import { load } from '../lib/product.mjs'
import { RtmsSink } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'

/* Many clients that connect at an even pace, each once, and come again where they are turned away. */

/** An attempt that has brought nothing is given up after this long, and a client after that. */
const ATTEMPT_MS = 10_000
const CLIENT_MS = 60_000
/** What a client waits where nobody told it how long. */
const RETRY_MIN_MS = 200
const RETRY_MAX_MS = 2_000

const sinks = []
const waits = new Samples()
const failures = new Map()
const counts = { welcomed: 0, inTime: 0, given: 0, attempts: 0, lost: 0 }
let binaryCodec

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

function late(ms) {
  let timer
  const promise = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came in time')), ms)
  })
  return { promise, clear: () => clearTimeout(timer) }
}

async function attempt(where, token) {
  counts.attempts++
  const client = new RtmsSink(binaryCodec, where)
  const limit = late(ATTEMPT_MS)
  try {
    const opening = client.open(token, 131_072)
    opening.catch(() => {})
    await Promise.race([opening, limit.promise])
    client.onMessage = () => {}
    client.onEnd = () => counts.lost++
    sinks.push(client.sink)
  } catch (error) {
    client.sink.destroy()
    throw error
  } finally {
    limit.clear()
  }
}

/** What a refusal says to wait, or a random time. */
function waitOf(why) {
  const told = /"retryAfter":(\d+)/.exec(why)
  const least = Math.max(RETRY_MIN_MS, Number(told?.[1] ?? 0))
  return least + Math.random() * (RETRY_MAX_MS - RETRY_MIN_MS)
}

/** Comes until it is welcomed. How long that took counts from when it first wanted to. */
async function live(where, token, withinMs) {
  const begun = now()
  while (now() - begun < CLIENT_MS) {
    try {
      await attempt(where, token)
      const took = now() - begun
      waits.push(took)
      counts.welcomed++
      if (took <= withinMs) counts.inTime++
      return
    } catch (error) {
      const why = String(error.message)
      const kind = why.replace(/\d+/g, '#').slice(0, 120)
      failures.set(kind, (failures.get(kind) ?? 0) + 1)
      await pause(waitOf(why))
    }
  }
  counts.given++
}

serve({
  async load({ dist }) {
    ;({ binaryCodec } = await load(dist, 'protocol'))
  },
  /** Resolves when every client has been welcomed or has given up. */
  async storm({ server, tokens, seconds, withinMs }) {
    const begun = now()
    const all = []
    while (all.length < tokens.length) {
      const due = Math.min(tokens.length, Math.ceil(((now() - begun) / 1000 / seconds) * tokens.length))
      while (all.length < due) all.push(live(server, tokens[all.length], withinMs))
      await pause(1)
    }
    await Promise.all(all)
    return { ...counts, open: sinks.length, failures: [...failures], waits: waits.summary() }
  },
  lost: () => counts.lost,
  close() {
    for (const sink of sinks.splice(0)) sink.close()
  },
})
