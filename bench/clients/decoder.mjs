import { serve } from '../lib/child.mjs'
import { mutate, noise, valid } from '../lib/mutate.mjs'
import { load } from '../lib/product.mjs'
import { randomFrom } from '../lib/random.mjs'

/* Damaged packets through a decoder. What is neither messages nor a refusal with PROTOCOL is told with the packet. */

/** One packet in sixteen is nothing but noise. */
const NOISE = 16
/** A packet that takes longer to decode is told. */
const SLOW_MS = 50

let protocol

function packetsOf(encoding) {
  return valid.map(({ from, hex, json }) => ({
    from,
    bytes: encoding === 'binary' ? Buffer.from(hex, 'hex') : Buffer.from(json),
  }))
}

/** Reads what is in a message, as a client does: the entries of frames and publications. */
function readThrough(message) {
  if (message.type === 'frames')
    protocol.eachFrame(message.frames, message.first, message.count, (_, entries) => {
      for (const entry of entries) if (entry.slot === 255) protocol.decodeEvent(entry)
    })
  if (message.type === 'publications') protocol.eachPublication(message.publications, message.at, () => {})
}

function decode(codec, packet, from) {
  try {
    for (const message of codec.decode(packet, from)) readThrough(message)
    return 'decoded'
  } catch (error) {
    if (error instanceof protocol.RtmsError && error.code === 'PROTOCOL') return 'refused'
    return String(error?.stack ?? error)
  }
}

function timeOf(work) {
  const begun = performance.now()
  work()
  return performance.now() - begun
}

serve({
  async load({ dist }) {
    protocol = await load(dist, 'protocol')
  },
  /** `count` packets from this seed on. */
  run({ encoding, count, seed }) {
    const codec = encoding === 'binary' ? protocol.binaryCodec : protocol.jsonCodec
    const packets = packetsOf(encoding)
    const random = randomFrom(seed)
    const counts = { decoded: 0, refused: 0 }
    const wrong = []
    let slowest = 0
    for (let n = 0; n < count; n++) {
      const { from, bytes } = packets[random(packets.length)]
      const damaged =
        random(NOISE) === 0
          ? noise(random, random(200))
          : mutate(bytes, packets[random(packets.length)].bytes, random)
      const packet = encoding === 'json' && random(4) !== 0 ? damaged.toString() : damaged
      const begun = performance.now()
      const outcome = decode(codec, packet, from)
      let took = performance.now() - begun
      // Once more where it was slow: the machine may have been busy with something else.
      if (took > SLOW_MS) took = timeOf(() => decode(codec, packet, from))
      if (took > slowest) slowest = took
      if (outcome in counts) counts[outcome]++
      else if (wrong.length < 10) wrong.push({ packet: damaged.toString('hex'), from, outcome })
      if (took > SLOW_MS && wrong.length < 10)
        wrong.push({ packet: damaged.toString('hex'), from, outcome: `${took} ms` })
    }
    return { ...counts, wrong, slowest }
  },
})
