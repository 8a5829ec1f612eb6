import { readdirSync } from 'node:fs'
import type { Registry } from 'prom-client'
import { addCounter, addGauge } from './read-metrics.ts'

/** Linux alone tells. */
const FILES = '/proc/self/fd'

/**
 * Adds the metrics of the process, by the names that Prometheus's own client libraries use. Only for a node with a
 * server of its own: an application that attaches one has them of its own already, and may not have them twice.
 */
export function addProcessMetrics(registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    addGauge(registry, `process_${name}`, help, read)
  const cpu = 'Seconds of a processor that the process has used.'
  addCounter(registry, 'process_cpu_seconds_total', cpu, processorSeconds)
  const startedAt = Date.now() / 1_000 - process.uptime()
  gauge('start_time_seconds', 'When the process was started, in seconds since 1970.', () => startedAt)
  gauge('resident_memory_bytes', 'Memory that the process has in use.', () => process.memoryUsage.rss())
  const heap = 'Size of the heap of JavaScript; with several nodes in a process, of the thread of this one.'
  gauge('heap_bytes', heap, () => process.memoryUsage().heapTotal)
  if (openFiles() > 0) gauge('open_fds', 'Files and sockets that are open.', openFiles)
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function openFiles(): number {
  try {
    // One of them is that of the folder.
    return readdirSync(FILES).length - 1
  } catch {
    return 0
  }
}
