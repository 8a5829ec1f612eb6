// A node of `threads.test.ts`: notes what it hears, and does what the test asks for.
import { parentPort, workerData } from 'node:worker_threads'
import { threads } from '../../dist/bus/threads.js'

const heard = []
const text = (bytes) => (bytes.length > 100 ? bytes.length : Buffer.from(bytes).toString())
const port = threads(workerData.seat).connect(
  workerData.incarnation,
  {
    message: (subject, bytes, from) => heard.push(`${from} ${subject}:${text(bytes)}`),
    sent: (bytes, from) => heard.push(`${from} !${text(bytes)}`),
    down: () => heard.push('down'),
    back: () => heard.push('back'),
    gone: (node) => heard.push(`gone ${node}`),
  },
  { fault: (error) => heard.push(String(error)), warn: () => {} },
)

const actions = {
  heard: () => heard,
  stats: () => ({ ...port.stats, heap: process.memoryUsage().arrayBuffers }),
  subscribe: (subject) => port.subscribe(subject),
  publish: (subject, bytes) => port.publish(subject, Buffer.from(bytes)),
  flood: (subject, count, size) => {
    for (let n = 0; n < count; n++) port.publish(subject, new Uint8Array(size).fill(n % 10))
  },
  block: (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  throws: () =>
    setImmediate(() => {
      throw new Error('a bug of the business')
    }),
  publishAndExit: (subject, bytes) => {
    port.publish(subject, Buffer.from(bytes))
    setTimeout(() => process.exit(3), 20)
  },
  close: () => port.close(),
}

parentPort.on('message', ({ id, action, args }) => {
  const result = actions[action](...args)
  // What is no plain value, such as a promise, is not an answer.
  parentPort.postMessage({ id, result: action === 'heard' || action === 'stats' ? result : undefined })
})
