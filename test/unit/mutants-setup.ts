import * as fc from 'fast-check'

// For each mutant the same cases, and a bounded time: a property with a thousand runs finds most mutants in its first.
fc.configureGlobal({ seed: 1, interruptAfterTimeLimit: 150 })
