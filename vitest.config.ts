import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const processors = availableParallelism()

interface Settings {
  readonly testTimeout: number
  /** Groups run one after the other, in this order. */
  readonly groupOrder: number
  /** Files at a time, the same throughout a group. */
  readonly maxWorkers: number
  /** It tests what is built as well. */
  readonly built?: boolean
  /** Its files share a process, which spares loading the sources anew for each. */
  readonly shared?: boolean
}

// One project a kind of test; `npm run test:run -- --project unit` runs one of them.
const project = (name: string, { testTimeout, groupOrder, maxWorkers, built, shared }: Settings) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    maxWorkers,
    sequence: { groupOrder },
    // As patient as locators of pages are nearly, since a busy machine takes its time.
    expect: { poll: { timeout: 10_000 } },
    ...(built ? { globalSetup: 'test/built.ts' } : {}),
    ...(shared ? { isolate: false } : {}),
  },
})

/** What computes. */
const first = { groupOrder: 0, maxWorkers: processors }
/**
 * What waits for most of its time: for other processes, for servers that are away, for browsers, for the clock. What
 * some of them draw and compute fills the time in which others wait.
 */
const second = { groupOrder: 1, maxWorkers: processors + 2, built: true }

export default defineConfig({
  test: {
    // Without a logger nodes warn on the console, in many tests on purpose.
    silent: 'passed-only',
    projects: [
      project('unit', { ...first, testTimeout: 30_000, shared: true }),
      // Weighs the heap, in a process of its own.
      project('weight', { ...first, testTimeout: 120_000 }),
      project('simulation', { ...first, testTimeout: 240_000 }),
      project('integration', { ...second, testTimeout: 60_000, shared: true }),
      project('away', { ...second, testTimeout: 120_000 }),
      project('bus', { ...second, testTimeout: 60_000, shared: true }),
      project('browser', { ...second, testTimeout: 120_000 }),
    ],
  },
})
