import { defineConfig } from 'vitest/config'

// One project a kind of test; `npm run test:run -- --project unit` runs one of them.
// `built`: it tests what is built as well, one file after the other.
const project = (name: string, testTimeout: number, built = false) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    ...(built ? { fileParallelism: false, globalSetup: 'test/built.ts' } : {}),
  },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', 30_000),
      project('simulation', 240_000),
      project('integration', 60_000),
      project('browser', 120_000, true),
    ],
  },
})
