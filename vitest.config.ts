import { defineConfig } from 'vitest/config'

// One project a kind of test; `npm run test:run -- --project unit` runs one of them.
// `built`: it tests what is built as well. `alone`: one file after the other, when all others have ended. `pure`: its
// files share a process, which spares loading the sources anew for each.
const project = (name: string, testTimeout: number, { built = false, alone = false, pure = false } = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    ...(built ? { globalSetup: 'test/built.ts' } : {}),
    ...(pure ? { isolate: false } : {}),
    ...(alone ? { fileParallelism: false } : {}),
  },
})

export default defineConfig({
  test: {
    // Vitest would leave one processor idle.
    maxWorkers: '100%',
    projects: [
      project('unit', 30_000, { pure: true }),
      // Weighs the heap, in a process of its own.
      project('weight', 120_000),
      project('simulation', 240_000),
      project('integration', 60_000, { built: true, alone: true }),
      // Browsers that are away for most of their time, and buses whose servers are.
      project('away', 120_000, { built: true }),
      project('bus', 60_000, { built: true }),
      project('browser', 120_000, { built: true, alone: true }),
    ],
  },
})
