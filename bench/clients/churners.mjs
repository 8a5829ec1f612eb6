import { serve } from '../lib/child.mjs'
import { load } from '../lib/product.mjs'
import { membership, RtmsSink, subscription } from '../lib/rtms-client.mjs'

/** Clients that come, do what clients do for a while, and go in one of three ways. */
const counts = { left: 0, dropped: 0, resumed: 0, failed: 0 }
let codec
let where
let tokens = []
/** What it asks for, and the prefix of the meetings it joins. */
let method = 'echo'
let meetings = 'm'
let timer
let next = 0
const failures = new Map()

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const between = (low, high) => low + Math.random() * (high - low)

const text = (value) => ({ text: true, bytes: new TextEncoder().encode(JSON.stringify(value)) })

async function work(sink) {
  for (let topic = 0; topic < 3; topic++)
    sink.send({ ...subscription(`t${(next + topic) % 200}`), call: topic + 1 })
  const joined = sink.next('joined')
  sink.send({ ...membership(`${meetings}${Math.floor(Date.now() / 1000) % 50}`), call: 4 })
  const { log, seq } = await joined.catch(() => ({ log: 0, seq: 0 }))
  for (let count = 1; count <= 5; count++) {
    if (log !== 0) sink.send({ type: 'input', log, seq: seq + count, after: 0, seen: 0, data: text(count) })
    sink.send({ type: 'request', call: 4 + count, method, timeout: 1_000, data: text('hello') })
    await pause(between(150, 900))
  }
}

/** The ones that a life has opened, so that a life that fails leaves none behind. */
function opener(sinks) {
  return async (token, session) => {
    const sink = new RtmsSink(codec, where)
    sinks.push(sink)
    sink.onEnd = () => {}
    return { sink, welcome: await sink.open(token, 65_536, session) }
  }
}

async function live(open) {
  const token = tokens[next++ % tokens.length]
  const ending = next % 3
  const { sink, welcome } = await open(token)
  await work(sink)
  if (ending === 0) {
    sink.sink.close()
    counts.left++
    return
  }
  sink.sink.destroy()
  counts.dropped++
  if (ending === 1) return
  await pause(between(50, 500))
  const again = await open(token, welcome.session)
  if (!again.welcome.resumed) throw new Error('the session was not resumed')
  counts.resumed++
  await pause(200)
  again.sink.sink.close()
}

async function liveAndDie() {
  const sinks = []
  try {
    await live(opener(sinks))
  } catch (error) {
    counts.failed++
    const why = String(error.message).slice(0, 80)
    failures.set(why, (failures.get(why) ?? 0) + 1)
    for (const { sink } of sinks) sink.destroy()
  }
}

serve({
  async start({ dist, server, ...options }) {
    codec = (await load(dist, 'protocol')).binaryCodec
    where = server
    method = options.method ?? method
    meetings = options.meetings ?? meetings
  },
  tokens(list) {
    tokens = list
  },
  begin({ perSecond }) {
    timer = setInterval(() => void liveAndDie(), 1000 / perSecond)
  },
  stop: () => clearInterval(timer),
  counts: () => ({ ...counts, failures: [...failures] }),
})
