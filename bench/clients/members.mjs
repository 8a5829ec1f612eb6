import { serve } from '../lib/child.mjs'
import { clockOffset, now } from '../lib/clock.mjs'
import { Meter } from '../lib/meter.mjs'
import { load } from '../lib/product.mjs'
import { membership, RtmsSink } from '../lib/rtms-client.mjs'
import { Samples } from '../lib/samples.mjs'
import { openMany, Sink } from '../lib/websocket.mjs'

/*
 * Members of meetings. Every member decodes every frame it gets, checks that no number is missing, and chains a
 * hash over number and contents; the hashes of the members of one meeting are compared at every frame.
 *
 * With a rival a "frame" is what it delivers at once: a tick's inputs, or a single input.
 */

const SYSTEM_SLOT = 255
const INPUT_HEAD = 6

const meter = new Meter()
/** Frame's arrival after it was due; an input's arrival at its own sender after it was sent. */
const lateness = new Samples()
const roundTrip = new Samples()
const delivered = { frames: 0, inputs: 0 }
let measuring = false
let failure = null
let protocol
/** @type {Room[]} */
let rooms = []
/** @type {Member[]} */
let members = []
let sending = null

function fail(why) {
  failure ??= why
}

class Room {
  /** The hash after each frame, from frame 1 on, as the first member to get it has it. */
  chain = []
  /** Last input of each slot. */
  seqs = new Map()
  inputs = 0
  members = []

  /** Every input of a slot stands in exactly one frame, in order. */
  check(slot, seq) {
    const last = this.seqs.get(slot) ?? 0
    if (seq !== last + 1) fail(`input ${seq} of slot ${slot} came after ${last}`)
    this.seqs.set(slot, seq)
    this.inputs++
  }
}

class Member {
  frame = 0
  hash = 0
  slot = -1
  seq = 0
  log = 0
  sink = null
  client = null
  /** When the last 256 inputs were sent. */
  sentAt = new Float64Array(256)
  /** Due time of frame k: start + k × interval. Infinity: no clock to compare with. */
  start = Infinity
  interval = 0

  constructor(room, name) {
    this.room = room
    this.name = name
    room.members.push(this)
  }

  /** @param {number} frame @param {readonly { slot: number, seq: number, bytes: Uint8Array }[]} inputs */
  take(frame, inputs, at) {
    const { room } = this
    if (frame !== this.frame + 1) fail(`${this.name}: frame ${frame} came after ${this.frame}`)
    this.frame = frame
    delivered.frames++
    delivered.inputs += inputs.length
    const isFirst = room.chain.length < frame
    let { hash } = this
    for (const { slot, seq, bytes } of inputs) {
      hash = mix(mix(hash, slot), seq)
      for (let i = 0; i < bytes.length; i++) hash = mix(hash, bytes[i])
      if (isFirst) room.check(slot, seq)
      if (slot === this.slot && measuring) roundTrip.push(at - this.sentAt[seq & 255])
    }
    this.hash = mix(hash, frame)
    if (isFirst) room.chain.push(this.hash)
    else if (room.chain[frame - 1] !== this.hash) fail(`${this.name}: frame ${frame} differs from another's`)
    if (measuring && this.start !== Infinity) lateness.push(at - this.start - frame * this.interval)
  }
}

/** One step of FNV-1a, over whole numbers. */
const mix = (hash, value) => Math.imul(hash ^ value, 0x01000193)

async function joinRtms(member, where, token, window, meeting) {
  const client = new RtmsSink(protocol.binaryCodec, where)
  await client.open(token, window)
  // Frames may come in the packet of the answer, before whoever awaits that runs.
  const early = []
  client.onMessage = (message) => early.push(message)
  const joined = client.call(membership(meeting), 'joined')
  const { slot, log, start, startFrame, rate, next } = await joined
  if (next !== 1) fail(`${member.name} begins at frame ${next}`)
  Object.assign(member, { slot, log, client, sink: client.sink })
  member.interval = 1000 / rate
  member.start = start / 1000 + where.clockOffset - startFrame * member.interval
  client.onEnd = (why) => fail(`${member.name} was cut off: ${why}`)
  client.onMessage = (message) => {
    if (message.type === 'frames') takeFrames(member, message)
    // What an owner in a cluster gives its members to keep for it.
    else if (message.type !== 'charter') fail(`${member.name}: ${JSON.stringify(message)}`)
  }
  for (const message of early) client.onMessage(message)
}

function takeFrames(member, { first, count, frames }) {
  const at = now()
  protocol.eachFrame(frames, first, count, (frame, entries) => {
    const inputs = []
    for (const entry of entries) {
      if (entry.slot !== SYSTEM_SLOT)
        inputs.push({ slot: entry.slot, seq: entry.seq, bytes: entry.data.bytes })
      else {
        const event = protocol.decodeEvent(entry)
        // The node gave up so much time: later frames are due later.
        if (event.type === 'slip') member.start += event.lost
      }
    }
    member.take(frame, inputs, at)
  })
}

