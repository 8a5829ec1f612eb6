import { readFileSync } from 'node:fs'
import { ofPackage } from './of-package.ts'

let known: string | undefined

/** The version of this package; `bundled` where a bundler has taken the code out of it. */
export function version(): string {
  known ??= read()
  return known
}

function read(): string {
  try {
    const text = readFileSync(ofPackage('package.json') ?? '', 'utf8')
    const { name, version } = JSON.parse(text) as { name?: string; version: string }
    // Beside a bundle may lie the file of another package.
    if (name === 'rtms') return version
  } catch {
    // There is none.
  }
  return 'bundled'
}
