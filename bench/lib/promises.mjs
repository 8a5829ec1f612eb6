import { printTable, save } from './report.mjs'

/** What is promised beside what was measured: the rows of a table, and how the program ends. */
export class Promises {
  #rows = []
  #isMissed = false

  /** @param {string} what @param {string} goal @param {string} measured @param {boolean} isMet */
  check(what, goal, measured, isMet) {
    if (!isMet) this.#isMissed = true
    this.#rows.push([what, goal, measured, isMet ? 'PASS' : 'MISSED'])
  }

  /** A figure without a goal, or one that this run was too short for. */
  note(what, goal, measured) {
    this.#rows.push([what, goal, measured, '–'])
  }

  /** Prints the table, saves everything, and ends the process: with 1 where something was missed. */
  async end(title, name, options, results) {
    printTable(title, ['', 'goal', 'measured', ''], this.#rows)
    await save(name, options, { promises: this.#rows, ...results })
    process.exit(this.#isMissed ? 1 : 0)
  }
}
