import { relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Quick files first: the first test that fails ends the run of a mutant. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const timeOf = ({ project, moduleId }: TestSpecification): number =>
      this.ctx.cache.getFileTestResults(`${project.name}:${relative(this.ctx.config.root, moduleId)}`)
        ?.duration ?? 0
    return Promise.resolve(files.toSorted((a, b) => timeOf(a) - timeOf(b)))
  }
}

/* The tests that Stryker runs for each mutant (`npm run test:mutants`): those that take no time by their nature. */
export default defineConfig({
  test: {
    include: ['test/unit/{protocol,core,client,lockstep,server}/**/*.test.ts'],
    setupFiles: ['test/unit/mutants-setup.ts'],
    testTimeout: 30_000,
    // One worker for all files and all mutants: starting one takes longer than most tests.
    isolate: false,
    sequence: { sequencer: QuickFirst },
  },
})
