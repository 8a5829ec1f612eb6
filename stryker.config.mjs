/* Mutation testing. `scripts/mutants.mjs` runs this room by room and says which files and tests belong to a room. */
export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutants.config.ts' },
  coverageAnalysis: 'perTest',
  // A file's constants (tables of messages, errors and limits) are made while it loads. To mutate them, each mutant
  // would need all modules loaded anew. The tests of `docs`, `vectors` and `document` hold the tables word by word.
  ignoreStatic: true,
  mutator: {
    excludedMutations: [
      // '' for a member of a union does not compile; in a message to a person it is not behaviour.
      'StringLiteral',
      // {} and ['Stryker was here'] have the wrong type nearly everywhere, and so has `a.b` for `a?.b`.
      'ObjectLiteral',
      'ArrayDeclaration',
      'OptionalChaining',
    ],
  },
  incremental: true,
  reporters: ['progress-append-only', 'html'],
  tempDirName: '.mutants/tmp',
  ignorePatterns: ['.mutants', 'bench', 'dist', 'docs', 'examples', 'web'],
  // Stryker reads tsconfig.json with TypeScript's library, which TypeScript 7 does not have. Vitest needs none.
  tsconfigFile: 'none',
  concurrency: 1,
  timeoutMS: 10_000,
}
