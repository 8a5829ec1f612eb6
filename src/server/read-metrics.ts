import { Counter, Gauge, type Registry } from 'prom-client'

/* Metrics that are read when somebody asks for them, so that nothing is counted twice. */

export function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  const metric = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read())
    },
  })
  registry.registerMetric(metric)
}

/** `read`: the count so far. */
export function addCounter(registry: Registry, name: string, help: string, read: () => number): void {
  const metric = new Counter({
    name,
    help,
    registers: [],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
  registry.registerMetric(metric)
}
