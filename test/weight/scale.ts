import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Connection,
  defaultLimits,
  idlePorts,
  type NodeLimits,
  RtmsNode,
  type Transport,
} from '../../src/core/index.ts'
import { binaryCodec, type Message } from '../../src/protocol/index.ts'
import { messages } from '../../src/testing/index.ts'
import { grant } from '../unit/core/harness.ts'

setFlagsFromString('--expose-gc')
// Else the code of functions that have not run for a while is given back between two weighings.
setFlagsFromString('--no-flush-bytecode')

/** Collects what is garbage. */
export const collect = runInNewContext('gc') as () => void

/**
 * Bytes of the heap and of buffers: the least of some weighings, since buffers are given back by a thread of their own.
 */
export async function weigh(): Promise<number> {
  let least = Infinity
  for (let turn = 0; turn < 4; turn++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}

const silent: Transport = { write: () => true, pause() {}, resume() {}, close() {} }

/** A node whose sockets take everything and keep nothing, and whose time stands still. */
export class Scale {
  readonly node: RtmsNode
  now = 1_000
  #asked: object[] = []
  #names = 0

  constructor(limits: Partial<NodeLimits> = {}) {
    this.node = new RtmsNode(
      {
        id: 'n1',
        incarnation: 7,
        wallOffset: 1_700_000_000_000,
        entropy: (count) => {
          const bytes = new Uint8Array(count)
          new DataView(bytes.buffer).setUint32(0, ++this.#names)
          return bytes
        },
        limits: { ...defaultLimits, ...limits },
      },
      {
        ...idlePorts,
        application: {
          ...idlePorts.application,
          authenticate: (check) => this.#asked.push(check),
        },
        fault: (error) => {
          throw error
        },
      },
    )
  }

  say(connection: Connection, ...all: Message[]): void {
    this.node.handlePacket(connection, binaryCodec.encode(all), this.now)
  }

  connect(user: string): Connection {
    const connection = this.node.handleOpen({ ...silent }, binaryCodec, this.now)
    this.say(connection, messages.hello('token'))
    for (const asked of this.#asked.splice(0))
      this.node.handleAuthenticated(asked, { ok: true, value: grant(user) }, this.now)
    return connection
  }

  settle(): void {
    while (this.node.deadline(this.now) <= this.now) this.node.sweep(this.now)
  }
}
