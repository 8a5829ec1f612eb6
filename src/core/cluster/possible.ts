import { limits, SYSTEM_SLOT } from '../../protocol/limits.ts'
import type { MeshMessage } from './mesh-messages.ts'

/** Frames a second, and bytes of a seed; and the last frame and the longest wait in microseconds that there can be. */
const MOST_FRAME_RATE = 60
const MOST_SEED = 64
const LAST_FRAME = 2 ** 48
const LONGEST_WAIT = 2 ** 40

/**
 * Whether a meeting can be as the node that owns it says. A node that is broken must not have this one tell its clients
 * what they cannot read, or what no meeting is like.
 */
export function isPossible(message: MeshMessage): boolean {
  if (message.type === 'followed') {
    const { frameRate, inputBytes, seed, first, head, next, hidden, due } = message
    return (
      frameRate <= MOST_FRAME_RATE &&
      inputBytes <= limits.input &&
      seed.length <= MOST_SEED &&
      [first, head, next, hidden].every((frame) => frame <= LAST_FRAME) &&
      isDue(due) &&
      [...message.members, ...message.shown].every(isMember)
    )
  }
  if (message.type !== 'seated') return true
  return (
    isMember(message) && message.members.every(isMember) && message.next <= LAST_FRAME && isDue(message.due)
  )
}

/** Whether a frame can be due in so many microseconds. */
export function isDue(due: number): boolean {
  return due <= LONGEST_WAIT
}

function isMember({ slot }: { readonly slot: number }): boolean {
  return slot < SYSTEM_SLOT
}
