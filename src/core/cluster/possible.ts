import { limits, SYSTEM_SLOT } from '../../protocol/limits.ts'
import { MAX_SEQ } from '../meeting/intake.ts'
import { MAX_TERM } from '../meeting/reigns.ts'
import type { MeshMessage } from './mesh-messages.ts'

/** Readers at one node, and hand-overs of a meeting. */
export const MOST_READERS: number = 2 ** 32
export const MOST_HOPS: number = 2 ** 48
/** Frames a second, and bytes of a seed; and the last frame and the longest wait in microseconds that there can be. */
const MOST_FRAME_RATE = 60
const MOST_SEED = 64
export const LAST_FRAME: number = 2 ** 48
export const LONGEST_WAIT: number = 2 ** 40

/**
 * Whether a meeting can be as the node that owns it says. A node that is broken must not have this one tell its clients
 * what they cannot read, or what no meeting is like.
 */
export function isPossible(message: MeshMessage): boolean {
  if (message.type === 'followed') {
    const { term, hop, reigns, frameRate, inputBytes, seed, first, head, next, hidden, due } = message
    return (
      [term, ...reigns.map((reign) => reign.term)].every((each) => each <= MAX_TERM) &&
      hop <= MOST_HOPS &&
      frameRate <= MOST_FRAME_RATE &&
      inputBytes <= limits.input &&
      seed.length <= MOST_SEED &&
      [first, head, next, hidden, ...reigns.map(({ from }) => from)].every((frame) => frame <= LAST_FRAME) &&
      isDue(due) &&
      [...message.members, ...message.shown].every(isMember)
    )
  }
  if (message.type === 'follow' || message.type === 'readers')
    return message.readers <= MOST_READERS && message.spectators <= MOST_READERS
  if (message.type !== 'seated') return true
  return (
    isMember(message) &&
    message.members.every(isMember) &&
    message.next <= LAST_FRAME &&
    isDue(message.due) &&
    message.seq <= MAX_SEQ
  )
}

/** Whether a frame can be due in so many microseconds. */
export function isDue(due: number): boolean {
  return due <= LONGEST_WAIT
}

function isMember({ slot }: { readonly slot: number }): boolean {
  return slot < SYSTEM_SLOT
}
