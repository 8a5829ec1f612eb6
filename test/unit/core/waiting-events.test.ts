import { expect, it } from 'vitest'
import { fixedLimits } from '../../../src/core/ground/config.ts'
import { WaitingEvents } from '../../../src/core/meeting/waiting-events.ts'
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
