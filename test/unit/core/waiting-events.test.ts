import { expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { WaitingEvents } from '../../../src/core/meeting/waiting-events.ts'
import { limits } from '../../../src/protocol/limits.ts'
import { bytes } from './harness.ts'

it('What the business says to all is bounded until a frame takes it, also where it came from another node', () => {
  const full = new WaitingEvents(fixedLimits, () => {})
  const word = bytes(4_096)
  const most = fixedLimits.saidBytes / 4_096
  for (let n = 0; n < most; n++) expect(full.say(word)).toBeNull()
  expect(full.say(bytes(1))).toBe('BUSY')
  const other = new WaitingEvents(fixedLimits, () => {})
  other.restore(full.list)
  expect(other.say(bytes(1))).toBe('BUSY')
  expect(other.take()).toHaveLength(most)
  expect(other.say(word)).toBeNull()
})

it('The business may cause so many of them at most, and what happens by itself comes all the same', () => {
  let waits = 0
  const events = new WaitingEvents({ ...fixedLimits, waitingEvents: 2 }, () => waits++)
  expect([events.say(bytes(1)), events.isFull, events.say(bytes(1)), events.isFull]).toEqual([
    null,
    false,
    null,
    true,
  ])
  expect([events.say(bytes(1)), waits]).toEqual(['BUSY', 2])
  events.push({ type: 'leave', slot: 0, reason: 'left' })
  expect([events.list.length, waits]).toEqual([3, 3])
  expect([events.take().length, events.isFull, events.list]).toEqual([3, false, []])
})

it('A word to all has the size of an input at most, and of what came from another node only words count', () => {
  const events = new WaitingEvents({ ...fixedLimits, saidBytes: limits.input }, () => {})
  expect([events.say(bytes(limits.input + 1)), events.say(bytes(limits.input))]).toEqual(['TOO_LARGE', null])
  const other = new WaitingEvents({ ...fixedLimits, saidBytes: limits.input }, () => {})
  other.restore([
    { type: 'join', slot: 0, user: 'ann' },
    { type: 'say', data: bytes(10) },
  ])
  expect([other.say(bytes(limits.input - 9)), other.say(bytes(limits.input - 10))]).toEqual(['BUSY', null])
})
