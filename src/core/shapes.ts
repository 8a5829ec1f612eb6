import { binaryCodec, encodeMessage } from '../protocol/binary.ts'
import { defaultLimits } from './ground/config.ts'
import { idlePorts } from './idle.ts'
import { RtmsNode } from './node.ts'
import type { Transport } from './ports.ts'

/** V8 decides after the seventh object of a class. */
const ENOUGH = 8

const nobody: Transport = { write: () => true, pause() {}, resume() {}, close() {} }

/** Of clients that resume nothing. */
const hello: Uint8Array = encodeMessage({
  type: 'hello',
  version: 1,
  features: 0,
  client: '',
  token: '',
  session: '',
  received: 0,
  window: 0,
  moves: 0,
})

/**
 * Makes some sessions, meetings and topics in a node of their own. V8 decides by the first objects of a class how those that come
 * later are laid out. If these first ones live one at a time, as the rooms of a quiet morning do, it has forgotten each
 * when the next is made, finds no fields to make room for, and keeps all later objects of a class with many private
 * fields as hash tables: 800 bytes more each, and slower to use. Call it once, before the first node of a process.
 */
export function settleShapes(): void {
  let made = 0
  const entropy = (length: number): Uint8Array => new Uint8Array(length).fill(++made)
  const asked: object[] = []
  const application = { ...idlePorts.application, authenticate: (check: object) => void asked.push(check) }
  const node = new RtmsNode(
    { id: '', incarnation: 1, wallOffset: 0, entropy, limits: defaultLimits },
    { ...idlePorts, application },
  )
  for (let n = 0; n < ENOUGH; n++) {
    node.handlePacket(node.handleOpen(nobody, binaryCodec, 0), hello, 0)
    node.openMeeting(`${n}`, {}, 0)
    node.publish(`${n}`, { text: true, bytes: new Uint8Array() }, '', false, 0)
  }
  const rights = { id: '', issued: 0, after: 0, expires: 0, meetings: [], read: [], write: [] }
  for (const [n, check] of asked.entries())
    node.handleAuthenticated(check, { ok: true, value: { user: `${n}`, ...rights } }, 0)
}
