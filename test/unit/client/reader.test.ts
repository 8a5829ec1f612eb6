import { describe, expect, it } from 'vitest'
import { isPosition, type Senders, TopicReader } from '../../../src/client/machine/reader.ts'
import { binaryCodec, limits, type MessageOf, type Position } from '../../../src/protocol/index.ts'
import { everything, positionOf, publicationsOf, ReaderRecorder, subscribedOf } from './rig.ts'

const gapOf = (from: number, position: Position): MessageOf<'gap'> => ({
  type: 'gap',
  log: 9,
  from,
  to: position.at,
  position,
  reason: 'BUS',
})

/** Publishers 1000, 1001, … each with a last number. */
const numbersOf = (first: number, count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) => [1_000 + first + i, 5])

function readerAt(position: Position): { reader: TopicReader; heard: ReaderRecorder } {
  const heard = new ReaderRecorder()
  const reader = new TopicReader('t', everything, heard)
  reader.handleSubscribed(subscribedOf({ position }))
  heard.take()
  return { reader, heard }
}

describe('The position of a reader', () => {
  it('can be sent after a gap that brought publishers it had not heard of', () => {
    const { reader } = readerAt(positionOf(10, numbersOf(0, limits.publishers)))
    reader.handleGap(gapOf(10, positionOf(20, numbersOf(500, limits.publishers))))
    expect(isPosition(reader.position)).toBe(true)
    expect(new Map(reader.position?.numbers)).toEqual(new Map(numbersOf(500, limits.publishers)))
  })

  it('forgets the publishers that it heard of longest ago, whether by publications or by gaps', () => {
    const { reader } = readerAt(positionOf(10, numbersOf(0, limits.publishers)))
    const senders: Senders = { origin: 0, publishers: [1_000, 1_001] }
    // 1000 and 1001 are heard of again, so 1002 and 1003 are the oldest.
    reader.handlePublications(publicationsOf([{ at: 10, number: 6 }]), senders)
    reader.handleGap(gapOf(11, positionOf(12, [[1_001, 7]])))
    reader.handleGap(gapOf(12, positionOf(14, numbersOf(500, 2))))
    const known = new Map(reader.position?.numbers)
    expect(
      [1_000, 1_001, 1_002, 1_003, 1_004, 1_500, 1_501].map((publisher) => known.get(publisher)),
    ).toEqual([6, 7, undefined, undefined, 5, 5, 5])
  })

  it('is one of whole numbers, of as many publishers as a message holds', () => {
    const fits = { epoch: 1, at: 2, numbers: numbersOf(0, limits.publishers) }
    expect(isPosition(fits)).toBe(true)
    expect(isPosition({ epoch: 0, at: 0, numbers: [] })).toBe(true)
    for (const wrong of [
      null,
      'position',
      undefined,
      { ...fits, epoch: -1 },
      { ...fits, at: 1.5 },
      { ...fits, at: 2 ** 53 },
      { ...fits, numbers: numbersOf(0, limits.publishers + 1) },
      { ...fits, numbers: {} },
      { ...fits, numbers: [[1]] },
      { ...fits, numbers: [[1, 2, 3]] },
      { ...fits, numbers: [[1, -2]] },
      { ...fits, numbers: [{ length: 2 }] },
    ])
      expect(isPosition(wrong)).toBe(false)
  })
})

describe('A gap', () => {
  it('counts what is missing between the position that was reached and the new one', () => {
    const { reader, heard } = readerAt(positionOf(10, [[1_000, 5]]))
    reader.handleGap({ ...gapOf(10, positionOf(17, [[1_000, 9]])), reason: 'SLOW' })
    reader.handleGap({ ...gapOf(17, positionOf(17)), reason: 'SLOW' })
    reader.handleGap({ ...gapOf(17, positionOf(0)), reason: 'NEW_EPOCH' })
    expect(heard.take()).toEqual(['gap 7 SLOW', 'gap 0 SLOW', 'gap 0 NEW_EPOCH'])
    expect(reader.position).toEqual(positionOf(0))
  })

  it('on the bus is reported where it skips a publication, and not where it skips none', () => {
    const { reader, heard } = readerAt(positionOf(10, [[1_000, 5]]))
    reader.handleGap(gapOf(10, positionOf(12, [[1_000, 5]])))
    expect(heard.take()).toEqual([])
    reader.handleGap(gapOf(12, positionOf(13, [[1_000, 6]])))
    expect(heard.take()).toEqual(['gap 1 BUS'])
  })
})

const asked = (options: Partial<ConstructorParameters<typeof TopicReader>[1]>) =>
  new TopicReader('t', { ...everything, ...options }, new ReaderRecorder()).wish(3, 2)

describe('What a reader asks for', () => {
  it('names each policy by its number', () => {
    const numbers = (['skip', 'conflate', 'disconnect'] as const).map((policy) => asked({ policy }).policy)
    expect(numbers).toEqual([0, 1, 2])
  })

  it('is history only as long as it stands nowhere', () => {
    expect(asked({ history: 7 })).toMatchObject({ history: 7, since: { epoch: 0, at: 0, numbers: [] } })
    const since = positionOf(4, [[1_000, 2]])
    expect(asked({ history: 7, since })).toMatchObject({ history: 0, since })
  })

  it('is never encoded in more bytes than were reckoned', () => {
    const name = '猫'.repeat(85)
    const most = Number.MAX_SAFE_INTEGER
    const numbers = Array.from({ length: limits.publishers }, (_, i): [number, number] => [most - i, most])
    for (const since of [undefined, { epoch: most, at: most, numbers }])
      for (const keys of [[], [name], Array.from({ length: 200 }, () => name)]) {
        const reader = new TopicReader(name, { ...everything, maxHz: 60, keys, since }, new ReaderRecorder())
        const topics = [reader.wish(1, 0)]
        const packet = binaryCodec.encode([{ type: 'subscribe', call: 1, topics }])
        expect(reader.wishSize).toBeGreaterThanOrEqual(packet.length)
      }
  })
})

describe('A reader without a connection', () => {
  it('reads no log, and waits for no answer', () => {
    const { reader } = readerAt(positionOf(10))
    reader.wish(4, 0)
    expect([reader.log, reader.lastLog, reader.call]).toEqual([9, 9, 4])
    reader.detach()
    expect([reader.log, reader.lastLog, reader.call]).toEqual([0, 0, 0])
  })
})

describe('A publication', () => {
  it('tells its time since 1970, also one before the node began', () => {
    const times: number[] = []
    const listener = new ReaderRecorder()
    listener.publication = ({ time }) => void times.push(time)
    const reader = new TopicReader('t', everything, listener)
    reader.handleSubscribed(subscribedOf({ position: positionOf(1) }))
    const senders: Senders = { origin: 1_000_000, publishers: [1_000] }
    reader.handlePublications(
      publicationsOf([
        { number: 1, time: 250 },
        { number: 2, time: -40 },
      ]),
      senders,
    )
    expect(times).toEqual([1_000_250, 999_960])
  })
})
