import { describe, expect, it } from 'vitest'
import {
  decodeDatagram,
  encodeBundle,
  encodeFrames,
  encodeHeads,
  encodePull,
  MESH,
} from '../../../../src/core/cluster/datagrams.ts'
import { linked } from '../../../../src/core/cluster/link-messages.ts'
import {
  decodeMesh,
  encodeMesh,
  type MeshMessage,
  meshMessages,
} from '../../../../src/core/cluster/mesh-messages.ts'
import type { FrameLog } from '../../../../src/core/meeting/frame-log.ts'
import { sealFrame } from '../../../../src/core/meeting/sealed.ts'
import { fixedLimits } from '../../../../src/core/index.ts'
import { Writer } from '../../../../src/protocol/bytes.ts'
import { writeFields } from '../../../../src/protocol/struct.ts'
import { text } from '../harness.ts'

/** Frames from 5 on, of the same size each, and the mark of each. */
function logOf(...marks: number[]): FrameLog {
  const frame = sealFrame([], [{ member: { slot: 1 }, seq: 1, data: text('x') }] as never)
  return {
    *history(from: number, to: number) {
      for (let at = from; at < Math.min(to, 5 + marks.length); at++) yield [at, frame]
    },
    stableAt: (at: number) => marks[at - 5],
  } as never
}

const SIZE = sealFrame([], [{ member: { slot: 1 }, seq: 1, data: text('x') }] as never).length + 1

/** Each shorter part of a message, and one that is longer. */
function* broken(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 1; length < bytes.length; length++) yield bytes.subarray(0, length)
  yield Uint8Array.of(...bytes, 0)
}