/** With a rival the path says room and slot, and all that comes is inputs: slot, seq, length, bytes. */
async function joinPlain(member, where, room, slot) {
  const sink = new Sink({ ...where, path: `${where.path}?room=${room}&slot=${slot}` })
  await sink.upgraded
  Object.assign(member, { slot, sink })
  sink.onEnd = (why) => fail(`${member.name} was cut off: ${why}`)
  sink.onMessage = (buffer, start, end) => {
    const at = now()
    const inputs = []
    while (start < end) {
      const length = buffer[start + 5]
      const from = start + INPUT_HEAD
      const bytes = buffer.subarray(from, from + length)
      inputs.push({ slot: buffer[start], seq: buffer.readUInt32LE(start + 1), bytes })
      start = from + length
    }
    member.take(member.frame + 1, inputs, at)
  }
}

function send(member, bytes) {
  const seq = ++member.seq
  member.sentAt[seq & 255] = now()
  if (member.client !== null) {
    const data = { text: false, bytes }
    member.client.send({ type: 'input', log: member.log, seq, after: seq - 1, seen: member.frame, data })
  } else {
    const message = Buffer.alloc(INPUT_HEAD + bytes.length)
    message[0] = member.slot
    message.writeUInt32LE(seq, 1)
    message[5] = bytes.length
    message.set(bytes, INPUT_HEAD)
    member.sink.sendBinary(message)
  }
}

/** Each member sends at an even pace, and the members' inputs are spread evenly over the interval between two. */
function startSending(inputsPerSecond, inputBytes) {
  if (inputsPerSecond === 0) return
  const gap = 1000 / (inputsPerSecond * members.length)
  const bytes = new Uint8Array(inputBytes).fill(0x61)
  // A stride without a common divisor with the number of members mixes the meetings.
  const stride = members.length > 7919 ? 1 : 7919
  const begun = now()
  let sent = 0
  const step = () => {
    // After a stall only some of what was missed: a client is not a flood.
    const due = Math.min(sent + members.length, Math.floor((now() - begun) / gap))
    while (sent < due) send(members[(sent++ * stride) % members.length], bytes)
  }
  sending = setInterval(step, 2)
}

async function until(what, is) {
  for (let tries = 0; !is(); tries++) {
    if (failure !== null) throw new Error(failure)
    if (tries === 1_000) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  if (failure !== null) throw new Error(failure)
}

serve({
  async connect({ server, dist, tokens = [], meetings, perMeeting, first = 0, window = 0 }) {
    if (server.kind === 'rtms') protocol = await load(dist, 'protocol')
    rooms = Array.from({ length: meetings }, () => new Room())
    members = await openMany(meetings * perMeeting, async (index) => {
      const room = Math.floor(index / perMeeting)
      const member = new Member(rooms[room], `member ${index % perMeeting} of meeting ${first + room}`)
      if (server.kind === 'rtms') {
        await joinRtms(member, server, tokens[index], window, `m${first + room}`)
      } else await joinPlain(member, server, first + room, index % perMeeting)
      return member
    })
  },

  send: ({ inputsPerSecond, inputBytes }) => startSending(inputsPerSecond, inputBytes),

  async begin() {
    if (failure !== null) throw new Error(failure)
    lateness.clear()
    roundTrip.clear()
    Object.assign(delivered, { frames: 0, inputs: 0 })
    measuring = true
    await meter.begin()
  },

  async end() {
    measuring = false
    const spent = await meter.end()
    return { ...spent, ...delivered, lateness: lateness.summary(), roundTrip: roundTrip.summary() }
  },

  /** Sends no more, and sees to it that everything arrived everywhere, exactly once and equal. */
  async verify() {
    clearInterval(sending)
    const sent = members.reduce((sum, { seq }) => sum + seq, 0)
    await until('the last inputs', () => rooms.reduce((sum, room) => sum + room.inputs, 0) >= sent)
    for (const { seqs, members } of rooms) {
      for (const { slot, seq, name } of members) {
        if ((seqs.get(slot) ?? 0) !== seq) throw new Error(`${name}: ${seq} sent, ${seqs.get(slot)} framed`)
      }
    }
    const ends = rooms.map(({ chain }) => chain.length)
    await until('the last frames', () =>
      rooms.every(({ members }, at) => members.every((m) => m.frame >= ends[at])),
    )
    const frames = members.reduce((sum, { frame }) => sum + frame, 0)
    return { inputs: sent, frames, chains: members.length, shortest: Math.min(...ends), clockOffset }
  },
})
