import { readdirSync } from 'node:fs'
import { getHeapCodeStatistics } from 'node:v8'

/** What is read from the node's own metrics. */
const GAUGES = [
  'connections',
  'sessions',
  'meetings',
  'topics',
  'timers',
  'upstream_queue_bytes',
  'log_bytes',
]

/** How a node stands: its gauges, and its process's descriptors and memory after a collection. */
export async function sample(rtms) {
  const text = await rtms.metrics()
  const gauges = {}
  for (const name of GAUGES)
    gauges[name] = Number(new RegExp(`^rtms_${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { code_and_metadata_size, bytecode_and_metadata_size } = getHeapCodeStatistics()
  const descriptors = readdirSync('/proc/self/fd').length
  const { connectionsOpened, sessionsEnded, sessionsResumed, inputsFramed, framesSealed } = rtms.stats
  return {
    ...gauges,
    descriptors,
    rss,
    heapUsed,
    compiled: code_and_metadata_size + bytecode_and_metadata_size,
    external,
    connectionsOpened,
    sessionsEnded,
    sessionsResumed,
    inputsFramed,
    framesSealed,
  }
}