describe('Frames to a replica', () => {
  it.each([[[0, 0, 3, 3, 7]], [[2]], [[1, 2, 3]], [[4, 4, 4, 4]]])(
    'come with the stable frame of each: %j',
    (marks) => {
      const { bytes, to } = encodeFrames(9, logOf(...marks), 5, 10_000)
      expect(to).toBe(5 + marks.length)
      const frames = decodeDatagram(bytes)
      expect(frames).toMatchObject({ type: 'frames', replica: 9, first: 5, marks })
      expect(frames?.type === 'frames' && frames.frames.length).toBe(marks.length)
    },
  )

  it('are as many as fit into a page, and one more that begins within it', () => {
    const log = logOf(1, 2, 3, 4)
    const counts = [1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 1].map(
      (page) => encodeFrames(9, log, 5, page).to - 5,
    )
    expect(counts).toEqual([1, 1, 2, 2, 3])
    const { bytes } = encodeFrames(9, log, 6, 2 * SIZE)
    expect(decodeDatagram(bytes)).toMatchObject({ first: 6, marks: [2, 3] })
  })

  it('are at most as many as a page looks at, also where they are empty', () => {
    const { pageEntries } = fixedLimits
    const log = logOf(...Array.from({ length: pageEntries + 10 }, () => 0))
    const { bytes, to } = encodeFrames(9, log, 5, Infinity)
    expect(to).toBe(5 + pageEntries)
    expect(decodeDatagram(bytes)).toMatchObject({ first: 5 })
    const claimed = (count: number): Uint8Array => {
      const w = new Writer()
      w.byte(MESH)
      w.byte(1)
      for (const each of [9, 5, count]) w.uint(each)
      const frames = new Writer()
      frames.uint(count * 2 + 1)
      w.bytes(frames.finish())
      // The chain behind the last one, and its mark.
      w.uint(0)
      w.uint(0)
      return w.finish()
    }
    expect(decodeDatagram(claimed(pageEntries))).toMatchObject({ type: 'frames' })
    expect(decodeDatagram(claimed(pageEntries + 1))).toBeNull()
  })

  it('are nothing where somebody comes into a slot that there is not', () => {
    const joined = (slot: number): unknown => {
      const frame = sealFrame([{ type: 'join', slot, user: 'eve' }], [])
      const log = {
        *history() {
          yield [5, frame]
        },
        stableAt: () => 0,
      } as never
      return decodeDatagram(encodeFrames(9, log, 5, 1_000).bytes)
    }
    expect(joined(254)).toMatchObject({ type: 'frames' })
    expect(joined(255)).toBeNull()
    expect(joined(2 ** 40)).toBeNull()
  })

  it('are nothing where no fence could follow, or where a frame is said to have entries and has none', () => {
    const read = (frame: Uint8Array): unknown => {
      const log = {
        *history() {
          yield [5, frame]
        },
        stableAt: () => 0,
      } as never
      return decodeDatagram(encodeFrames(9, log, 5, 1_000).bytes)
    }
    const ofTerm = (term: number): Uint8Array => sealFrame([{ type: 'epoch', term, incarnation: 7 }], [])
    expect(read(ofTerm(2 ** 52))).toMatchObject({ type: 'frames' })
    expect(read(ofTerm(2 ** 52 + 1))).toBeNull()
    const ofSeq = (seq: number): Uint8Array =>
      sealFrame([], [{ member: { slot: 1 } as never, seq, data: text('x') }])
    expect(read(ofSeq(2 ** 52))).toMatchObject({ type: 'frames' })
    expect(read(ofSeq(2 ** 52 + 1))).toBeNull()
    // No client could read that.
    expect(read(Uint8Array.of(0))).toBeNull()
  })

  it('come with the chain behind the last one; 0 where nobody hashes them', () => {
    const log = Object.assign(logOf(0, 0, 0), { trace: { behind: (at: number) => 1_000 + at } })
    const chains = [1, SIZE + 1, 10_000].map((page) => {
      const frames = decodeDatagram(encodeFrames(9, log, 5, page).bytes)
      return frames?.type === 'frames' ? frames.chain : null
    })
    expect(chains).toEqual([1_005, 1_006, 1_007])
    expect(decodeDatagram(encodeFrames(9, logOf(0), 5, 10_000).bytes)).toMatchObject({ chain: 0 })
    // Of one that asks for what there is not yet.
    expect(decodeDatagram(encodeFrames(9, log, 9, 10_000).bytes)).toMatchObject({ chain: 0 })
  })

  it('are nothing where an input has text that is no UTF-8, or data that goes beyond the frame', () => {
    const read = (data: { text: boolean; bytes: Uint8Array }, less = 0): unknown => {
      const frame = sealFrame([], [{ member: { slot: 1 } as never, seq: 1, data }])
      const log = {
        *history() {
          yield [5, frame.subarray(0, frame.length - less)]
        },
        stableAt: () => 0,
      } as never
      return decodeDatagram(encodeFrames(9, log, 5, 1_000).bytes)
    }
    const bytes = Uint8Array.of(0x80, 0x80)
    expect(read({ text: false, bytes })).toMatchObject({ type: 'frames' })
    expect([read({ text: true, bytes }), read({ text: false, bytes }, 1)]).toEqual([null, null])
    expect(read({ text: true, bytes: Uint8Array.of(0x41) })).toMatchObject({ type: 'frames' })
  })

  it('are nothing where they are cut short, or have marks of more frames than there are', () => {
    const { bytes } = encodeFrames(9, logOf(0, 0, 3), 5, 10_000)
    // The last three bytes: the first mark, how many frames have it, and by how much it rises then.
    expect([...bytes.subarray(-3)]).toEqual([0, 2, 3])
    const withMarks = (...marks: number[]): Uint8Array => Uint8Array.of(...bytes.subarray(0, -3), ...marks)
    const read = (...marks: number[]): unknown => {
      const frames = decodeDatagram(withMarks(...marks))
      return frames?.type === 'frames' ? frames.marks : frames
    }
    expect([
      read(0, 3, 3),
      read(0, 4, 3),
      read(0, 0, 3),
      read(0, 2, 3, 2, 1),
      read(0, 2, 3, 1, 1),
      read(0),
    ]).toEqual([[0, 0, 0], null, null, null, [0, 0, 3], [0, 0, 0]])
    for (let length = 1; length < bytes.length - 2; length++)
      expect(decodeDatagram(bytes.subarray(0, length))).toBeNull()
  })
})

