import { styleText } from 'node:util'
import { isColorful, print } from '../usage.ts'

export type Status = 'PASS' | 'WARN' | 'FAIL' | 'SKIP'

/** What one check found. */
export interface Finding {
  readonly check: string
  readonly status: Status
  readonly text: string
  /** What to do about it. */
  readonly fix?: string
}

const colors = { PASS: 'green', WARN: 'yellow', FAIL: 'red', SKIP: 'gray' } as const

/** The checklist of one run. */
export class Report {
  readonly findings: Finding[] = []
  readonly #isQuiet: boolean

  /** `isQuiet`: findings are not printed as they come. */
  constructor(isQuiet: boolean) {
    this.#isQuiet = isQuiet
  }

  add(check: string, status: Status, text: string, fix?: string): void {
    this.findings.push({ check, status, text, ...(fix === undefined ? {} : { fix }) })
    if (this.#isQuiet) return
    const label = isColorful(process.stdout) ? styleText(colors[status], status) : status
    print(`  ${check.padEnd(12)} ${text}`, label)
    if (fix !== undefined) print(`      ${''.padEnd(12)} → ${fix}`)
  }

  count(status: Status): number {
    return this.findings.filter((finding) => finding.status === status).length
  }
}
