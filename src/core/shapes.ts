import { defaultLimits } from './ground/config.ts'
import { idlePorts } from './idle.ts'
import { RtmsNode } from './node.ts'

/** V8 decides after the seventh object of a class. */
const ENOUGH = 8

/**
 * Makes some meetings and topics in a node of their own. V8 decides by the first objects of a class how those that come
 * later are laid out. If these first ones live one at a time, as the rooms of a quiet morning do, it has forgotten each
 * when the next is made, finds no fields to make room for, and keeps all later objects of a class with many private
 * fields as hash tables: 800 bytes more each, and slower to use. Call it once, before the first node of a process.
 */
export function settleShapes(): void {
  const node = new RtmsNode(
    { id: '', incarnation: 1, wallOffset: 0, entropy: (n) => new Uint8Array(n), limits: defaultLimits },
    idlePorts,
  )
  for (let n = 0; n < ENOUGH; n++) {
    node.openMeeting(`${n}`, {}, 0)
    node.publish(`${n}`, { text: true, bytes: new Uint8Array() }, '', false, 0)
  }
}