describe('A datagram', () => {
  it('of heads or of a pull comes as it was said, and is nothing where it is malformed', () => {
    const list = [
      { replica: 1, next: 2, due: 3 },
      { replica: 4, next: 2 ** 40, due: 0 },
    ]
    expect(decodeDatagram(encodeHeads(list))).toEqual({ type: 'heads', heads: list })
    expect(decodeDatagram(encodePull(7, 300))).toEqual({ type: 'pull', replica: 7, from: 300 })
    for (const bytes of [encodeHeads(list), encodePull(7, 300)])
      for (const each of broken(bytes)) expect(decodeDatagram(each)).toBeNull()
    expect(decodeDatagram(Uint8Array.of(0x6d, 9))).toBeNull()
  })

  it('goes with others to the same node, in their order, and alone as it is', () => {
    const { bytes } = encodeFrames(9, logOf(0), 5, 10_000)
    const parts = [bytes, encodeHeads([{ replica: 1, next: 2, due: 3 }]), encodePull(7, 300)]
    expect(encodeBundle([bytes])).toBe(bytes)
    const bundle = encodeBundle(parts)
    expect(decodeDatagram(bundle)).toEqual({ type: 'bundle', parts: parts.map(decodeDatagram) })
    for (let length = 2; length < bundle.length; length++) {
      const part = decodeDatagram(bundle.subarray(0, length))
      expect(part === null || (part.type === 'bundle' && part.parts.length < 3)).toBe(true)
    }
    // One of a node that means no good: the decoder does not go into it.
    expect(decodeDatagram(encodeBundle([bundle, bundle]))).toBeNull()
  })
})

describe('A message of the mesh', () => {
  it.each([text(''), text('Ж'), { text: false, bytes: Uint8Array.of(0, 200) }])(
    'with an input has the form that the table of messages gives it, and is read alike: %j',
    (data) => {
      const message = { type: 'input', replica: 300, seat: 4, seq: 2 ** 40, acked: 0, data } as const
      const w = new Writer()
      w.byte(linked.mesh)
      w.byte(meshMessages.input.code)
      writeFields(w, meshMessages.input.fields, message)
      expect(encodeMesh(message)).toEqual(w.finish())
      const bytes = encodeMesh(message)
      expect(decodeMesh(bytes)).toEqual(message)
      for (const each of broken(bytes)) expect(decodeMesh(each)).toBeNull()
    },
  )

  it.each<MeshMessage>([
    { type: 'absent', replica: 3 },
    {
      type: 'nack',
      replica: 3,
      seat: 4,
      seq: 5,
      error: 'RATE',
      retryAfter: 1_000,
      byBusiness: true,
      message: '',
      reason: '',
    },
    { type: 'direct', replica: 3, seat: 4, data: text('Ж') },
    {
      type: 'seated',
      replica: 3,
      seat: 4,
      slot: 5,
      seq: 6,
      continued: true,
      waiting: [{ seq: 7 }],
      elected: 2,
      members: [{ slot: 5, user: 'ann', away: false }],
      next: 8,
      due: 9,
    },
  ])('comes as it was said, and is nothing where it is malformed: $type', (message) => {
    const bytes = encodeMesh(message)
    expect(decodeMesh(bytes)).toEqual(message)
    for (const each of broken(bytes)) expect(decodeMesh(each)).toBeNull()
  })

  it('of no kind is nothing', () => {
    expect(decodeMesh(Uint8Array.of(1, 255))).toBeNull()
  })
})

it('A frame is opened as it was sealed at the other node', () => {
  const { bytes } = encodeFrames(9, logOf(0), 5, 10_000)
  const frames = decodeDatagram(bytes)
  if (frames?.type !== 'frames') throw new Error('no frames')
  expect(frames.frames[0]).toMatchObject({ inputs: [{ slot: 1, seq: 1 }] })
})
